/* What the generator has to know of a form, before the first instruction:
 *
 *   find_loops    a procedure that is only ever called as the last thing, by itself and where it is defined,
 *                 is a loop: its parameters are variables of the procedure around it, a call is a jump;
 *   resolve       whose frame a variable lies in, what a closure captures, what needs a box: variables that are
 *                 assigned (closures and continuations have copies of variables, so all of them must see the
 *                 assignment), or that may be used before they have a value. */
#include "compile.h"

/* ---- find_loops -------------------------------------------------------------------------------------- */

/* How often v is called as the last thing that n does. */
static int last_calls(const struct node *n, const struct variable *v, int parameters)
{
    switch (n->type) {
    case NODE_IF:
        return last_calls(n->item[1], v, parameters) + last_calls(n->item[2], v, parameters);
    case NODE_AND:
    case NODE_OR:
    case NODE_SEQUENCE:
        return last_calls(n->item[n->count - 1], v, parameters);
    case NODE_LET:
    case NODE_LETREC:
        return last_calls(n->body, v, parameters);
    case NODE_LOOP:
        return last_calls(n->body, v, parameters) + last_calls(n->lambda->body, v, parameters);
    case NODE_CALL:
        return n->item[0]->type == NODE_LOCAL && n->item[0]->variable == v && n->count == parameters + 1;
    default:
        return 0;
    }
}

/* The last variables of a letrec that are loops, around its body. */
static void loops_of(struct vm *vm, struct node *n)
{
    while (n->count > 0) {
        struct variable *v = n->variables[n->count - 1];
        struct node *init = n->item[n->count - 1];
        if (v == NULL || v->sets > 0 || init->type != NODE_LAMBDA || init->lambda->rest)
            return;
        struct lambda *l = init->lambda;
        if (v->uses == 0 || last_calls(l->body, v, l->count) + last_calls(n->body, v, l->count) != v->uses)
            return;
        struct node *loop = arena_alloc(vm, sizeof *loop);
        *loop = (struct node){ .type = NODE_LOOP, .line = n->line, .variable = v, .lambda = l, .body = n->body,
                               .label = -1 };
        v->loop = loop;
        n->body = loop;
        n->count--;
    }
}

static void find_loops(struct vm *vm, struct node *n)
{
    depth_check(vm);
    for (int i = 0; i < n->count; i++)
        find_loops(vm, n->item[i]);
    if (n->body != NULL)
        find_loops(vm, n->body);
    if (n->type == NODE_LAMBDA)
        find_loops(vm, n->lambda->body);
    if (n->type == NODE_LETREC)
        loops_of(vm, n);
}

/* ---- resolve ----------------------------------------------------------------------------------------- */

static void capture(struct vm *vm, struct lambda *l, struct variable *v)
{
    for (int i = 0; i < l->free_count; i++)
        if (l->free[i] == v)
            return;
    if (l->free_count == l->free_room) {
        l->free_room = l->free_room == 0 ? 8 : 2 * l->free_room;
        struct variable **more = arena_alloc(vm, (size_t)l->free_room * sizeof *more);
        for (int i = 0; i < l->free_count; i++)
            more[i] = l->free[i];
        l->free = more;
    }
    l->free[l->free_count++] = v;
}

/* v is used in l. A closure has itself at hand: it need not capture that. */
static void use(struct vm *vm, struct variable *v, struct lambda *l)
{
    if (v->pending && !v->open) { /* before it has a value */
        v->boxed = true;
        v->bound = NULL;
    }
    for (; l != v->owner && l != v->bound; l = l->outer) {
        if (l == NULL)
            fail(vm, CONDITION_SYNTAX, NIL, "syntax: a macro uses a variable outside of its scope");
        capture(vm, l, v);
    }
    if (v->sets > 0)
        v->boxed = true;
}

static void resolve_node(struct vm *vm, struct node *n, struct lambda *l);

static void resolve_letrec(struct vm *vm, struct node *n, struct lambda *l)
{
    for (int i = 0; i < n->count; i++) {
        struct variable *v = n->variables[i];
        if (v == NULL)
            continue;
        v->owner = l;
        v->pending = true;
        if (v->sets == 0 && n->item[i]->type == NODE_LAMBDA)
            v->bound = n->item[i]->lambda;
    }
    for (int i = 0; i < n->count;) {
        int end = i;
        while (end < n->count && n->variables[end] != NULL && n->variables[end]->bound != NULL)
            n->variables[end++]->open = true;
        if (end == i) /* no closures */
            end = i + 1;
        for (int k = i; k < end; k++)
            resolve_node(vm, n->item[k], l);
        for (; i < end; i++)
            if (n->variables[i] != NULL)
                n->variables[i]->pending = false;
    }
    resolve_node(vm, n->body, l);
}

static void own(struct variable **v, int count, struct lambda *l)
{
    for (int i = 0; i < count; i++)
        v[i]->owner = l;
}

static void resolve_node(struct vm *vm, struct node *n, struct lambda *l)
{
    depth_check(vm);
    switch (n->type) {
    case NODE_LOCAL:
        use(vm, n->variable, l);
        return;
    case NODE_LETREC:
        resolve_letrec(vm, n, l);
        return;
    case NODE_LAMBDA:
        n->lambda->outer = l;
        own(n->lambda->parameters, n->lambda->count, n->lambda);
        resolve_node(vm, n->lambda->body, n->lambda);
        return;
    case NODE_LOOP:
        n->variable->owner = l;
        own(n->lambda->parameters, n->lambda->count, l);
        resolve_node(vm, n->lambda->body, l);
        resolve_node(vm, n->body, l);
        return;
    default:
        break;
    }
    for (int i = 0; i < n->count; i++)
        resolve_node(vm, n->item[i], l);
    if (n->type == NODE_SET)
        use(vm, n->variable, l);
    if (n->type == NODE_LET) {
        own(n->variables, n->count, l);
        resolve_node(vm, n->body, l);
    }
}

void analyze(struct vm *vm, struct lambda *l)
{
    find_loops(vm, l->body);
    resolve_node(vm, l->body, l);
}
