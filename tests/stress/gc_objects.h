/* The objects of the collector's stress: what they look like, how they are checked.

   An object is a row of cells, 4 words each or more: two words of pattern, an edge (a reference
   and the id of the object that it must lead to), and more pattern. The first two words of the
   first cell are the object's own id and its shape. Whoever follows an edge knows the id that it
   must find: an object that was lost and whose memory was cleared or given to another cannot
   have it. Ids and patterns have their top bit set, so that none of them is an address. */
#ifndef GC_OBJECTS_H
#define GC_OBJECTS_H

#include "stress.h"
#include <pthread.h>

#define TOP_BIT    (UINT64_C(1) << 63)
#define ID_TRACKED (UINT64_C(1) << 62)
#define ID_TINY    (UINT64_C(1) << 61)

/* id: top bit, two flags, the number of a record of gc_track.h, a serial number. */
enum { RECORD_SHIFT = 40, RECORD_BITS = 21, STRIPES = 4096, TYPES = 28 };

enum shape_kind {
    SHAPE_NOSCAN,
    SHAPE_CONSERVATIVE,
    SHAPE_TYPED,  /* one element */
    SHAPE_ARRAY,  /* elements of one cell each */
    SHAPE_EDGES,  /* custom: the callback knows the cells */
    SHAPE_WORDS,  /* custom: the callback names all words */
    SHAPE_TAGGED, /* custom: references carry a tag in their low bits */
    SHAPE_KINDS
};

static const size_t strides[] = { 4, 5, 7, 33, 129 }; /* words of a cell */

struct shape {
    enum shape_kind kind;
    unsigned stride; /* index into strides */
    size_t bytes;
};

/* An object and the id that it must have. */
struct ref {
    void *p;
    uint64_t id;
};

static struct {
    uint64_t serial; /* atomic */
    grey_kind custom[SHAPE_KINDS];
    struct shape typed[TYPES];
    const grey_type *type[TYPES];
    const grey_type *element[COUNT(strides)];
    unsigned char *stripes; /* atomic: edges of the objects whose id falls on it are in use */
} objects;

static __thread uint64_t step_now; /* for messages */

/* ---- words ------------------------------------------------------------------------------------- */

static uint64_t pattern_at(uint64_t id, size_t word)
{
    uint64_t z = (id + word) * UINT64_C(0x9e3779b97f4a7c15);
    return (z ^ (z >> 29)) | TOP_BIT;
}

static uint64_t shape_word(struct shape s)
{
    return TOP_BIT | (uint64_t)s.bytes << 16 | (uint64_t)s.stride << 8 | (uint64_t)s.kind;
}

static bool shape_of(uint64_t word, struct shape *out)
{
    *out = (struct shape){ (enum shape_kind)(word & 0xff), (word >> 8) & 0xff, (word & ~TOP_BIT) >> 16 };
    return (word & TOP_BIT) != 0 && out->kind < SHAPE_KINDS && out->stride < COUNT(strides) &&
           out->bytes >= 16;
}

static size_t cells_of(struct shape s)
{
    return s.kind == SHAPE_NOSCAN ? 0 : s.bytes / (8 * strides[s.stride]);
}

/* The two words of the edge in a cell. */
static uint64_t *edge_of(void *object, struct shape s, size_t cell)
{
    return (uint64_t *)object + cell * strides[s.stride] + 2;
}

static bool is_edge_word(struct shape s, size_t word)
{
    size_t in_cell = word % strides[s.stride];
    return (in_cell == 2 || in_cell == 3) && word / strides[s.stride] < cells_of(s);
}

/* ---- trace callbacks --------------------------------------------------------------------------- */

/* A thread may be stopped between its first store to an object and the second: no shape, no edges. */
static bool traced_shape(void *object, struct shape *out)
{
    uint64_t word = __atomic_load_n((uint64_t *)object + 1, __ATOMIC_ACQUIRE);
    return word != 0 && shape_of(word, out);
}

static void trace_edges(void *object, struct grey_tracer *t)
{
    struct shape s;
    if (!traced_shape(object, &s))
        return;
    for (size_t i = 0; i < cells_of(s); i++)
        grey_trace(t, edge_of(object, s, i));
}

static void trace_words(void *object, struct grey_tracer *t)
{
    struct shape s;
    if (traced_shape(object, &s))
        grey_trace_words(t, object, s.bytes / 8);
}

enum { TAG = 5 };

static void trace_tagged(void *object, struct grey_tracer *t)
{
    struct shape s;
    if (!traced_shape(object, &s))
        return;
    for (size_t i = 0; i < cells_of(s); i++) {
        uint64_t word = __atomic_load_n(edge_of(object, s, i), __ATOMIC_ACQUIRE);
        if (word != 0)
            grey_trace_value(t, (void *)(uintptr_t)(word - TAG));
    }
}

/* ---- kinds and types --------------------------------------------------------------------------- */

static const grey_type *type_of_cells(const char *name, size_t stride, size_t words)
{
    struct grey_type_info info = { .name = name, .size = words * 8 };
    uint64_t *bits = calloc((words + 63) / 64, 8);
    info.pointers = bits;
    for (size_t cell = 0; (cell + 1) * stride <= words; cell++)
        bits[(cell * stride + 2) / 64] |= UINT64_C(1) << (cell * stride + 2) % 64;
    const grey_type *type = grey_type_create(&info);
    if (type == NULL)
        stress_failed(0, "no type of %zu words", words);
    free(bits);
    return type;
}

/* Sizes on both sides of 512 bytes, where the bitmap moves; one of some hundred KiB. */
static void objects_begin(void)
{
    static const size_t words[TYPES / 4] = { 8, 13, 63, 64, 65, 700, 40000 };
    static const struct grey_kind_info kinds[] = { { "edges", trace_edges },
                                                   { "words", trace_words },
                                                   { "tagged", trace_tagged } };
    objects.stripes = calloc(STRIPES, 1);
    for (size_t i = 0; i < COUNT(kinds); i++)
        if ((objects.custom[SHAPE_EDGES + i] = grey_kind_create(&kinds[i])) == 0)
            stress_failed(0, "no kind %s", kinds[i].name);
    for (unsigned i = 0; i < COUNT(strides); i++)
        objects.element[i] = type_of_cells("cell", strides[i], strides[i]);
    for (unsigned i = 0; i < TYPES; i++) {
        size_t n = words[i % (TYPES / 4)];
        unsigned stride = i / (TYPES / 4);
        if (strides[stride] > n)
            stride = 0;
        objects.typed[i] = (struct shape){ SHAPE_TYPED, stride, n * 8 };
        objects.type[i] = type_of_cells("record", strides[stride], n);
    }
}

/* ---- making ------------------------------------------------------------------------------------ */

/* Mostly small, up to `most`. */
static size_t size_choose(uint64_t *random, size_t most)
{
    size_t r = random_below(random, 1000), top = r < 800 ? 320 : r < 960 ? 3 * KIB : r < 995 ? 40 * KIB
                                                            : r < 999                        ? 300 * KIB
                                                                                             : 4 * MIB;
    return 16 + random_below(random, (top < most ? top : most) - 15);
}

static struct shape shape_choose(uint64_t *random, size_t most)
{
    struct shape s = { (enum shape_kind)random_below(random, SHAPE_KINDS), 0, size_choose(random, most) };
    if (s.kind == SHAPE_TYPED) {
        size_t i = random_below(random, TYPES);
        while (objects.typed[i].bytes > most)
            i = (i + 1) % TYPES;
        return objects.typed[i];
    }
    s.stride = (unsigned)random_below(random, COUNT(strides));
    while (s.stride > 0 && strides[s.stride] * 8 > s.bytes)
        s.stride--;
    if (s.kind == SHAPE_ARRAY) {
        size_t element = strides[s.stride] * 8;
        s.bytes = (s.bytes / element + (s.bytes < element)) * element;
    }
    return s;
}

static void *shape_allocate(struct shape s, uint64_t *random)
{
    if (s.kind == SHAPE_ARRAY)
        return grey_alloc_array(objects.element[s.stride], s.bytes / (8 * strides[s.stride]));
    if (s.kind == SHAPE_TYPED) {
        for (size_t i = 0;; i++)
            if (memcmp(&objects.typed[i], &s, sizeof s) == 0)
                return grey_alloc_typed(objects.type[i]);
    }
    grey_kind kind = s.kind == SHAPE_NOSCAN ? GREY_NOSCAN
                     : s.kind == SHAPE_CONSERVATIVE ? GREY_CONSERVATIVE : objects.custom[s.kind];
    if (random_below(random, 24) == 0) {
        size_t alignment = (size_t)16 << random_below(random, 9);
        void *p = grey_alloc_aligned(kind, alignment, s.bytes);
        if ((uintptr_t)p % alignment != 0)
            stress_failed(step_now, "%p is not aligned to %zu", p, alignment);
        return p;
    }
    return grey_alloc(kind, s.bytes);
}

static void check_zero(const char *p, struct shape s)
{
    size_t edge = s.bytes < 64 * KIB ? s.bytes : 8 * KIB;
    if (!all_zero(p, edge) || !all_zero(p + s.bytes - edge, edge))
        stress_failed(step_now, "a new object of kind %u, %zu bytes, at %p is not zero", s.kind, s.bytes,
                      (const void *)p);
}

/* The id comes first, then the shape, then the rest: what a trace callback may count on. */
static void object_fill(void *p, uint64_t id, struct shape s)
{
    uint64_t *w = (uint64_t *)p;
    check_zero((const char *)p, s);
    __atomic_store_n(&w[0], id, __ATOMIC_RELEASE);
    __atomic_store_n(&w[1], shape_word(s), __ATOMIC_RELEASE);
    for (size_t i = 2; i < s.bytes / 8; i++)
        if (!is_edge_word(s, i))
            w[i] = pattern_at(id, i);
    memset((char *)p + s.bytes / 8 * 8, (int)(id & 0x7f), s.bytes % 8);
}

static uint64_t new_id(uint64_t flags)
{
    return TOP_BIT | flags | (__atomic_fetch_add(&objects.serial, 1, __ATOMIC_RELAXED) + 1);
}

/* NULL when there is no memory. flags: ID_TRACKED and a record, or 0. */
static struct ref object_new(uint64_t *random, size_t most, uint64_t flags)
{
    struct ref r = { NULL, 0 };
    if (flags == 0 && random_below(random, 12) == 0) {
        r.p = grey_alloc(GREY_NOSCAN, 8 + random_below(random, 8));
        r.id = new_id(ID_TINY);
        if (r.p != NULL && *(uint64_t *)r.p != 0)
            stress_failed(step_now, "a tiny object at %p is not zero", r.p);
        if (r.p != NULL)
            *(uint64_t *)r.p = r.id;
        return r;
    }
    struct shape s = shape_choose(random, most);
    r.p = shape_allocate(s, random);
    r.id = new_id(flags);
    if (r.p != NULL)
        object_fill(r.p, r.id, s);
    return r;
}

/* ---- checking ---------------------------------------------------------------------------------- */

__attribute__((noreturn)) static void lost(struct ref r, const char *where, uint64_t expected, uint64_t found)
{
    struct grey_object o = { 0 };
    bool there = grey_object_at(r.p, &o);
    dprintf(2, "stress: %p: %s an object: base %p, size %zu, kind %u\n", r.p, there ? "in" : "not in",
            o.base, o.size, o.kind);
    stress_failed(step_now, "object %p, id %#llx, is lost or damaged: %s is %#llx, not %#llx", r.p,
                  (unsigned long long)r.id, where, (unsigned long long)found, (unsigned long long)expected);
}

static void check_pattern(struct ref r, struct shape s, size_t from, size_t to)
{
    const uint64_t *w = (const uint64_t *)r.p;
    for (size_t i = from < 2 ? 2 : from; i < to; i++)
        if (!is_edge_word(s, i) && w[i] != pattern_at(r.id, i))
            lost(r, "a word of its pattern", pattern_at(r.id, i), w[i]);
}

/* r is strongly held by the caller. */
static void ref_check(struct ref r, bool whole)
{
    const uint64_t *w = (const uint64_t *)r.p;
    if (w[0] != r.id)
        lost(r, "its first word", r.id, w[0]);
    if (r.id & ID_TINY)
        return;
    struct shape s;
    if (!shape_of(w[1], &s))
        lost(r, "its shape", TOP_BIT, w[1]);
    size_t words = s.bytes / 8, edge = whole || words < 64 ? words : 32;
    check_pattern(r, s, 0, edge);
    check_pattern(r, s, words - edge, words);
    const char *tail = (const char *)r.p + words * 8;
    for (size_t i = 0; i < s.bytes % 8; i++)
        if (tail[i] != (char)(r.id & 0x7f))
            lost(r, "its end", r.id & 0x7f, (uint64_t)tail[i]);
}

static bool ref_shape(struct ref r, struct shape *out)
{
    return (r.id & ID_TINY) == 0 && shape_of(((const uint64_t *)r.p)[1], out);
}

/* ---- edges: whoever cannot have the stripe at once does something else ------------------------- */

static bool stripe_take(uint64_t id)
{
    return __atomic_exchange_n(&objects.stripes[id % STRIPES], 1, __ATOMIC_ACQUIRE) == 0;
}

static void stripe_drop(uint64_t id)
{
    __atomic_store_n(&objects.stripes[id % STRIPES], 0, __ATOMIC_RELEASE);
}

static uint64_t edge_word(struct shape s, const void *p)
{
    return p == NULL ? 0 : (uint64_t)(uintptr_t)p + (s.kind == SHAPE_TAGGED ? TAG : 0);
}

static struct ref edge_target(struct shape s, const uint64_t *edge)
{
    uint64_t word = edge[0] == 0 ? 0 : edge[0] - (s.kind == SHAPE_TAGGED ? TAG : 0);
    return (struct ref){ (void *)(uintptr_t)word, edge[1] };
}

/* What the edge in a cell leads to; { NULL } for none, or when it is in use. */
static struct ref edge_read(struct ref from, size_t cell)
{
    struct shape s;
    struct ref to = { NULL, 0 };
    if (!ref_shape(from, &s) || cell >= cells_of(s) || !stripe_take(from.id))
        return to;
    to = edge_target(s, edge_of(from.p, s, cell));
    stripe_drop(from.id);
    return to;
}

/* One of the ways in which a reference and the id beside it can be written. */
static void edge_write(struct shape s, uint64_t *edge, struct ref to, uint64_t *random)
{
    uint64_t pair[2] = { edge_word(s, to.p), to.id }, old = edge[0];
    void *word = (void *)(uintptr_t)pair[0], *expected = (void *)(uintptr_t)old;
    switch (random_below(random, 5)) {
    case 0:
        grey_copy(edge, pair, sizeof pair);
        return;
    case 1:
        if ((uint64_t)(uintptr_t)grey_exchange(edge, word) != old)
            stress_failed(step_now, "grey_exchange returned something else than what was there");
        break;
    case 2:
        if (!grey_compare_exchange(edge, &expected, word))
            stress_failed(step_now, "grey_compare_exchange failed though nobody else writes");
        break;
    case 3:
        if (pair[0] == 0) {
            grey_clear(edge, sizeof pair);
            return;
        } /* fallthrough */
    default:
        grey_write(edge, word);
    }
    edge[1] = to.id;
}

static bool edge_set(struct ref from, size_t cell, struct ref to, uint64_t *random)
{
    struct shape s;
    if (!ref_shape(from, &s) || cell >= cells_of(s) || !stripe_take(from.id))
        return false;
    edge_write(s, edge_of(from.p, s, cell), to, random);
    stripe_drop(from.id);
    return true;
}

/* An edge goes from one cell to another, by grey_move. */
static void edge_move(struct ref from, size_t a, size_t b)
{
    struct shape s;
    if (!ref_shape(from, &s) || a >= cells_of(s) || b >= cells_of(s) || !stripe_take(from.id))
        return;
    uint64_t *to = edge_of(from.p, s, b), *source = edge_of(from.p, s, a);
    grey_move(to, source, 16);
    if (a != b)
        grey_clear(source, 16);
    stripe_drop(from.id);
}

/* Random edges from the object on; each object on the way is checked. */
static struct ref walk(struct ref r, uint64_t *random, unsigned steps)
{
    struct shape s;
    ref_check(r, random_below(random, 16) == 0);
    while (steps-- > 0 && ref_shape(r, &s) && cells_of(s) > 0) {
        struct ref next = { NULL, 0 };
        for (int tries = 0; tries < 4 && next.p == NULL; tries++)
            next = edge_read(r, random_below(random, cells_of(s) < 4 || tries > 1 ? cells_of(s) : 3));
        if (next.p == NULL)
            break;
        ref_check(next, random_below(random, 16) == 0);
        r = next;
    }
    return r;
}

#endif
