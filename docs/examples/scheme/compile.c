/* From nodes to instructions. Each expression has a destination: a register, a return, or nothing. Registers are
 * handed out like a stack (height); a call's frame begins at its end. */
#include "compile.h"

enum { RETURNED = -1, IGNORED = -2 }; /* destinations that are no registers */
enum { REGISTERS_MAX = 0x7ff0 };

/* ---- instructions and labels -------------------------------------------------------------------------------- */

struct jump {
    int at, label;
};

struct generator { /* of one lambda; everything in the arena */
    struct vm *vm;
    struct lambda *lambda;
    union insn *code;
    int count, room;
    int *label; /* where they are; -1: not yet */
    int labels, label_room;
    struct jump *jump;
    int jumps, jump_room;
    struct line *lines;
    int line_count, line_room;
    int line; /* of what is being compiled */
    int height, highest;
};

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

static void emit(struct generator *g, enum operation op, int a, int b, int c)
{
    if (g->line > 0 && (g->line_count == 0 || g->lines[g->line_count - 1].line != (uint32_t)g->line)) {
        g->lines = grown(g->vm, g->lines, &g->line_room, g->line_count, sizeof *g->lines);
        g->lines[g->line_count++] = (struct line){ (uint32_t)g->count, (uint32_t)g->line };
    }
    emit_raw(g)->i = (struct operands){ (uint16_t)op, (uint16_t)a, (uint16_t)b, (uint16_t)c };
}

static void emit_word(struct generator *g, value v)
{
    emit_raw(g)->word = v;
}

static int label_new(struct generator *g)
{
    g->label = grown(g->vm, g->label, &g->label_room, g->labels, sizeof *g->label);
    g->label[g->labels] = -1;
    return g->labels++;
}

static void place(struct generator *g, int label)
{
    g->label[label] = g->count;
}

/* A jump's distance is put into its c, or b and c, when all labels are placed. */
static void emit_jump(struct generator *g, enum operation op, int a, int b, int label)
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

static int allocate(struct generator *g, int count)
{
    int first = g->height;
    g->height += count;
    if (g->height > g->highest)
        g->highest = g->height;
    if (g->height > REGISTERS_MAX)
        too_large(g);
    return first;
}

/* ---- values -------------------------------------------------------------------------------------------------- */

static void generate(struct generator *g, struct node *n, int to);
static void generate_test(struct generator *g, struct node *n, int label, bool sense);

static void emit_constant(struct generator *g, value v, int to)
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
static int operand(struct generator *g, struct node *n)
{
    const struct variable *v = n->variable;
    if (n->type == NODE_LOCAL && v->owner == g->lambda && !v->boxed && v->sets == 0)
        return v->reg;
    int r = allocate(g, 1);
    generate(g, n, r);
    return r;
}

/* A value is in a register; it should be where `to` says. */
static void deliver(struct generator *g, int from, int to)
{
    if (to == RETURNED)
        emit(g, OP_RETURN, from, 0, 0);
    else if (to >= 0 && to != from)
        emit(g, OP_MOVE, to, from, 0);
}

/* Where to put a value on its way. */
static int place_for(struct generator *g, int to)
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

/* ---- tests ------------------------------------------------------------------------------------------------------- */

/* Primitives that are instructions, as long as their names have not been given other values. */
enum inline_kind { INLINE_OP, INLINE_NARY, INLINE_EFFECT, INLINE_TEST, INLINE_ZERO, INLINE_NOT };
static const struct integrable {
    const char *name;
    int operands;
    enum operation op; /* tests: the one that jumps if so */
    enum inline_kind kind;
} integrables[] = {
    { "+", 2, OP_ADD, INLINE_NARY },
    { "*", 2, OP_MUL, INLINE_NARY },
    { "-", 2, OP_SUB, INLINE_OP },
    { "/", 2, OP_DIV, INLINE_OP },
    { "quotient", 2, OP_QUOTIENT, INLINE_OP },
    { "truncate-quotient", 2, OP_QUOTIENT, INLINE_OP },
    { "remainder", 2, OP_REMAINDER, INLINE_OP },
    { "truncate-remainder", 2, OP_REMAINDER, INLINE_OP },
    { "modulo", 2, OP_MODULO, INLINE_OP },
    { "floor-remainder", 2, OP_MODULO, INLINE_OP },
    { "cons", 2, OP_CONS, INLINE_OP },
    { "car", 1, OP_CAR, INLINE_OP },
    { "cdr", 1, OP_CDR, INLINE_OP },
    { "cadr", 1, OP_CADR, INLINE_OP },
    { "cddr", 1, OP_CDDR, INLINE_OP },
    { "caar", 1, OP_CAAR, INLINE_OP },
    { "cdar", 1, OP_CDAR, INLINE_OP },
    { "set-car!", 2, OP_SET_CAR, INLINE_EFFECT },
    { "set-cdr!", 2, OP_SET_CDR, INLINE_EFFECT },
    { "vector-ref", 2, OP_VECTOR_REF, INLINE_OP },
    { "vector-set!", 3, OP_VECTOR_SET, INLINE_EFFECT },
    { "vector-length", 1, OP_VECTOR_LENGTH, INLINE_OP },
    { "string-ref", 2, OP_STRING_REF, INLINE_OP },
    { "eqv?", 2, OP_EQV, INLINE_OP },
    { "null?", 1, OP_IF_NULL, INLINE_TEST },
    { "pair?", 1, OP_IF_PAIR, INLINE_TEST },
    { "eq?", 2, OP_IF_EQ, INLINE_TEST },
    { "=", 2, OP_IF_NUM_EQ, INLINE_TEST },
    { "<", 2, OP_IF_LT, INLINE_TEST },
    { "<=", 2, OP_IF_LE, INLINE_TEST },
    { ">", 2, OP_IF_GT, INLINE_TEST },
    { ">=", 2, OP_IF_GE, INLINE_TEST },
    { "zero?", 1, OP_IF_NUM_EQ_I, INLINE_ZERO },
    { "not", 1, OP_IF_FALSE, INLINE_NOT },
};
enum { INTEGRABLES = sizeof integrables / sizeof *integrables };

/* The instruction for a call's operator; NULL: none. A primitive's head.flags is its row, from 1. */
static const struct integrable *integrable(const struct node *n)
{
    if (n->type != NODE_CALL)
        return NULL;
    const struct node *f = n->item[0];
    value p = f->type == NODE_CONSTANT ? f->constant : FALSE;
    if (f->type == NODE_GLOBAL && (symbol_of(f->constant)->head.flags & FLAG_INTEGRABLE) != 0)
        p = symbol_of(f->constant)->global;
    if (!is_primitive(p) || primitive_of(p)->head.flags == 0)
        return NULL;
    const struct integrable *i = &integrables[primitive_of(p)->head.flags - 1];
    return n->count - 1 == i->operands || (i->kind == INLINE_NARY && n->count > 3) ? i : NULL;
}

static bool is_small(const struct node *n, int *out)
{
    if (n->type != NODE_CONSTANT || !is_fixnum(n->constant))
        return false;
    intptr_t v = fixnum_of(n->constant);
    *out = (int)v;
    return v > INT16_MIN && v <= INT16_MAX;
}

/* The comparison with a small constant on its right; its mirror image is for one on its left. */
static enum operation immediate_test(enum operation op, bool mirrored)
{
    switch (op) {
    case OP_IF_NUM_EQ: return OP_IF_NUM_EQ_I;
    case OP_IF_LT: return mirrored ? OP_IF_GT_I : OP_IF_LT_I;
    case OP_IF_LE: return mirrored ? OP_IF_GE_I : OP_IF_LE_I;
    case OP_IF_GT: return mirrored ? OP_IF_LT_I : OP_IF_GT_I;
    case OP_IF_GE: return mirrored ? OP_IF_LE_I : OP_IF_GE_I;
    default: return OP_COUNT;
    }
}

static void inline_test(struct generator *g, const struct integrable *i, struct node *n, int label, bool sense)
{
    int no = sense ? 0 : 1, a, b = 0; /* each test is followed by its opposite */
    struct node *left = n->item[1], *right = n->count > 2 ? n->item[2] : NULL;
    enum operation op = i->op;
    if (right == NULL) {
        a = operand(g, left);
    } else if (immediate_test(op, false) != OP_COUNT && is_small(right, &b)) {
        op = immediate_test(op, false);
        a = operand(g, left);
    } else if (immediate_test(op, false) != OP_COUNT && is_small(left, &b)) {
        op = immediate_test(op, true);
        a = operand(g, right);
    } else {
        a = operand(g, left);
        b = operand(g, right);
    }
    g->line = n->line;
    emit_jump(g, op + no, a, b, label);
}

/* Jumps when all items are true (all) or when one is. */
static void logic_test(struct generator *g, struct node *n, int label, bool sense)
{
    bool all = n->type == NODE_AND;
    int skip = label_new(g);
    for (int i = 0; i < n->count - 1; i++)
        generate_test(g, n->item[i], sense == all ? skip : label, !all);
    generate_test(g, n->item[n->count - 1], label, sense);
    place(g, skip);
}

/* Jumps to the label if n is true (sense) or if it is not. */
static void generate_test(struct generator *g, struct node *n, int label, bool sense)
{
    int height = g->height;
    const struct integrable *i = integrable(n);
    if (i != NULL && i->kind == INLINE_NOT) {
        generate_test(g, n->item[1], label, !sense);
    } else if (i != NULL && i->kind >= INLINE_TEST) {
        inline_test(g, i, n, label, sense);
    } else if (n->type == NODE_CONSTANT) {
        if (is_true(n->constant) == sense)
            emit_jump(g, OP_JUMP, 0, 0, label);
    } else if (n->type == NODE_AND || n->type == NODE_OR) {
        logic_test(g, n, label, sense);
    } else if (n->type == NODE_IF) {
        int otherwise = label_new(g), end = label_new(g);
        generate_test(g, n->item[0], otherwise, false);
        generate_test(g, n->item[1], label, sense);
        emit_jump(g, OP_JUMP, 0, 0, end);
        place(g, otherwise);
        generate_test(g, n->item[2], label, sense);
        place(g, end);
    } else {
        int a = operand(g, n);
        emit_jump(g, sense ? OP_UNLESS_FALSE : OP_IF_FALSE, a, 0, label);
    }
    g->height = height;
}

static void generate_boolean(struct generator *g, struct node *n, int to)
{
    int no = label_new(g), end = label_new(g), at = place_for(g, to);
    generate_test(g, n, no, false);
    emit_constant(g, TRUE, at);
    if (to == RETURNED)
        emit(g, OP_RETURN, at, 0, 0);
    else
        emit_jump(g, OP_JUMP, 0, 0, end);
    place(g, no);
    emit_constant(g, FALSE, at);
    place(g, end);
    deliver(g, at, to);
}

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

/* ---- calls --------------------------------------------------------------------------------------------------------- */

static void inline_operation(struct generator *g, const struct integrable *i, struct node *n, int to)
{
    int r[3] = { 0, 0, 0 }, small, height = g->height;
    bool commutes = i->op == OP_ADD;
    if (commutes && is_small(n->item[1], &small)) { /* (+ 1 x) */
        struct node *left = n->item[1];
        n->item[1] = n->item[2];
        n->item[2] = left;
    }
    bool immediate = (commutes || i->op == OP_SUB) && is_small(n->item[2], &small);
    for (int k = 0; k < (immediate ? 1 : i->operands); k++)
        r[k] = operand(g, n->item[k + 1]);
    g->line = n->line;
    g->height = height;
    if (i->kind == INLINE_EFFECT) {
        emit(g, i->op, r[0], r[1], r[2]);
        if (to == IGNORED)
            return;
        int at = place_for(g, to);
        emit_constant(g, VOID, at);
        deliver(g, at, to);
        return;
    }
    int at = place_for(g, to);
    if (immediate)
        emit(g, i->op == OP_SUB ? OP_SUB_I : OP_ADD_I, at, r[0], small);
    else
        emit(g, i->op, at, r[0], r[1]);
    deliver(g, at, to);
}

/* (+ a b c ...): the first two into a register of its own, for the others may mention the destination. */
static void inline_chain(struct generator *g, const struct integrable *i, struct node *n, int to)
{
    struct node first = *n;
    int sum = allocate(g, 1), at = place_for(g, to);
    first.count = 3;
    inline_operation(g, i, &first, sum);
    for (int k = 3; k < n->count; k++) {
        int more = operand(g, n->item[k]);
        g->line = n->line;
        emit(g, i->op, k == n->count - 1 ? at : sum, sum, more);
    }
    deliver(g, at, to);
}

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

/* A call of a loop: new values for its variables, all at once, and a jump; or its code, where it is first
 * entered. */
static void generate_loop_call(struct generator *g, struct node *call)
{
    struct node *loop = call->item[0]->variable->loop;
    struct variable **p = loop->lambda->parameters;
    int count = loop->lambda->count, height = g->height;
    int *from = arena_alloc(g->vm, (size_t)(count + 1) * sizeof *from);
    for (int i = 0; i < count; i++) {
        struct node *n = call->item[i + 1];
        bool later = mentions(n, p[i]) && (n->type != NODE_CALL || n->count > 3); /* may write before it reads */
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
    if (loop->label >= 0) {
        emit_jump(g, OP_LOOP, 0, 0, loop->label);
        return;
    }
    loop->label = label_new(g);
    place(g, loop->label);
    for (int i = 0; i < count; i++)
        if (p[i]->boxed)
            emit(g, OP_MAKE_BOX, p[i]->reg, p[i]->reg, 0);
    generate(g, loop->lambda->body, loop->destination);
}

static void generate_call(struct generator *g, struct node *n, int to)
{
    struct node *f = n->item[0];
    const struct integrable *i = integrable(n);
    if (f->type == NODE_LOCAL && f->variable->loop != NULL) {
        generate_loop_call(g, n);
        return;
    }
    if (i != NULL && i->kind >= INLINE_TEST) {
        generate_boolean(g, n, to);
        return;
    }
    if (i != NULL) {
        (i->kind == INLINE_NARY && n->count > 3 ? inline_chain : inline_operation)(g, i, n, to);
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

/* ---- bindings ------------------------------------------------------------------------------------------------------- */

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

/* ---- any node ---------------------------------------------------------------------------------------------------------- */

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

static void generate(struct generator *g, struct node *n, int to)
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
    for (int i = 0; i < l->count; i++)
        if (l->parameters[i]->boxed)
            emit(&g, OP_MAKE_BOX, i, i, 0);
    generate(&g, l->body, RETURNED);
    settle_jumps(&g);
    unsigned registers = (unsigned)g.highest + 3; /* three for the call of an error's handler */
    for (int at = 0; at < g.count; at++) {
        enum operation op = g.code[at].i.op;
        if (op == OP_CALL)
            g.code[at].i.c = (uint16_t)registers;
        at += op == OP_CONSTANT || op == OP_GLOBAL || op == OP_SET_GLOBAL || op == OP_DEFINE_GLOBAL
              || op == OP_GLOBAL_CALL || op == OP_GLOBAL_TAIL;
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

/* The primitive behind an instruction, and behind a test's opposite. */
static void general_set(enum operation op, value primitive)
{
    vm_general(op, primitive_of(primitive)->info);
    if (op >= OP_IF_FALSE)
        vm_general(op + 1, primitive_of(primitive)->info);
}

void compile_begin(struct vm *vm)
{
    for (int i = 0; i < INTEGRABLES; i++) {
        struct symbol *s = symbol_of(symbol(vm, integrables[i].name));
        if (!is_primitive(s->global))
            continue;
        primitive_of(s->global)->head.flags = (uint8_t)(i + 1);
        general_set(integrables[i].op, s->global);
        s->head.flags |= FLAG_INTEGRABLE;
        enum operation immediate = immediate_test(integrables[i].op, false);
        if (immediate != OP_COUNT)
            general_set(immediate, s->global);
    }
    general_set(OP_ADD_I, symbol_of(symbol(vm, "+"))->global);
    general_set(OP_SUB_I, symbol_of(symbol(vm, "-"))->global);
}
