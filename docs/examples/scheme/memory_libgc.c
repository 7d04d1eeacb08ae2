/* The part of memory_libgc.h that is not inline. In scheme-libgc only. */
#include "memory.h"

#ifdef SCHEME_LIBGC
#include <gc/gc_mark.h>
#include <stdlib.h>

/* ---- roots: the full part of value stacks, and lists of free objects ------------------------------------- */

/* Records are malloc's. The list is changed with the allocator's lock held, and read while threads are
 * stopped. */
struct range {
    uintptr_t *base;
    uintptr_t *volatile *top;
    struct mem_local *local; /* or this */
    struct range *next;
};
static struct range *ranges;
static GC_push_other_roots_proc others;

/* Lists of scanned objects are found by their heads, for their links lie in scanned memory. */
static void mark_list(void *list)
{
    for (; list != NULL; list = *(void **)list)
        GC_set_mark_bit(list);
}

static void GC_CALLBACK push_roots(void)
{
    if (others != NULL)
        others();
    for (struct range *r = ranges; r != NULL; r = r->next) {
        if (r->base != NULL)
            GC_push_all_eager(r->base, *r->top);
        for (int i = 0; r->local != NULL && i < MEM_LISTS; i++)
            mark_list(r->local->bytes[i]);
    }
}

static void *GC_CALLBACK enter_range(void *data)
{
    struct range *r = data;
    r->next = ranges;
    return ranges = r;
}

static bool range_add(struct range wanted)
{
    struct range *r = malloc(sizeof *r);
    if (r == NULL)
        return false;
    *r = wanted;
    return GC_call_with_alloc_lock(enter_range, r) != NULL;
}

/* Takes out the stack that begins at data, or the lists that lie at data. */
static void *GC_CALLBACK leave_range(void *data)
{
    for (struct range **r = &ranges; *r != NULL; r = &(*r)->next) {
        struct range *found = *r;
        if (found->base == data || found->local == data) {
            *r = found->next;
            return found;
        }
    }
    return NULL;
}

bool mem_stack_attach(uintptr_t *base, uintptr_t *volatile *top)
{
    return range_add((struct range){ .base = base, .top = top });
}

void mem_stack_detach(uintptr_t *base)
{
    free(GC_call_with_alloc_lock(leave_range, base));
}

void mem_local_begin(struct mem_local *m)
{
    if (!range_add((struct range){ .local = m }))
        abort();
}

static void *GC_CALLBACK leave_locals(void *block)
{
    struct range **r = &ranges, *gone = NULL;
    while (*r != NULL) {
        struct range *found = *r;
        bool inside = (uintptr_t)found->local - (uintptr_t)block < GC_size(block);
        if (!inside) {
            r = &found->next;
            continue;
        }
        *r = found->next;
        found->next = gone;
        gone = found;
    }
    return gone;
}

void mem_root_free(void *p)
{
    struct range *gone = p == NULL ? NULL : GC_call_with_alloc_lock(leave_locals, p);
    while (gone != NULL) {
        struct range *next = gone->next;
        free(gone);
        gone = next;
    }
    GC_free(p);
}

void mem_begin(void (*trace)(void *, struct grey_tracer *))
{
    (void)trace;
#ifndef SCHEME_LIBGC_PLAIN
    /* With interior pointers, its default, libgc adds a byte to each object and does not scan the last word of a
       list's: a pair would take two granules. Tagged values are addresses 2 and 4 bytes inside. Stacks may hold
       any address inside an object all the same. */
    GC_set_all_interior_pointers(0);
#endif
    GC_INIT();
    GC_register_displacement(2);
    GC_register_displacement(4);
    GC_set_warn_proc(GC_ignore_warn_proc);
    others = GC_get_push_other_roots();
    GC_set_push_other_roots(push_roots);
    GC_start_mark_threads(); /* they would begin with the program's first thread else */
}

/* ---- cleanups ------------------------------------------------------------------------------------------------ */

struct cleanup {
    void (*fn)(void *);
    void *data;
};

static void GC_CALLBACK run_cleanup(void *object, void *data)
{
    (void)object;
    struct cleanup *c = data;
    c->fn(c->data);
}

bool mem_cleanup(void *object, void (*fn)(void *), void *data)
{
    struct cleanup *c = GC_malloc(sizeof *c);
    if (c == NULL)
        return false;
    *c = (struct cleanup){ fn, data };
    GC_register_finalizer_no_order(object, run_cleanup, c, NULL, NULL);
    return true;
}

/* ---- weak references: a word with all bits turned, which libgc makes 0 when the object is gone -------------- */

static void *GC_CALLBACK reveal(void *hidden)
{
    uintptr_t word = *(const uintptr_t *)hidden;
    return word == 0 ? NULL : (void *)~word;
}

static bool hide(uintptr_t *slot, uintptr_t v)
{
    *slot = ~v;
    return GC_general_register_disappearing_link((void **)slot, GC_base((void *)v)) != GC_NO_MEMORY;
}

struct mem_ephemeron {
    uintptr_t constant; /* the key, where it is no object */
    uintptr_t hidden;   /* the key, where it is one */
    uintptr_t value;
};

mem_ephemeron *mem_ephemeron_new(struct mem_local *m, uintptr_t key, uintptr_t v)
{
    mem_ephemeron *e = mem_slots(m, sizeof *e);
    if (e == NULL)
        return NULL;
    e->value = v;
    if (GC_base((void *)key) == NULL)
        e->constant = key;
    else if (!hide(&e->hidden, key))
        return NULL;
    return e;
}

uintptr_t mem_ephemeron_key(const mem_ephemeron *e)
{
    return e->constant != 0 ? e->constant : (uintptr_t)GC_call_with_alloc_lock(reveal, (void *)&e->hidden);
}

uintptr_t mem_ephemeron_value(const mem_ephemeron *e)
{
    return mem_ephemeron_key(e) == 0 ? 0 : __atomic_load_n(&e->value, __ATOMIC_ACQUIRE);
}

void mem_ephemeron_set(mem_ephemeron *e, uintptr_t v)
{
    mem_write(&e->value, v);
}

/* ---- weak tables: all of it with the allocator's lock held, so that no collection is between two steps ------- */

struct entry {
    struct entry *next;
    uint64_t hash;
    uintptr_t key; /* hidden; good while the value lives */
    uintptr_t value;
};

struct mem_weak_table {
    uint64_t (*hash)(const void *);
    bool (*equal)(const void *, const void *);
    struct entry **bucket;
    size_t size, count; /* size: a power of two */
};

mem_weak_table *mem_weak_table_new(uint64_t (*hash)(const void *), bool (*equal)(const void *, const void *))
{
    mem_weak_table *t = GC_malloc(sizeof *t);
    if (t == NULL)
        return NULL;
    t->hash = hash;
    t->equal = equal;
    t->size = 256;
    t->bucket = GC_malloc(t->size * sizeof *t->bucket);
    return t->bucket == NULL ? NULL : t;
}

struct question {
    mem_weak_table *table;
    const void *key;
    uint64_t hash;
    struct entry *entry;   /* to enter */
    struct entry **bucket; /* larger ones */
    size_t size;
};

static void *GC_CALLBACK find(void *data)
{
    const struct question *q = data;
    mem_weak_table *t = q->table;
    for (struct entry *e = t->bucket[q->hash & (t->size - 1)]; e != NULL; e = e->next) {
        if (e->hash == q->hash && e->value != 0 && t->equal((void *)~e->key, q->key))
            return (void *)~e->value;
    }
    return NULL;
}

uintptr_t mem_weak_table_get(mem_weak_table *t, const void *key)
{
    struct question q = { .table = t, .key = key, .hash = t->hash(key) };
    return (uintptr_t)GC_call_with_alloc_lock(find, &q);
}

static void *GC_CALLBACK rehash(void *data)
{
    struct question *q = data;
    mem_weak_table *t = q->table;
    for (size_t i = 0; q->size > t->size && i < t->size; i++) {
        for (struct entry *e = t->bucket[i], *next; e != NULL; e = next) {
            next = e->next;
            struct entry **place = &q->bucket[e->hash & (q->size - 1)];
            e->next = *place;
            if (e->value != 0)
                *place = e;
            else
                t->count--;
        }
    }
    if (q->size > t->size) {
        t->bucket = q->bucket;
        t->size = q->size;
    }
    return NULL;
}

static void *GC_CALLBACK enter(void *data)
{
    struct question *q = data;
    struct entry **place = &q->table->bucket[q->hash & (q->table->size - 1)];
    q->entry->next = *place;
    *place = q->entry;
    q->table->count++;
    return NULL;
}

bool mem_weak_table_put(mem_weak_table *t, void *key, uintptr_t v)
{
    struct entry *e = GC_malloc(sizeof *e);
    if (e == NULL)
        return false;
    struct question q = { .table = t, .hash = t->hash(key), .entry = e, .size = 2 * t->size };
    if (t->count > t->size && (q.bucket = GC_malloc(q.size * sizeof *q.bucket)) != NULL)
        GC_call_with_alloc_lock(rehash, &q);
    e->hash = q.hash;
    e->key = ~(uintptr_t)key;
    if (!hide(&e->value, v))
        return false;
    GC_call_with_alloc_lock(enter, &q);
    return true;
}

#endif
