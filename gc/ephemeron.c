/* ephemeron: pairs whose value lives while they and their key do; how they and weak tables are settled.

   Markers report each one they reach (lifetime_found_weak), and go on. When nothing else is left, all
   of them are looked at in rounds: the values of marked keys are marked, with what they reach, until a
   round marks nothing. A round costs as much as there are pairs with unmarked keys. Chains, where each
   value reaches the next key, would take as many rounds as they are long. So when a round marks less
   than one in ROUND_GAIN of the pairs it looked at, the rest is chased: pairs are put into a table by
   key, and the coordinator itself traces what is marked from then on, looking each object up. Rounds
   together look at ROUND_GAIN times as many pairs as they settle, and one round more; chasing costs as
   much as what it reaches. Without memory for the table it stays at rounds: slow, and right. */
#include "gc/settle.h"

#include <errno.h>
#include <string.h>

#include "gc/api.h"
#include "gc/mark.h"

#define ROUND_GAIN 8
#define ROUND_FEW  1024 /* pairs that are not worth a table */

/* Ephemerons, or weak tables: linked through their first words, which are 0 in those that are in no list. */
#define LIST_END ((uintptr_t)1)
struct weak_list {
    struct atomicw found; /* [atomic] reached, not looked at yet */
    uintptr_t open;       /* [stopped] looked at: they have unmarked keys */
    grey_kind kind;       /* [const] */
};
static struct weak_list weak_lists[] = {
    { .found = { LIST_END }, .open = LIST_END, .kind = KIND_EPHEMERON },
    { .found = { LIST_END }, .open = LIST_END, .kind = KIND_WEAK_TABLE },
};
static_assert(offsetof(struct grey_ephemeron, link) == 0 && offsetof(struct grey_weak_table, link) == 0,
              "the link is the first word");

static struct atomicw *link_of(uintptr_t object)
{
    return (struct atomicw *)object;
}

void lifetime_found_weak(uintptr_t object, grey_kind kind)
{
    struct weak_list *l = &weak_lists[kind == KIND_WEAK_TABLE];
    uintptr_t first;
    assert(l->kind == kind);
    /* Markers that ran out of memory scan objects again. */
    if (!aw_cas_full(link_of(object), 0, LIST_END))
        return;
    do {
        first = aw_load_relaxed(&l->found); /* relaxed, both: the exchange decides */
        aw_store_relaxed(link_of(object), first);
    } while (!aw_cas_full(&l->found, first, object)); /* full: pairs with the end of the drain */
}

/* ---- entries ---- */

typedef void pair_fn(void *context, void *key_slot, uintptr_t key, void *value_slot, uintptr_t value);

static void each_of_ephemeron(struct grey_ephemeron *e, pair_fn *f, void *context)
{
    uintptr_t key = aw_load_relaxed(&e->key); /* relaxed: threads are stopped */
    if (key != 0)
        f(context, &e->key, key, &e->value, aw_load_relaxed(&e->value));
}

static void each_of_table(struct grey_weak_table *t, pair_fn *f, void *context)
{
    if (t->entries != NULL)
        f(context, NULL, 0, &t->entries, (uintptr_t)t->entries);
    for (size_t i = 0; i < t->capacity; i++) {
        struct entry *e = &t->entries[i];
        if (e->key == 0)
            continue;
        if (t->strong)
            f(context, NULL, 0, &e->key, e->key);
        f(context, &e->key, t->strong ? 0 : e->key, &e->value, e->value);
    }
}

void lifetime_trace_weak(uintptr_t object, grey_kind kind, pair_fn *f, void *context)
{
    if (kind == KIND_EPHEMERON)
        each_of_ephemeron((struct grey_ephemeron *)object, f, context);
    else
        each_of_table((struct grey_weak_table *)object, f, context);
}

/* ---- rounds ---- */

struct round {
    size_t looked, marked; /* pairs, objects */
    size_t dead;           /* pairs of the object at hand whose key is not marked */
};

static void look_at_pair(void *context, void *key_slot, uintptr_t key, void *value_slot, uintptr_t value)
{
    struct round *r = context;
    (void)key_slot;
    (void)value_slot;
    r->looked++;
    if (key != 0 && mark_is_missing(key)) {
        r->dead++;
    } else if (mark_is_missing(value)) {
        mark_word(value);
        r->marked++;
    }
}

/* Looks at each of a list; those with unmarked keys are open again. */
static void look_at_list(struct weak_list *l, uintptr_t list, struct round *r)
{
    while (list != LIST_END) {
        uintptr_t object = list;
        list = aw_load_relaxed(link_of(object)); /* relaxed, all: threads are stopped */
        r->dead = 0;
        lifetime_trace_weak(object, l->kind, look_at_pair, r);
        aw_store_relaxed(link_of(object), r->dead == 0 ? 0 : l->open);
        if (r->dead != 0)
            l->open = object;
    }
}

static void look_at_all(struct round *r)
{
    for (struct weak_list *l = weak_lists; l < weak_lists + COUNT(weak_lists); l++) {
        /* acquire: pairs with lifetime_found_weak() */
        uintptr_t found = aw_load_acquire(&l->found), open = l->open;
        aw_store_relaxed(&l->found, LIST_END);
        l->open = LIST_END;
        look_at_list(l, found, r);
        look_at_list(l, open, r);
    }
}

/* ---- the chase ---- */

/* Memory of the system's, for the time of one chase. */
struct vector {
    char *base;
    size_t used, bytes;
};
struct waiting { /* a pair whose key is not marked */
    uintptr_t key; /* the object's first byte; 0 when settled */
    uintptr_t value;
    size_t next; /* 1 + index of the next in the same bucket */
};
struct chase {
    struct grey_tracer tracer; /* first: edges find the chase by it */
    struct vector todo;        /* uintptr_t: objects marked, but not traced */
    struct vector pairs;       /* struct waiting */
    size_t *bucket;            /* 1 + index of the first; a power of two of them */
    size_t buckets, pair_count;
    bool refused;              /* memory: what is left is for rounds */
};

static void *vector_add(struct vector *v, size_t bytes)
{
    if (v->used + bytes > v->bytes) {
        size_t larger = v->bytes == 0 ? KIB(256) : 2 * v->bytes;
        char *p = os_map(larger);
        if (p == NULL)
            return NULL;
        if (v->bytes != 0) {
            memcpy(p, v->base, v->used);
            os_release(v->base, v->bytes);
        }
        v->base = p;
        v->bytes = larger;
    }
    v->used += bytes;
    return v->base + v->used - bytes;
}

static void vector_end(struct vector *v)
{
    if (v->bytes != 0)
        os_release(v->base, v->bytes);
}

static size_t *bucket_for(const struct chase *c, uintptr_t key)
{
    return &c->bucket[(key >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 32 & (c->buckets - 1)];
}

static void file_pair(struct chase *c, size_t i)
{
    struct waiting *w = (struct waiting *)c->pairs.base + i;
    size_t *b = bucket_for(c, w->key);
    w->next = *b;
    *b = i + 1;
}

static bool more_buckets(struct chase *c)
{
    size_t buckets = c->buckets == 0 ? KIB(32) : 2 * c->buckets;
    size_t *p = os_map(buckets * sizeof *p);
    if (p == NULL)
        return false;
    if (c->buckets != 0)
        os_release(c->bucket, c->buckets * sizeof *p);
    c->bucket = p;
    c->buckets = buckets;
    for (size_t i = 0; i < c->pair_count; i++)
        if (((struct waiting *)c->pairs.base)[i].key != 0)
            file_pair(c, i);
    return true;
}

static void wait_for(struct chase *c, uintptr_t key, uintptr_t value)
{
    struct waiting *w;
    struct object o;
    if ((c->pair_count >= c->buckets && !more_buckets(c))
        || (w = vector_add(&c->pairs, sizeof *w)) == NULL) {
        c->refused = true;
        return;
    }
    (void)object_find(key, &o);
    *w = (struct waiting){ .key = o.base, .value = value };
    file_pair(c, c->pair_count++);
}

/* Marked here, the object is also traced here; once memory was refused, the markers do both. */
static void reach(struct chase *c, uintptr_t word)
{
    struct object o;
    uintptr_t *todo;
    if (!object_find(word, &o) || object_is_marked(&o))
        return;
    if (c->refused || (todo = vector_add(&c->todo, sizeof *todo)) == NULL) {
        c->refused = true;
        mark_word(word);
        return;
    }
    (void)mark_object(&o);
    *todo = o.base;
}

static void reach_edge(struct grey_tracer *t, void *slot, void *value)
{
    (void)slot;
    reach((struct chase *)t, (uintptr_t)value);
}

static void reach_words(struct grey_tracer *t, void *from, size_t count)
{
    for (size_t i = 0; i < count; i++) /* relaxed: threads are stopped */
        reach((struct chase *)t, aw_load_relaxed((struct atomicw *)from + i));
}

static void reach_pair(void *context, void *key_slot, uintptr_t key, void *value_slot, uintptr_t value)
{
    struct chase *c = context;
    (void)key_slot;
    (void)value_slot;
    if (key != 0 && mark_is_missing(key))
        wait_for(c, key, value);
    else
        reach(c, value);
}

/* The object has been marked: values that waited for it, and what it refers to. */
static void visit(struct chase *c, uintptr_t object)
{
    for (size_t *i = bucket_for(c, object); *i != 0;) {
        struct waiting *w = (struct waiting *)c->pairs.base + *i - 1;
        if (w->key != object) {
            i = &w->next;
            continue;
        }
        *i = w->next;
        w->key = 0;
        reach(c, w->value);
    }
    struct object o;
    if (!object_find(object, &o))
        return;
    if (o.span->trace != TRACE_WEAK) {
        object_trace(&o, &c->tracer);
        return;
    }
    lifetime_found_weak(object, o.span->kind);
    lifetime_trace_weak(object, o.span->kind, reach_pair, c);
}

static void chase_open(struct chase *c)
{
    for (struct weak_list *l = weak_lists; l < weak_lists + COUNT(weak_lists); l++)
        for (uintptr_t o = l->open; o != LIST_END && !c->refused; o = aw_load_relaxed(link_of(o)))
            lifetime_trace_weak(o, l->kind, reach_pair, c); /* relaxed: threads are stopped */
    while (c->todo.used > 0) {
        c->todo.used -= sizeof(uintptr_t);
        visit(c, *(uintptr_t *)(c->todo.base + c->todo.used));
    }
}

static void chase(void)
{
    struct chase c = { .tracer = { .edge = reach_edge, .words = reach_words } };
    if (!more_buckets(&c))
        return;
    chase_open(&c);
    vector_end(&c.todo);
    vector_end(&c.pairs);
    os_release(c.bucket, c.buckets * sizeof *c.bucket);
    mark_drain_stopped(); /* what was left to the markers */
}

/* ---- settling ---- */

void ephemeron_settle_stopped(void)
{
    for (;;) {
        struct round r = { 0 };
        look_at_all(&r);
        if (r.marked == 0)
            return;
        mark_drain_stopped();
        if (without(EPHEMERON_FIXPOINT))
            return;
        if (r.looked > ROUND_FEW && r.marked < r.looked / ROUND_GAIN)
            chase();
    }
}

static void clear_entries(uintptr_t object, grey_kind kind)
{
    if (kind == KIND_EPHEMERON) {
        struct grey_ephemeron *e = (struct grey_ephemeron *)object;
        if (mark_is_missing(aw_load_relaxed(&e->key))) { /* relaxed, all: threads are stopped */
            aw_store_relaxed(&e->key, 0);
            aw_store_relaxed(&e->value, 0);
        }
        return;
    }
    struct grey_weak_table *t = (struct grey_weak_table *)object;
    for (size_t i = 0; !t->strong && i < t->capacity; i++)
        if (t->entries[i].key != 0 && mark_is_missing(t->entries[i].key))
            weak_table_bury_stopped(t, &t->entries[i]);
}

static void clear_list(uintptr_t list, grey_kind kind)
{
    while (list != LIST_END) {
        uintptr_t object = list;
        list = aw_load_relaxed(link_of(object)); /* relaxed, both: threads are stopped */
        aw_store_relaxed(link_of(object), 0);
        clear_entries(object, kind);
    }
}

void ephemeron_clear_stopped(void)
{
    for (struct weak_list *l = weak_lists; l < weak_lists + COUNT(weak_lists); l++) {
        clear_list(l->open, l->kind);
        clear_list(aw_load_relaxed(&l->found), l->kind); /* empty, if rounds went on to the end */
        l->open = LIST_END;
        aw_store_relaxed(&l->found, LIST_END);
    }
}

/* ---- what programs call ---- */

grey_ephemeron *grey_ephemeron_create(void *key, void *value)
{
    if (key == NULL) {
        errno = EINVAL;
        return NULL;
    }
    struct grey_ephemeron *e = api_alloc("grey_ephemeron_create", KIND_EPHEMERON, sizeof *e);
    if (e != NULL) {
        /* release: pairs with the acquire loads below. A cycle between the two finds it empty, so this
           thread must hold both until it has stored both. */
        aw_store_release(&e->value, (uintptr_t)value);
        aw_store_release(&e->key, (uintptr_t)key);
        grey_keep(value);
        grey_keep(key);
    }
    return e;
}

/* Busy, for e. NULL when the call is to do nothing. */
static struct mutator *enter(const grey_ephemeron *e, const char *call)
{
    struct mutator *m = e == NULL ? NULL : mutator_enter(call);
    if (m == NULL || lifetime_is_kind(e, KIND_EPHEMERON, call, "not an ephemeron"))
        return m;
    mutator_leave(m);
    return NULL;
}

/* H10: a marker that runs beside the program must be told of what key and value return before the caller
   is: here. Now the caller's stack keeps it, for nothing stops the thread until mutator_leave(). */
void *grey_ephemeron_key(const grey_ephemeron *e)
{
    struct mutator *m = enter(e, "grey_ephemeron_key");
    if (m == NULL)
        return NULL;
    void *key = (void *)aw_load_acquire(&e->key); /* acquire: pairs with the release of the create */
    mutator_leave(m);
    return key;
}

void *grey_ephemeron_value(const grey_ephemeron *e)
{
    struct mutator *m = enter(e, "grey_ephemeron_value");
    if (m == NULL)
        return NULL;
    void *value = (void *)aw_load_acquire(&e->value); /* acquire: pairs with the release of create and set */
    mutator_leave(m);
    return value;
}

void grey_ephemeron_set(grey_ephemeron *e, void *value)
{
    struct mutator *m = enter(e, "grey_ephemeron_set");
    if (m == NULL)
        return;
    if (aw_load_relaxed(&e->key) != 0) /* relaxed: cleared while this thread is stopped only */
        grey_write(&e->value, value);
    mutator_leave(m);
}
