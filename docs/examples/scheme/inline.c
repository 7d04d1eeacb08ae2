/* Primitives that are instructions, as long as their names have not been given other values, and tests. */
#include "generate.h"

enum inline_kind { INLINE_OP, INLINE_NARY, INLINE_EFFECT, INLINE_TEST, INLINE_NOT };
static const struct integrable {
    const char *name;
    int operands;
    enum operation op; /* tests: the one that jumps if so */
    enum inline_kind kind;
    int immediate; /* of a test with one operand: its b */
} integrables[] = {
    { "+", 2, OP_ADD, INLINE_NARY, 0 },
    { "*", 2, OP_MUL, INLINE_NARY, 0 },
    { "-", 2, OP_SUB, INLINE_OP, 0 },
    { "/", 2, OP_DIV, INLINE_OP, 0 },
    { "quotient", 2, OP_QUOTIENT, INLINE_OP, 0 },
    { "truncate-quotient", 2, OP_QUOTIENT, INLINE_OP, 0 },
    { "remainder", 2, OP_REMAINDER, INLINE_OP, 0 },
    { "truncate-remainder", 2, OP_REMAINDER, INLINE_OP, 0 },
    { "modulo", 2, OP_MODULO, INLINE_OP, 0 },
    { "floor-remainder", 2, OP_MODULO, INLINE_OP, 0 },
    { "cons", 2, OP_CONS, INLINE_OP, 0 },
    { "car", 1, OP_CAR, INLINE_OP, 0 },
    { "cdr", 1, OP_CDR, INLINE_OP, 0 },
    { "cadr", 1, OP_CADR, INLINE_OP, 0 },
    { "cddr", 1, OP_CDDR, INLINE_OP, 0 },
    { "caar", 1, OP_CAAR, INLINE_OP, 0 },
    { "cdar", 1, OP_CDAR, INLINE_OP, 0 },
    { "caddr", 1, OP_CADDR, INLINE_OP, 0 },
    { "set-car!", 2, OP_SET_CAR, INLINE_EFFECT, 0 },
    { "set-cdr!", 2, OP_SET_CDR, INLINE_EFFECT, 0 },
    { "vector-ref", 2, OP_VECTOR_REF, INLINE_OP, 0 },
    { "vector-set!", 3, OP_VECTOR_SET, INLINE_EFFECT, 0 },
    { "vector-length", 1, OP_VECTOR_LENGTH, INLINE_OP, 0 },
    { "string-ref", 2, OP_STRING_REF, INLINE_OP, 0 },
    { "bytevector-u8-ref", 2, OP_BYTES_REF, INLINE_OP, 0 },
    { "bytevector-u8-set!", 3, OP_BYTES_SET, INLINE_EFFECT, 0 },
    { "null?", 1, OP_IF_NULL, INLINE_TEST, 0 },
    { "pair?", 1, OP_IF_PAIR, INLINE_TEST, 0 },
    { "number?", 1, OP_IF_NUMBER, INLINE_TEST, 0 },
    { "symbol?", 1, OP_IF_TYPE, INLINE_TEST, TYPE_SYMBOL },
    { "string?", 1, OP_IF_TYPE, INLINE_TEST, TYPE_STRING },
    { "vector?", 1, OP_IF_TYPE, INLINE_TEST, TYPE_VECTOR },
    { "eqv?", 2, OP_IF_EQV, INLINE_TEST, 0 },
    { "char=?", 2, OP_IF_CHAR_EQ, INLINE_TEST, 0 },
    { "eq?", 2, OP_IF_EQ, INLINE_TEST, 0 },
    { "=", 2, OP_IF_NUM_EQ, INLINE_TEST, 0 },
    { "<", 2, OP_IF_LT, INLINE_TEST, 0 },
    { "<=", 2, OP_IF_LE, INLINE_TEST, 0 },
    { ">", 2, OP_IF_GT, INLINE_TEST, 0 },
    { ">=", 2, OP_IF_GE, INLINE_TEST, 0 },
    { "zero?", 1, OP_IF_NUM_EQ_I, INLINE_TEST, 0 },
    { "not", 1, OP_IF_FALSE, INLINE_NOT, 0 },
};
enum { INTEGRABLES = sizeof integrables / sizeof *integrables };

/* The instruction for a call's operator; NULL: none. A primitive's head.flags is its row, from 1. */
const struct integrable *integrable(const struct node *n)
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

/* A constant that is eqv? to nothing but itself. */
static bool is_word(const struct node *n)
{
    return n->type == NODE_CONSTANT && !is_flonum(n->constant) && !is_bignum(n->constant);
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
        b = i->immediate;
    } else if ((op == OP_IF_EQ || op == OP_IF_EQV) && (is_word(left) || is_word(right))) {
        a = operand(g, is_word(right) ? left : right);
        g->line = n->line;
        emit_jump(g, OP_IF_EQ_K + no, a, 0, label);
        emit_word(g, is_word(right) ? right->constant : left->constant);
        return;
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
void generate_test(struct generator *g, struct node *n, int label, bool sense)
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

void generate_inline(struct generator *g, const struct integrable *i, struct node *n, int to)
{
    if (i->kind >= INLINE_TEST)
        generate_boolean(g, n, to);
    else if (i->kind == INLINE_NARY && n->count > 3)
        inline_chain(g, i, n, to);
    else
        inline_operation(g, i, n, to);
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
