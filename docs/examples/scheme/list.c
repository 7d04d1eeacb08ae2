/* Booleans, equality, pairs and lists, vectors. */
#include "data.h"

/* ---- equality ---------------------------------------------------------------------------------------- */

bool is_eqv(value a, value b)
{
    if (a == b)
        return true;
    if (is_flonum(a) && is_flonum(b)) /* -0.0 is another one than 0.0 */
        return memcmp((const char *)a - TAG_FLONUM, (const char *)b - TAG_FLONUM, sizeof(double)) == 0;
    return is_bignum(a) && is_bignum(b) && bignum_equal(a, b);
}

/* What has been found to be equal, or is being compared right now, so that cycles end: objects have numbers,
   numbers have classes, as a forest in which parent[i] is nearer to the root. Most data is small and needs
   none of it, so the first so many pairs and vectors are compared without. */
enum { COMPARE_PLAINLY = 10000 };

enum { COMPARE_DEPTH = 1000 }; /* what is nested deeper is put off */

struct comparison {
    struct vm *vm;
    int plain;       /* how many more */
    int depth;       /* of the recursion */
    value postponed; /* list of (a . b) */
    struct numbering number;
    struct bytevector *parents; /* uint32_t each */
};

static uint32_t *parent_of(struct comparison *c, value v)
{
    intptr_t n = numbering_get(&c->number, v);
    if (n < 0) {
        n = (intptr_t)c->number.count;
        size_t bytes = c->parents == NULL ? 0 : c->parents->head.count;
        if ((size_t)n * sizeof(uint32_t) >= bytes) {
            struct bytevector *larger = bytevector_of(bytevector_new(c->vm, bytes == 0 ? 4096 : bytes * 2));
            if (bytes > 0)
                memcpy(larger->byte, c->parents->byte, bytes);
            c->parents = larger;
        }
        numbering_set(&c->number, v, n);
        memcpy(c->parents->byte + (size_t)n * sizeof(uint32_t), &(uint32_t){ (uint32_t)n }, sizeof(uint32_t));
    }
    return (uint32_t *)(void *)c->parents->byte + n;
}

static uint32_t root_of(struct comparison *c, value v)
{
    uint32_t n = *parent_of(c, v), *parents = (uint32_t *)(void *)c->parents->byte;
    for (; parents[n] != n; n = parents[n])
        parents[n] = parents[parents[n]];
    return n;
}

/* Whether a and b need no look inside: they are in one class. If not, they are from now on; the rest of the
   comparison shows whether rightly so. */
static bool joined(struct comparison *c, value a, value b)
{
    if (c->plain > 0) {
        c->plain--;
        return false;
    }
    mem_safepoint();
    uint32_t x = root_of(c, a), y = root_of(c, b);
    ((uint32_t *)(void *)c->parents->byte)[x] = y;
    return x == y;
}

static bool equal(struct comparison *c, value a, value b);

static bool equal_vectors(struct comparison *c, value a, value b)
{
    const struct vector *v = vector_of(a), *w = vector_of(b);
    if (v->head.count != w->head.count)
        return false;
    for (size_t i = 0; i < v->head.count; i++)
        if (!equal(c, load(&v->item[i]), load(&w->item[i])))
            return false;
    return true;
}

static bool equal_bytes(const void *a, size_t a_count, const void *b, size_t b_count)
{
    return a_count == b_count && memcmp(a, b, a_count) == 0;
}

static bool equal_objects(struct comparison *c, value a, value b)
{
    if (object_of(a)->type != object_of(b)->type)
        return false;
    switch (object_of(a)->type) {
    case TYPE_STRING: {
        size_t n, m;
        const char *s = string_bytes(a, &n), *t = string_bytes(b, &m);
        return equal_bytes(s, n, t, m);
    }
    case TYPE_BYTEVECTOR:
        return equal_bytes(bytevector_of(a)->byte, object_of(a)->count, bytevector_of(b)->byte,
                           object_of(b)->count);
    case TYPE_VECTOR:
        return joined(c, a, b) || equal_vectors(c, a, b);
    default:
        return is_eqv(a, b);
    }
}

static bool equal_parts(struct comparison *c, value a, value b)
{
    for (; is_pair(a) && is_pair(b) && a != b; a = cdr(a), b = cdr(b)) {
        if (joined(c, a, b))
            return true;
        if (!equal(c, car(a), car(b)))
            return false;
    }
    if (a == b)
        return true;
    return is_object(a) && is_object(b) ? equal_objects(c, a, b) : is_eqv(a, b);
}

static bool equal(struct comparison *c, value a, value b)
{
    if (a == b || is_fixnum(a) || is_fixnum(b))
        return a == b;
    if (c->depth == COMPARE_DEPTH) {
        c->postponed = cons(c->vm, cons(c->vm, a, b), c->postponed);
        return true;
    }
    c->depth++;
    bool same = equal_parts(c, a, b);
    c->depth--;
    return same;
}

bool is_equal(struct vm *vm, value a, value b)
{
    if (a == b || is_fixnum(a) || is_fixnum(b))
        return a == b;
    struct comparison c = { .vm = vm, .plain = COMPARE_PLAINLY, .number = { .vm = vm }, .postponed = NIL };
    bool same = equal(&c, a, b);
    while (same && c.postponed != NIL) {
        value next = car(c.postponed);
        c.postponed = cdr(c.postponed);
        same = equal(&c, car(next), cdr(next));
    }
    return same;
}

PRIMITIVE(p_eq) { return boolean(argv[0] == argv[1]); }
PRIMITIVE(p_eqv) { return boolean(is_eqv(argv[0], argv[1])); }
PRIMITIVE(p_equal) { return boolean(is_equal(vm, argv[0], argv[1])); }

/* ---- booleans ---------------------------------------------------------------------------------------- */

static bool is_boolean(value v)
{
    return v == TRUE || v == FALSE;
}

PRIMITIVE(p_not) { return boolean(argv[0] == FALSE); }
PRIMITIVE(p_is_boolean) { return boolean(is_boolean(argv[0])); }

PRIMITIVE(p_boolean_equal)
{
    bool yes = true;
    for (int i = 0; i < argc; i++) {
        check(vm, is_boolean(argv[i]), argv[i], "a boolean");
        yes &= argv[i] == argv[0];
    }
    return boolean(yes);
}

/* ---- pairs ------------------------------------------------------------------------------------------- */

static value check_pair(struct vm *vm, value v)
{
    return check(vm, is_pair(v), v, "a pair");
}

PRIMITIVE(p_is_pair) { return boolean(is_pair(argv[0])); }
PRIMITIVE(p_is_null) { return boolean(argv[0] == NIL); }
PRIMITIVE(p_cons) { return cons(vm, argv[0], argv[1]); }
PRIMITIVE(p_car) { return car(check_pair(vm, argv[0])); }
PRIMITIVE(p_cdr) { return cdr(check_pair(vm, argv[0])); }

PRIMITIVE(p_set_car)
{
    set_car(check_pair(vm, argv[0]), argv[1]);
    return VOID;
}

PRIMITIVE(p_set_cdr)
{
    set_cdr(check_pair(vm, argv[0]), argv[1]);
    return VOID;
}

/* cadr, cddar and the rest of them. */
static inline value follow(struct vm *vm, value v, const char *path)
{
    for (const char *step = path + strlen(path); step-- > path;)
        v = *step == 'a' ? car(check_pair(vm, v)) : cdr(check_pair(vm, v));
    return v;
}

#define EACH_PATH(X)                                                                                        \
    X(aa) X(ad) X(da) X(dd) X(aaa) X(aad) X(ada) X(add) X(daa) X(dad) X(dda) X(ddd)                         \
    X(aaaa) X(aaad) X(aada) X(aadd) X(adaa) X(adad) X(adda) X(addd)                                         \
    X(daaa) X(daad) X(dada) X(dadd) X(ddaa) X(ddad) X(ddda) X(dddd)
#define PATH_PROCEDURE(path) PRIMITIVE(p_c##path##r) { return follow(vm, argv[0], #path); }
#define PATH_ROW(path)       { "c" #path "r", p_c##path##r, 1, 1 },

EACH_PATH(PATH_PROCEDURE)

/* ---- lists as such ----------------------------------------------------------------------------------- */

intptr_t list_length(value v)
{
    struct walk w = walk_from(v);
    while (is_pair(w.at))
        if (!walk_on(&w))
            return -1;
    return w.at == NIL ? (intptr_t)w.steps : -1;
}

static size_t check_length(struct vm *vm, value v)
{
    intptr_t n = list_length(v);
    check(vm, n >= 0, v, "a proper list");
    return (size_t)n;
}

/* The pair, or the end, behind so many others. */
static value tail(struct vm *vm, value v, value count)
{
    size_t n = index_of(vm, count, SIZE_MAX >> 2);
    for (size_t i = 0; i < n; i++) {
        if (!is_pair(v))
            out_of_range(vm, count);
        v = cdr(v);
        if ((i & 0xffff) == 0xffff)
            mem_safepoint();
    }
    return v;
}

static value pair_at(struct vm *vm, value v, value index)
{
    value p = tail(vm, v, index);
    if (!is_pair(p))
        out_of_range(vm, index);
    return p;
}

PRIMITIVE(p_is_list) { return boolean(list_length(argv[0]) >= 0); }
PRIMITIVE(p_length) { return fixnum((intptr_t)check_length(vm, argv[0])); }
PRIMITIVE(p_list_tail) { return tail(vm, argv[0], argv[1]); }
PRIMITIVE(p_list_ref) { return car(pair_at(vm, argv[0], argv[1])); }

PRIMITIVE(p_list_set)
{
    set_car(pair_at(vm, argv[0], argv[1]), argv[2]);
    return VOID;
}

/* ---- searching --------------------------------------------------------------------------------------- */

static inline bool is_same(struct vm *vm, char how, value a, value b)
{
    return a == b || (how != 'q' && (how == 'v' ? is_eqv(a, b) : is_equal(vm, a, b)));
}

static inline value member(struct vm *vm, value *argv, char how)
{
    struct walk w = walk_from(argv[1]);
    for (; is_pair(w.at); walk_step(vm, &w, argv[1]))
        if (is_same(vm, how, argv[0], car(w.at)))
            return w.at;
    walk_end(vm, &w, argv[1]);
    return FALSE;
}

static inline value assoc(struct vm *vm, value *argv, char how)
{
    struct walk w = walk_from(argv[1]);
    for (; is_pair(w.at); walk_step(vm, &w, argv[1])) {
        value entry = check_pair(vm, car(w.at));
        if (is_same(vm, how, argv[0], car(entry)))
            return entry;
    }
    walk_end(vm, &w, argv[1]);
    return FALSE;
}

PRIMITIVE(p_memq) { return member(vm, argv, 'q'); }
PRIMITIVE(p_memv) { return member(vm, argv, 'v'); }
PRIMITIVE(p_member) { return member(vm, argv, 'e'); }
PRIMITIVE(p_assq) { return assoc(vm, argv, 'q'); }
PRIMITIVE(p_assv) { return assoc(vm, argv, 'v'); }
PRIMITIVE(p_assoc) { return assoc(vm, argv, 'e'); }

/* ---- making lists ------------------------------------------------------------------------------------ */

PRIMITIVE(p_list)
{
    value l = NIL;
    for (int i = argc; i-- > 0;)
        l = cons(vm, argv[i], l);
    return l;
}

PRIMITIVE(p_make_list)
{
    value l = NIL, fill = argc > 1 ? argv[1] : VOID;
    for (size_t i = index_of(vm, argv[0], SIZE_MAX >> 2); i > 0; i--)
        l = cons(vm, fill, l);
    return l;
}

PRIMITIVE(p_iota)
{
    value next = argc > 1 ? argv[1] : fixnum(0), by = argc > 2 ? argv[2] : fixnum(1);
    struct items l = { NIL, NIL };
    for (size_t i = index_of(vm, argv[0], SIZE_MAX >> 2); i > 0; i--) {
        items_add(vm, &l, next);
        next = number_add(vm, next, by);
    }
    return l.first;
}

/* The pairs anew, with another end. */
static value copied(struct vm *vm, value list, bool proper, value end)
{
    struct items l = { NIL, NIL };
    struct walk w = walk_from(list);
    for (; is_pair(w.at); walk_step(vm, &w, list))
        items_add(vm, &l, car(w.at));
    if (proper)
        walk_end(vm, &w, list);
    if (l.first == NIL)
        return proper ? end : w.at;
    set_cdr(l.last, proper ? end : w.at);
    return l.first;
}

PRIMITIVE(p_append)
{
    value l = argc == 0 ? NIL : argv[argc - 1];
    for (int i = argc - 1; i-- > 0;)
        l = copied(vm, argv[i], true, l);
    return l;
}

PRIMITIVE(p_list_copy) { return copied(vm, argv[0], false, NIL); }

value list_reverse(struct vm *vm, value v)
{
    value l = NIL;
    struct walk w = walk_from(v);
    for (; is_pair(w.at); walk_step(vm, &w, v))
        l = cons(vm, car(w.at), l);
    walk_end(vm, &w, v);
    return l;
}

PRIMITIVE(p_reverse) { return list_reverse(vm, argv[0]); }

/* ---- vectors ----------------------------------------------------------------------------------------- */

static struct vector *check_vector(struct vm *vm, value v)
{
    return vector_of(check(vm, is_vector(v), v, "a vector"));
}

static value *item_at(struct vm *vm, value vector, value index)
{
    struct vector *v = check_vector(vm, vector);
    size_t i = index_of(vm, index, v->head.count);
    if (i == v->head.count)
        out_of_range(vm, index);
    return &v->item[i];
}

PRIMITIVE(p_is_vector) { return boolean(is_vector(argv[0])); }
PRIMITIVE(p_vector_length) { return fixnum(check_vector(vm, argv[0])->head.count); }
PRIMITIVE(p_vector_ref) { return load(item_at(vm, argv[0], argv[1])); }

PRIMITIVE(p_vector_set)
{
    mem_write(item_at(vm, argv[0], argv[1]), argv[2]);
    return VOID;
}

PRIMITIVE(p_make_vector)
{
    return vector_new(vm, index_of(vm, argv[0], MAX_COUNT), argc > 1 ? argv[1] : fixnum(0));
}

static value vector_of_items(struct vm *vm, const value *from, size_t count)
{
    struct vector *v = object_new(vm, TYPE_VECTOR, count, 0);
    mem_copy(v->item, from, count);
    return (value)v;
}

PRIMITIVE(p_vector) { return vector_of_items(vm, argv, (size_t)argc); }

PRIMITIVE(p_vector_copy)
{
    const struct vector *v = check_vector(vm, argv[0]);
    struct range r = range_of(vm, argc, argv, 1, v->head.count);
    return vector_of_items(vm, v->item + r.start, r.end - r.start);
}

PRIMITIVE(p_vector_copy_to)
{
    struct vector *to = check_vector(vm, argv[0]);
    const struct vector *from = check_vector(vm, argv[2]);
    size_t at = index_of(vm, argv[1], to->head.count);
    struct range r = range_of(vm, argc, argv, 3, from->head.count);
    if (r.end - r.start > to->head.count - at)
        out_of_range(vm, argv[1]);
    mem_move(to->item + at, from->item + r.start, r.end - r.start);
    return VOID;
}

PRIMITIVE(p_vector_fill)
{
    struct vector *v = check_vector(vm, argv[0]);
    struct range r = range_of(vm, argc, argv, 2, v->head.count);
    for (size_t i = r.start; i < r.end; i++)
        mem_write(&v->item[i], argv[1]);
    return VOID;
}

PRIMITIVE(p_vector_append)
{
    size_t count = 0;
    for (int i = 0; i < argc; i++)
        count += check_vector(vm, argv[i])->head.count;
    struct vector *v = object_new(vm, TYPE_VECTOR, count, 0);
    value *at = v->item;
    for (int i = 0; i < argc; i++) {
        mem_copy(at, vector_of(argv[i])->item, vector_of(argv[i])->head.count);
        at += vector_of(argv[i])->head.count;
    }
    return (value)v;
}

PRIMITIVE(p_vector_to_list)
{
    const struct vector *v = check_vector(vm, argv[0]);
    struct range r = range_of(vm, argc, argv, 1, v->head.count);
    value l = NIL;
    for (size_t i = r.end; i-- > r.start;)
        l = cons(vm, load(&v->item[i]), l);
    return l;
}

PRIMITIVE(p_list_to_vector)
{
    value v = vector_new(vm, check_length(vm, argv[0]), NIL), l = argv[0];
    for (size_t i = 0; i < vector_of(v)->head.count && is_pair(l); i++, l = cdr(l))
        mem_write(&vector_of(v)->item[i], car(l));
    return v;
}

const struct primitive_info list_primitives[] = {
    { "eq?", p_eq, 2, 2 },                               { "eqv?", p_eqv, 2, 2 },
    { "equal?", p_equal, 2, 2 },                         { "not", p_not, 1, 1 },
    { "boolean?", p_is_boolean, 1, 1 },                  { "boolean=?", p_boolean_equal, 1, -1 },
    { "pair?", p_is_pair, 1, 1 },                        { "null?", p_is_null, 1, 1 },
    { "cons", p_cons, 2, 2 },                            { "car", p_car, 1, 1 },
    { "cdr", p_cdr, 1, 1 },                              { "set-car!", p_set_car, 2, 2 },
    { "set-cdr!", p_set_cdr, 2, 2 },
    EACH_PATH(PATH_ROW)
    { "list?", p_is_list, 1, 1 },                        { "length", p_length, 1, 1 },
    { "list-tail", p_list_tail, 2, 2 },                  { "list-ref", p_list_ref, 2, 2 },
    { "list-set!", p_list_set, 3, 3 },
    { "memq", p_memq, 2, 2 },                            { "memv", p_memv, 2, 2 },
    { "member", p_member, 2, 2 },                        { "assq", p_assq, 2, 2 },
    { "assv", p_assv, 2, 2 },                            { "assoc", p_assoc, 2, 2 },
    { "list", p_list, 0, -1 },
    { "make-list", p_make_list, 1, 2 },                  { "iota", p_iota, 1, 3 },
    { "append", p_append, 0, -1 },                       { "list-copy", p_list_copy, 1, 1 },
    { "reverse", p_reverse, 1, 1 },
    { "vector?", p_is_vector, 1, 1 },                    { "vector-length", p_vector_length, 1, 1 },
    { "vector-ref", p_vector_ref, 2, 2 },                { "vector-set!", p_vector_set, 3, 3 },
    { "make-vector", p_make_vector, 1, 2 },              { "vector", p_vector, 0, -1 },
    { "vector-copy", p_vector_copy, 1, 3 },
    { "vector-copy!", p_vector_copy_to, 3, 5 },          { "vector-fill!", p_vector_fill, 2, 4 },
    { "vector-append", p_vector_append, 0, -1 },         { "vector->list", p_vector_to_list, 1, 3 },
    { "list->vector", p_list_to_vector, 1, 1 },
    { NULL, NULL, 0, 0 },
};
