/* From nodes to instructions. Each expression has a destination: a register, a return, or nothing. Registers are
 * handed out like a stack (height); a call's frame begins at its end. */
#include "generate.h"

enum { REGISTERS_MAX = 0x7ff0 };

/* ---- instructions and labels ------------------------------------------------------------------------- */

static void *grown(struct vm *vm, void *old, int *room, int count, size_t size)
{
    if (count < *room)
        return old;
    *room = *room == 0 ? 32 : 2 * *room;
    void *more = arena_alloc(vm, (size_t)*room * size);
    if (count > 0)
        memcpy(more, old, (size_t)count * size);
    return more;
}

static union insn *emit_raw(struct generator *g)
{
    g->code = grown(g->vm, g->code, &g->room, g->count, sizeof *g->code);
    return &g->code[g->count++];
}

void emit(struct generator *g, enum operation op, int a, int b, int c)
{
    if (g->line > 0 && (g->line_count == 0 || g->lines[g->line_count - 1].line != (uint32_t)g->line)) {
        g->lines = grown(g->vm, g->lines, &g->line_room, g->line_count, sizeof *g->lines);
        g->lines[g->line_count++] = (struct line){ (uint32_t)g->count, (uint32_t)g->line };
    }
    emit_raw(g)->i = (struct operands){ (uint16_t)op, (uint16_t)a, (uint16_t)b, (uint16_t)c };
}

void emit_word(struct generator *g, value v)
{
    emit_raw(g)->word = v;
}

int label_new(struct generator *g)
{
    g->label = grown(g->vm, g->label, &g->label_room, g->labels, sizeof *g->label);
    g->label[g->labels] = -1;
    return g->labels++;
}

void place(struct generator *g, int label)
{
    g->label[label] = g->count;
}

/* A jump's distance is put into its c, or b and c, when all labels are placed. */
void emit_jump(struct generator *g, enum operation op, int a, int b, int label)
{
    g->jump = grown(g->vm, g->jump, &g->jump_room, g->jumps, sizeof *g->jump);
    g->jump[g->jumps++] = (struct jump){ g->count, label };
    emit(g, op, a, b, 0);
}

static void too_large(struct generator *g)
{
    g->vm->running = NULL;
    fail(g->vm, CONDITION_SYNTAX, NIL, "syntax: a procedure is too large");
}

static void settle_jumps(struct generator *g)
{
    for (int i = 0; i < g->jumps; i++) {
        struct operands *o = &g->code[g->jump[i].at].i;
        int distance = g->label[g->jump[i].label] - (g->jump[i].at + 1);
        if (o->op == OP_JUMP || o->op == OP_LOOP) {
            o->b = (uint16_t)distance;
            o->c = (uint16_t)((uint32_t)distance >> 16);
        } else if (distance == (int16_t)distance) {
            o->c = (uint16_t)distance;
        } else {
            too_large(g);
        }
    }
}

int allocate(struct generator *g, int count)
{
    int first = g->height;
    g->height += count;
    if (g->height > g->highest)
        g->highest = g->height;
    if (g->height > REGISTERS_MAX)
        too_large(g);
    return first;
}

/* ---- values ------------------------------------------------------------------------------------------ */

void emit_constant(struct generator *g, value v, int to)
{
    if (v <= UINT32_MAX) {
        emit(g, OP_SMALL, to, (int)(v & 0xffff), (int)(v >> 16));
    } else {
        emit(g, OP_CONSTANT, to, 0, 0);
        emit_word(g, v);
    }
}

static int free_index(const struct lambda *l, const struct variable *v)
{
    int i = 0;
    while (l->free[i] != v)
        i++;
    return i;
}

static void emit_reference(struct generator *g, const struct variable *v, int to)
{
    if (v->bound == g->lambda)
        emit(g, OP_SELF, to, 0, 0);
    else if (v->owner != g->lambda)
        emit(g, v->boxed ? OP_FREE_BOX : OP_FREE, to, free_index(g->lambda, v), 0);
    else if (v->boxed)
        emit(g, OP_BOX_REF, to, v->reg, 0);
    else if (v->reg != to)
        emit(g, OP_MOVE, to, v->reg, 0);
}

/* A register that has the value: a variable's own where nothing can change it meanwhile. */
int operand(struct generator *g, struct node *n)
{
    const struct variable *v = n->variable;
    if (n->type == NODE_LOCAL && v->owner == g->lambda && !v->boxed && v->sets == 0)
        return v->reg;
    int r = allocate(g, 1);
    generate(g, n, r);
    return r;
}

/* A value is in a register; it should be where `to` says. */
void deliver(struct generator *g, int from, int to)
{
    if (to == RETURNED)
        emit(g, OP_RETURN, from, 0, 0);
    else if (to >= 0 && to != from)
        emit(g, OP_MOVE, to, from, 0);
}

/* Where to put a value on its way. */
int place_for(struct generator *g, int to)
{
    return to >= 0 ? to : allocate(g, 1);
}

static uint16_t captured(struct generator *g, const struct variable *v)
{
    if (v->bound == g->lambda)
        return CAPTURE_SELF;
    return (uint16_t)(v->owner == g->lambda ? v->reg : CAPTURE_FREE | free_index(g->lambda, v));
}

static value compile_lambda(struct vm *vm, struct lambda *l);

static void generate_lambda(struct generator *g, struct node *n, int to)
{
    struct lambda *l = n->lambda;
    int at = place_for(g, to);
    if (l->free_count > REGISTERS_MAX)
        too_large(g);
    l->code = compile_lambda(g->vm, l);
    emit(g, OP_CLOSURE, at, l->free_count, 0);
    emit_word(g, l->code);
    for (int i = 0; i < l->free_count; i += 4) {
        uint16_t w[4] = { 0, 0, 0, 0 };
        for (int k = 0; k < 4 && i + k < l->free_count; k++)
            w[k] = captured(g, l->free[i + k]);
        emit_raw(g)->i = (struct operands){ w[0], w[1], w[2], w[3] };
    }
    deliver(g, at, to);
}

static void generate_set(struct generator *g, struct node *n, int to)
{
    const struct variable *v = n->variable;
    int r = operand(g, n->item[0]);
    if (v->owner == g->lambda)
        emit(g, OP_BOX_SET, v->reg, r, 0);
    else
        emit(g, OP_FREE_BOX_SET, free_index(g->lambda, v), r, 0);
    if (to != IGNORED) {
        int at = place_for(g, to);
        emit_constant(g, VOID, at);
        deliver(g, at, to);
    }
}

static void generate_global_set(struct generator *g, struct node *n, int to)
{
    int r = operand(g, n->item[0]);
    emit(g, n->type == NODE_DEFINE ? OP_DEFINE_GLOBAL : OP_SET_GLOBAL, r, 0, 0);
    emit_word(g, n->constant);
    if (n->type == NODE_SET_GLOBAL)
        symbol_of(n->constant)->head.flags = 0;
    if (to != IGNORED) {
        int at = place_for(g, to);
        emit_constant(g, n->type == NODE_DEFINE ? n->constant : VOID, at);
        deliver(g, at, to);
    }
}

/* ---- conditionals ------------------------------------------------------------------------------------ */

static void generate_if(struct generator *g, struct node *n, int to)
{
    int otherwise = label_new(g), end = label_new(g);
    generate_test(g, n->item[0], otherwise, false);
    generate(g, n->item[1], to);
    if (to != RETURNED)
        emit_jump(g, OP_JUMP, 0, 0, end);
    place(g, otherwise);
    generate(g, n->item[2], to);
    place(g, end);
}

static void generate_logic(struct generator *g, struct node *n, int to)
{
    int end = label_new(g), at = place_for(g, to);
    for (int i = 0; i < n->count - 1; i++) {
        if (to == IGNORED) {
            generate_test(g, n->item[i], end, n->type == NODE_OR);
            continue;
        }
        generate(g, n->item[i], at);
        emit_jump(g, n->type == NODE_OR ? OP_UNLESS_FALSE : OP_IF_FALSE, at, 0, end);
    }
    generate(g, n->item[n->count - 1], to);
    place(g, end);
    if (to == RETURNED)
        deliver(g, at, to);
}

/* ---- calls ------------------------------------------------------------------------------------------- */

static bool mentions(const struct node *n, const struct variable *v)
{
    if (n->variable == v)
        return true;
    for (int i = 0; i < n->count; i++)
        if (mentions(n->item[i], v))
            return true;
    if (n->lambda != NULL && mentions(n->lambda->body, v))
        return true;
    return n->body != NULL && mentions(n->body, v);
}

/* New values for variables, all at once: where an argument mentions a variable that an earlier one is to change,
 * or may change its own before it has read it, the value waits in a register. */
static void rebind(struct generator *g, struct node *call, struct variable **p, int count)
{
    int height = g->height, *from = arena_alloc(g->vm, (size_t)(count + 1) * sizeof *from);
    for (int i = 0; i < count; i++) {
        struct node *n = call->item[i + 1];
        bool later = mentions(n, p[i]) && (n->type != NODE_CALL || n->count > 3);
        for (int k = i + 1; k < count; k++)
            later = later || mentions(call->item[k + 1], p[i]);
        from[i] = p[i]->reg;
        if (n->type == NODE_LOCAL && n->variable == p[i] && !p[i]->boxed)
            continue;
        if (later)
            from[i] = allocate(g, 1);
        generate(g, n, from[i]);
    }
    g->line = call->line;
    for (int i = 0; i < count; i++)
        if (from[i] != p[i]->reg)
            emit(g, OP_MOVE, p[i]->reg, from[i], 0);
    g->height = height;
}

static void box_parameters(struct generator *g, const struct lambda *l)
{
    for (int i = 0; i < l->count; i++)
        if (l->parameters[i]->boxed)
            emit(g, OP_MAKE_BOX, l->parameters[i]->reg, l->parameters[i]->reg, 0);
}

/* A jump to the loop's beginning; or its code, where it is first entered. */
static void generate_loop_call(struct generator *g, struct node *call)
{
    struct node *loop = call->item[0]->variable->loop;
    rebind(g, call, loop->lambda->parameters, loop->lambda->count);
    if (loop->label >= 0) {
        emit_jump(g, OP_LOOP, 0, 0, loop->label);
        return;
    }
    loop->label = label_new(g);
    place(g, loop->label);
    box_parameters(g, loop->lambda);
    generate(g, loop->lambda->body, loop->destination);
}

/* The procedure calls itself, and that is all that is left to do. */
static bool is_again(const struct generator *g, const struct node *n, int to)
{
    const struct variable *v = n->item[0]->type == NODE_LOCAL ? n->item[0]->variable : NULL;
    return to == RETURNED && v != NULL && v->bound == g->lambda && !g->lambda->rest
           && n->count == g->lambda->count + 1;
}

static void generate_call(struct generator *g, struct node *n, int to)
{
    struct node *f = n->item[0];
    const struct integrable *i = integrable(n);
    if (f->type == NODE_LOCAL && f->variable->loop != NULL) {
        generate_loop_call(g, n);
        return;
    }
    if (is_again(g, n, to)) {
        rebind(g, n, g->lambda->parameters, g->lambda->count);
        emit_jump(g, OP_LOOP, 0, 0, g->start);
        return;
    }
    if (i != NULL) {
        generate_inline(g, i, n, to);
        return;
    }
    if (to >= 0 && to == g->height - 1)
        g->height--; /* its place is where the result comes */
    int height = g->height, base = allocate(g, 2) + 2;
    if (f->type != NODE_GLOBAL)
        generate(g, f, base - 1);
    for (int k = 1; k < n->count; k++)
        generate(g, n->item[k], allocate(g, 1));
    g->line = n->line;
    if (f->type == NODE_GLOBAL) {
        emit(g, to == RETURNED ? OP_GLOBAL_TAIL : OP_GLOBAL_CALL, base - 1, 0, 0);
        emit_word(g, f->constant);
    }
    emit(g, to == RETURNED ? OP_TAIL : OP_CALL, base, n->count - 1, 0);
    g->height = height;
    if (to == base - 2)
        allocate(g, 1);
    else if (to >= 0)
        deliver(g, base - 2, to);
}

/* ---- bindings ---------------------------------------------------------------------------------------- */

static void generate_let(struct generator *g, struct node *n, int to)
{
    for (int i = 0; i < n->count; i++) {
        struct variable *v = n->variables[i];
        v->reg = allocate(g, 1);
        generate(g, n->item[i], v->reg);
    }
    for (int i = 0; i < n->count; i++)
        if (n->variables[i]->boxed)
            emit(g, OP_MAKE_BOX, n->variables[i]->reg, n->variables[i]->reg, 0);
    generate(g, n->body, to);
}

/* Closures [i, end) of a letrec capture each other: what a closure captured before it was there is put into it
 * afterwards. */
static int generate_closures(struct generator *g, struct node *n, int i)
{
    int end = i;
    while (end < n->count && n->variables[end] != NULL && n->variables[end]->bound != NULL)
        end++;
    for (int k = i; k < end; k++) {
        struct variable *v = n->variables[k];
        generate(g, n->item[k], v->reg);
        for (int earlier = i; earlier < k; earlier++) {
            struct lambda *l = n->item[earlier]->lambda;
            for (int f = 0; f < l->free_count; f++)
                if (l->free[f] == v)
                    emit(g, OP_PATCH, n->variables[earlier]->reg, f, v->reg);
        }
    }
    return end;
}

static void generate_letrec(struct generator *g, struct node *n, int to)
{
    for (int i = 0; i < n->count; i++) {
        struct variable *v = n->variables[i];
        if (v == NULL)
            continue;
        v->reg = allocate(g, 1);
        if (v->boxed) {
            emit_constant(g, UNBOUND, v->reg);
            emit(g, OP_MAKE_BOX, v->reg, v->reg, 0);
        }
    }
    for (int i = 0; i < n->count;) {
        struct variable *v = n->variables[i];
        int height = g->height;
        if (v == NULL) {
            generate(g, n->item[i++], IGNORED);
        } else if (v->bound != NULL) {
            i = generate_closures(g, n, i);
        } else if (v->boxed) {
            int r = operand(g, n->item[i++]);
            emit(g, OP_BOX_SET, v->reg, r, 0);
        } else {
            generate(g, n->item[i++], v->reg);
        }
        g->height = height;
    }
    generate(g, n->body, to);
}

static void generate_loop(struct generator *g, struct node *n, int to)
{
    for (int i = 0; i < n->lambda->count; i++)
        n->lambda->parameters[i]->reg = allocate(g, 1);
    n->destination = to;
    generate(g, n->body, to);
}

/* ---- any node ---------------------------------------------------------------------------------------- */

static void generate_simple(struct generator *g, struct node *n, int to)
{
    if (to == IGNORED && n->type != NODE_GLOBAL)
        return;
    const struct variable *v = n->variable;
    if (n->type == NODE_LOCAL && to == RETURNED && v->owner == g->lambda && !v->boxed) {
        emit(g, OP_RETURN, v->reg, 0, 0);
        return;
    }
    int at = place_for(g, to);
    if (n->type == NODE_CONSTANT) {
        emit_constant(g, n->constant, at);
    } else if (n->type == NODE_LOCAL) {
        emit_reference(g, v, at);
    } else {
        emit(g, OP_GLOBAL, at, 0, 0);
        emit_word(g, n->constant);
    }
    deliver(g, at, to);
}

void generate(struct generator *g, struct node *n, int to)
{
    int height = g->height;
    depth_check(g->vm);
    g->line = n->line;
    switch (n->type) {
    case NODE_CONSTANT:
    case NODE_LOCAL:
    case NODE_GLOBAL: generate_simple(g, n, to); break;
    case NODE_SET: generate_set(g, n, to); break;
    case NODE_SET_GLOBAL:
    case NODE_DEFINE: generate_global_set(g, n, to); break;
    case NODE_IF: generate_if(g, n, to); break;
    case NODE_AND:
    case NODE_OR: generate_logic(g, n, to); break;
    case NODE_SEQUENCE:
        for (int i = 0; i < n->count - 1; i++)
            generate(g, n->item[i], IGNORED);
        generate(g, n->item[n->count - 1], to);
        break;
    case NODE_CALL: generate_call(g, n, to); break;
    case NODE_LAMBDA:
        if (to != IGNORED)
            generate_lambda(g, n, to);
        break;
    case NODE_LET: generate_let(g, n, to); break;
    case NODE_LETREC: generate_letrec(g, n, to); break;
    case NODE_LOOP: generate_loop(g, n, to); break;
    }
    g->height = height;
}

static value compile_lambda(struct vm *vm, struct lambda *l)
{
    struct generator g = { .vm = vm, .lambda = l, .line = l->line };
    depth_check(vm);
    for (int i = 0; i < l->count; i++)
        l->parameters[i]->reg = allocate(&g, 1);
    g.start = label_new(&g);
    place(&g, g.start);
    box_parameters(&g, l);
    generate(&g, l->body, RETURNED);
    settle_jumps(&g);
    unsigned registers = (unsigned)g.highest + 3; /* three for the call of an error's handler */
    for (int at = 0; at < g.count; at++) {
        enum operation op = g.code[at].i.op;
        if (op == OP_CALL)
            g.code[at].i.c = (uint16_t)registers;
        at += op == OP_CONSTANT || op == OP_GLOBAL || op == OP_SET_GLOBAL || op == OP_DEFINE_GLOBAL
              || op == OP_GLOBAL_CALL || op == OP_GLOBAL_TAIL || op == OP_IF_EQ_K || op == OP_UNLESS_EQ_K;
        if (op == OP_CLOSURE)
            at += 1 + (g.code[at].i.b + 3) / 4;
    }
    value lines = FALSE;
    if (g.line_count > 0) {
        lines = bytevector_new(vm, (size_t)g.line_count * sizeof *g.lines);
        memcpy(bytevector_of(lines)->byte, g.lines, (size_t)g.line_count * sizeof *g.lines);
    }
    return code_new(vm, g.code, (size_t)g.count, (unsigned)l->count, l->rest, registers, l->name, lines);
}

value compile_toplevel(struct vm *vm, value form)
{
    mem_finalizers_run();
    arena_reset(vm); /* an error may have left something there */
    vm->form_line = is_pair(form) ? position_of(vm, form) : 0;
    struct lambda *l = expand_toplevel(vm, form);
    analyze(vm, l);
    value thunk = closure_new(vm, compile_lambda(vm, l), 0);
    arena_reset(vm);
    return thunk;
}
