/* walk: see walk.h. */
#include "gc/walk.h"

#include "gc/lifetime.h"
#include "gc/mutator.h"

#include <string.h>

/* ---- piles ---- */

#define CHUNK_BYTES KIB(256)

struct pile_chunk {
    struct pile_chunk *next, *prev;
    size_t from, to; /* records in use: [from, to) */
    uint64_t records[];
};

static size_t chunk_records(const struct pile *p)
{
    return (CHUNK_BYTES - sizeof(struct pile_chunk)) / p->size;
}

static void *record_at(const struct pile *p, struct pile_chunk *c, size_t i)
{
    return (char *)c->records + i * p->size;
}

static bool pile_grow(struct pile *p)
{
    struct pile_chunk *c = p->spare;
    if (c == NULL)
        c = os_map(CHUNK_BYTES);
    if (c == NULL)
        return false;
    p->spare = NULL;
    c->next = NULL;
    c->prev = p->last;
    c->from = c->to = 0;
    if (p->last != NULL)
        p->last->next = c;
    else
        p->first = c;
    p->last = c;
    return true;
}

/* A chunk that has become empty; one is kept, for a pile that goes up and down over its edge. */
static void pile_drop(struct pile *p, struct pile_chunk *c)
{
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        p->first = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    else
        p->last = c->prev;
    if (p->spare == NULL)
        p->spare = c;
    else
        os_release(c, CHUNK_BYTES);
}

void *pile_add(struct pile *p)
{
    if ((p->last == NULL || p->last->to == chunk_records(p)) && !pile_grow(p))
        return NULL;
    return memset(record_at(p, p->last, p->last->to++), 0, p->size);
}

bool pile_take_first(struct pile *p, void *out)
{
    struct pile_chunk *c = p->first;
    if (c == NULL)
        return false;
    memcpy(out, record_at(p, c, c->from++), p->size);
    if (c->from == c->to)
        pile_drop(p, c);
    return true;
}

bool pile_take_last(struct pile *p, void *out)
{
    struct pile_chunk *c = p->last;
    if (c == NULL)
        return false;
    memcpy(out, record_at(p, c, --c->to), p->size);
    if (c->from == c->to)
        pile_drop(p, c);
    return true;
}

void pile_each(struct pile *p, void (*f)(void *record, void *context), void *context)
{
    for (struct pile_chunk *c = p->first; c != NULL; c = c->next)
        for (size_t i = c->from; i < c->to; i++)
            f(record_at(p, c, i), context);
}

void *pile_next(struct pile *p, struct pile_cursor *at)
{
    if (at->chunk == NULL)
        at->chunk = p->first;
    else if (at->index == at->chunk->to && at->chunk->next != NULL)
        *at = (struct pile_cursor){ at->chunk->next, 0 };
    if (at->chunk == NULL || at->index == at->chunk->to)
        return NULL;
    return record_at(p, at->chunk, at->index++);
}

void pile_release(struct pile *p)
{
    while (p->first != NULL)
        pile_drop(p, p->first);
    if (p->spare != NULL)
        os_release(p->spare, CHUNK_BYTES);
    p->spare = NULL;
}

/* ---- which objects were reached: a bit for each 16 bytes of an arena ---- */

#define BITMAP_BYTES (ARENA_BYTES / MIN_ALIGN / 8)

struct walk_bits {
    uintptr_t number; /* of the arena: its address >> ARENA_SHIFT; 0: the entry is free */
    uint64_t *bits;
};

static void count_arena(struct arena *a, void *context)
{
    (void)a;
    ++*(size_t *)context;
}

/* The entry of an arena, or the free one where it belongs. The table is never more than half full: no
   arena of objects is added while threads are stopped. */
static struct walk_bits *bits_entry(const struct walk *w, uintptr_t number)
{
    size_t i = number & (w->bits_size - 1);
    while (w->bits[i].number != number && w->bits[i].number != 0)
        i = (i + 1) & (w->bits_size - 1);
    return &w->bits[i];
}

static size_t bits_index(const struct object *o)
{
    return (o->base & (ARENA_BYTES - 1)) / MIN_ALIGN;
}

bool walk_has_reached(const struct walk *w, const struct object *o)
{
    if (w->bits == NULL)
        return false;
    const struct walk_bits *b = bits_entry(w, o->base >> ARENA_SHIFT);
    size_t i = bits_index(o);
    return b->bits != NULL && (b->bits[i / 64] >> (i % 64) & 1) != 0;
}

/* False when it was reached before, or memory is refused. */
static bool reach(struct walk *w, const struct object *o)
{
    struct walk_bits *b = bits_entry(w, o->base >> ARENA_SHIFT);
    size_t i = bits_index(o);
    if (b->bits == NULL) {
        b->bits = os_map(BITMAP_BYTES);
        if (b->bits == NULL) {
            w->failed = w->stop = true;
            return false;
        }
        b->number = o->base >> ARENA_SHIFT;
    }
    uint64_t bit = UINT64_C(1) << (i % 64);
    if ((b->bits[i / 64] & bit) != 0)
        return false;
    b->bits[i / 64] |= bit;
    return true;
}

/* ---- references ---- */

/* Is this word an address where objects could be? A pointer one past an object's end is not meant for
   what comes there. */
static bool is_dangling(uintptr_t word)
{
    struct arena *a = pagemap_arena(word);
    struct object before;
    if (a == NULL || !CODE_IS_MANAGED(arena_entry(a, word)))
        return false;
    return !(object_find(word - 1, &before) && before.base + before.size == word);
}

static void offer_object(struct walk *w, const struct walk_edge *e, const struct object *to)
{
    if (w->found != NULL && !w->found(w, e, to))
        return;
    if (!w->counting || !reach(w, to))
        return;
    w->objects++;
    if (w->reached != NULL)
        w->reached(w, e, to);
    uintptr_t *record = pile_add(&w->pending);
    if (record == NULL)
        w->failed = w->stop = true;
    else
        *record = to->base;
}

static void offer(struct walk *w, const struct walk_edge *e)
{
    struct object to;
    if (w->stop)
        return;
    if (object_find(e->value, &to))
        offer_object(w, e, &to);
    else if (e->exact && w->dangling != NULL && is_dangling(e->value))
        w->dangling(w, e);
}

/* The walk whose tracer this is. */
static struct walk *of_tracer(struct grey_tracer *t)
{
    return (struct walk *)((char *)t - offsetof(struct walk, tracer));
}

/* What the walk is reading now: an object or a root callback. */
static struct walk_edge edge_of_now(const struct walk *w)
{
    struct walk_edge e = { .class = ROOT_CALLBACK };
    if (w->now.base != 0)
        e.from = &w->now;
    return e;
}

static void trace_edge(struct grey_tracer *t, void *slot, void *value)
{
    struct walk *w = of_tracer(t);
    struct walk_edge e = edge_of_now(w);
    e.slot = (uintptr_t)slot;
    e.value = (uintptr_t)value;
    e.exact = true;
    offer(w, &e);
}

/* Memory of the program's: sanitizers would object to parts of it. */
__attribute__((no_sanitize("address"), no_sanitize("thread"))) static uintptr_t word_at(const uintptr_t *p)
{
    uintptr_t word = *(const volatile uintptr_t *)p;
    return unlikely(memcheck_on) ? memcheck_defined(word) : word;
}

static void trace_words(struct grey_tracer *t, void *from, size_t count)
{
    struct walk *w = of_tracer(t);
    struct walk_edge e = edge_of_now(w);
    const uintptr_t *word = from;
    for (size_t i = 0; i < count && !w->stop; i++) {
        e.slot = (uintptr_t)&word[i];
        e.value = word_at(&word[i]);
        offer(w, &e);
    }
}

/* H16: a word of a thread's own may point one past the object it is meant for. */
static void offer_private(struct walk *w, const struct walk_edge *e)
{
    struct object to;
    offer(w, e);
    if (!w->stop && object_find(e->value - 1, &to) && to.base + to.size == e->value)
        offer_object(w, e, &to);
}

/* A word of a thread's own counts as it is, and as the program's hook decodes it. */
static void offer_decoded(struct walk *w, struct walk_edge *e)
{
    uintptr_t word = e->value;
    offer_private(w, e);
    if (roots_decode == NULL)
        return;
    e->value = roots_decode(word);
    if (e->value != word)
        offer_private(w, e);
}

static void root_range(struct root_sink *sink, const struct root_range *r)
{
    struct walk *w = (struct walk *)sink;
    struct walk_edge e = { .class = r->class, .name = r->name };
    bool private = root_is_private(r->class);
    uintptr_t slots = (uintptr_t)(r->origin != NULL ? r->origin : r->from);
    for (const uintptr_t *p = r->from; p < r->to && !w->stop; p++) {
        e.slot = slots + ((uintptr_t)p - (uintptr_t)r->from);
        e.value = word_at(p);
        if (private)
            offer_decoded(w, &e);
        else
            offer(w, &e);
    }
}

static void root_exact(struct root_sink *sink, enum root_class class, void *slot, uintptr_t value)
{
    struct walk_edge e = { .class = class, .slot = (uintptr_t)slot, .value = value, .exact = true };
    offer((struct walk *)sink, &e);
}

static void root_block(const struct object *o, void *walk)
{
    struct walk_edge e = { .class = ROOT_BLOCK, .value = o->base, .exact = true };
    if (!((struct walk *)walk)->stop)
        offer_object(walk, &e, o);
}

/* ---- weak references ---- */

struct weak_visit {
    struct walk *walk;
    bool all; /* keys too, and values whose key is dead */
};

static bool is_alive(const struct walk *w, uintptr_t key)
{
    struct object o;
    return !object_find(key, &o) || walk_has_reached(w, &o);
}

static void weak_entry(void *context, void *key_slot, uintptr_t key, void *value_slot, uintptr_t value)
{
    const struct weak_visit *v = context;
    struct walk_edge e = edge_of_now(v->walk);
    if (v->all && key != 0) {
        e.slot = (uintptr_t)key_slot;
        e.value = key;
        e.strength = WALK_KEY;
        offer(v->walk, &e);
    }
    if (value == 0 || (!v->all && !is_alive(v->walk, key)))
        return;
    e.slot = (uintptr_t)value_slot;
    e.value = value;
    e.strength = key == 0 ? WALK_STRONG : WALK_VALUE;
    offer(v->walk, &e);
}

static void look_at_key(void *context, void *key_slot, uintptr_t key, void *value_slot, uintptr_t value)
{
    struct walk *w = context;
    struct walk_edge e = edge_of_now(w);
    struct object o;
    (void)value_slot;
    (void)value;
    e.slot = (uintptr_t)key_slot;
    e.value = key;
    e.strength = WALK_KEY;
    if (object_find(key, &o)) {
        if (w->dead_key != NULL && !walk_has_reached(w, &o))
            w->dead_key(w, &e, &o);
    } else if (w->dangling != NULL && is_dangling(key)) {
        w->dangling(w, &e);
    }
}

static void weak_keys(void *record, void *walk)
{
    struct walk *w = walk;
    if (object_find(*(uintptr_t *)record, &w->now))
        lifetime_trace_weak(w->now.base, w->now.span->kind, look_at_key, w);
}

static void weak_object(void *record, void *walk)
{
    struct walk *w = walk;
    struct weak_visit v = { w, false };
    if (!object_find(*(uintptr_t *)record, &w->now))
        return;
    lifetime_trace_weak(w->now.base, w->now.span->kind, weak_entry, &v);
}

/* ---- the walk ---- */

static void prepare(struct walk *w, bool counting)
{
    w->sink = (struct root_sink){ .range = root_range, .exact = root_exact, .tracer = &w->tracer };
    w->tracer = (struct grey_tracer){ .edge = trace_edge, .words = trace_words };
    w->counting = counting;
    w->stop = false;
    w->now.base = 0;
}

bool walk_open(struct walk *w)
{
    size_t arenas = 64;
    w->pending.size = w->weak.size = sizeof(uintptr_t);
    pagemap_each_arena(count_arena, &arenas);
    w->bits_size = (size_t)2 << highest_bit(arenas * 2);
    w->bits = os_map(round_up(w->bits_size * sizeof *w->bits, os_page_size()));
    w->failed = w->bits == NULL;
    return !w->failed;
}

void walk_close(struct walk *w)
{
    pile_release(&w->pending);
    pile_release(&w->weak);
    if (w->bits == NULL)
        return;
    for (size_t i = 0; i < w->bits_size; i++)
        if (w->bits[i].bits != NULL)
            os_release(w->bits[i].bits, BITMAP_BYTES);
    os_release(w->bits, round_up(w->bits_size * sizeof *w->bits, os_page_size()));
    w->bits = NULL;
}

static bool next_object(struct walk *w)
{
    uintptr_t base;
    if (w->stop)
        return false;
    if (!(w->breadth_first ? pile_take_first(&w->pending, &base) : pile_take_last(&w->pending, &base)))
        return false;
    return object_find(base, &w->now);
}

static void drain(struct walk *w)
{
    while (next_object(w)) {
        if (w->now.span->trace != TRACE_WEAK) {
            object_trace(&w->now, &w->tracer);
            continue;
        }
        uintptr_t *record = pile_add(&w->weak);
        if (record == NULL)
            w->failed = w->stop = true;
        else
            *record = w->now.base;
    }
}

static void offer_roots(struct walk *w)
{
    mutator_roots_stopped(&w->sink);
    roots_visit_stopped(&w->sink);
    lifetime_roots_stopped(&w->sink);
    object_each_root_block_stopped(root_block, w);
}

bool walk_all_stopped(struct walk *w)
{
    size_t before;
    if (w->bits == NULL)
        return false;
    prepare(w, true);
    offer_roots(w);
    do { /* values become reachable, and with them keys */
        drain(w);
        before = w->objects;
        pile_each(&w->weak, weak_object, w);
    } while (w->objects != before && !w->stop);
    if (!w->stop)
        pile_each(&w->weak, weak_keys, w);
    w->now.base = 0;
    return !w->failed;
}

void walk_roots_stopped(struct walk *w)
{
    prepare(w, false);
    offer_roots(w);
}

void walk_object_stopped(struct walk *w, const struct object *o)
{
    struct weak_visit v = { w, true };
    prepare(w, false);
    w->now = *o;
    if (o->span->trace == TRACE_WEAK)
        lifetime_trace_weak(o->base, o->span->kind, weak_entry, &v);
    else
        object_trace(o, &w->tracer);
    w->now.base = 0;
}

struct spare {
    const struct object *object;
    bool found;
};

static void look_in_cache(struct mutator *m, void *spare)
{
    struct spare *s = spare;
    const struct object *o = s->object;
    unsigned class = code_class(o->span->code);
    const struct kind_cache *kc = m->cache.kind[o->span->kind];
    if (kc == NULL || class >= MANAGED_CLASSES || kc->cached[class].span != o->span)
        return;
    const struct grey_bin *bin = &kc->bins.bin[class];
    s->found |= o->base >= bin->floor && o->base < bin->cursor;
}

bool walk_is_spare_stopped(const struct object *o)
{
    struct spare s = { o, false };
    if (o->span->list == LIST_CACHED)
        mutator_each_stopped(look_in_cache, &s);
    return s.found;
}

const char *walk_class_name(enum root_class c)
{
    static const char *const names[] = {
        [ROOT_STACK] = "stack",       [ROOT_REGISTERS] = "registers", [ROOT_TLS] = "tls",
        [ROOT_VALUE_STACK] = "value-stack", [ROOT_FIBER] = "fiber",   [ROOT_DATA] = "data",
        [ROOT_RANGE] = "range",       [ROOT_BLOCK] = "block",         [ROOT_CALLBACK] = "callback",
        [ROOT_HANDLE] = "handle",     [ROOT_SLOTS] = "slots",         [ROOT_INTERNAL] = "internal",
    };
    static_assert(COUNT(names) == ROOT_CLASSES, "a class of roots has no name");
    return names[c];
}
