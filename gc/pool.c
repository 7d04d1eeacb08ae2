/* pool: objects kept for reuse, until two collections later.

   Each thread keeps a few objects of each pool it uses; the rest lie in the pool's shared part. At the
   beginning of a cycle both age: what is there becomes the victim generation, and what was that is
   dropped. Until then the pool keeps its objects alive.

   P1  A thread finds its part by the pool's number, which a record has for ever; the pool's id, which
       is never used again, tells whether the part is of the pool that has the record now.
   P2  Pieces that ageing emptied wait in the pool's spare list, for nothing may be freed in a stop. */
#include "gc/settle.h"

#include <errno.h>
#include <string.h>

enum { PART_MAX = 16, PIECE_MAX = 62, DIRECTORY_MAX = 31 };

/* Objects of a thread. */
struct part {
    uint64_t pool_id; /* [owner] */
    uint32_t count, victims; /* [owner], and ageing */
    uintptr_t object[PART_MAX], victim[PART_MAX]; /* [owner], and ageing */
};

/* A thread's parts, by the numbers of pools: the first of a list has the lowest. */
struct pool_local {
    struct pool_local *next;          /* [owner] */
    struct part *part[DIRECTORY_MAX]; /* [owner] */
};

/* Objects of the shared part: a stack of them, in pieces. Only the first is not full. */
struct piece {
    struct piece *next;          /* [lock:pool], and ageing */
    size_t count;                /* [lock:pool], and ageing */
    uintptr_t object[PIECE_MAX]; /* [lock:pool], and ageing */
};

struct grey_pool {
    struct grey_pool *next;        /* [const] all records ever made */
    struct grey_pool *next_free;   /* [lock:lifetime] */
    size_t number;                 /* [const] P1 */
    struct atomicw id;             /* [atomic] 0: no pool */
    void *(*make)(void *data);     /* [const] */
    void *data;                    /* [const] */
    struct piece *objects, *victims, *spare; /* [lock:pool], and ageing */
};

static struct {
    struct grey_pool *first; /* [lock:lifetime] */
    struct grey_pool *free;  /* [lock:lifetime] */
    size_t count;            /* [lock:lifetime] records made */
    uint64_t last_id;        /* [lock:lifetime] */
} pools;

static struct fixalloc pieces = { .size = sizeof(struct piece) };
static struct fixalloc parts = { .size = sizeof(struct part) };
static struct fixalloc directories = { .size = sizeof(struct pool_local) };

static uint64_t id_of(const struct grey_pool *p)
{
    return aw_load_relaxed(&p->id); /* relaxed: whoever has the pool got it after it was made */
}

/* ---- the shared part ---- */

static bool push_locked(struct grey_pool *p, struct piece **list, uintptr_t object)
{
    struct piece *first = *list;
    if (first == NULL || first->count == PIECE_MAX) {
        struct piece *new = p->spare;
        if (new != NULL)
            p->spare = new->next;
        else if ((new = fixalloc_take_dirty(&pieces)) == NULL)
            return false;
        new->count = 0;
        new->next = first;
        *list = first = new;
    }
    first->object[first->count++] = object;
    return true;
}

/* 0: empty. */
static uintptr_t pop_locked(struct grey_pool *p, struct piece **list)
{
    struct piece *first = *list;
    if (first == NULL)
        return 0;
    uintptr_t object = first->object[--first->count];
    if (first->count == 0) {
        *list = first->next;
        first->next = p->spare;
        p->spare = first;
    }
    return object;
}

static void give_pieces(struct piece *list)
{
    while (list != NULL) {
        struct piece *next = list->next;
        fixalloc_give(&pieces, list);
        list = next;
    }
}

/* ---- a thread's part ---- */

/* The calling thread's part, made if it has none; NULL without memory. */
static struct part *part_of(struct mutator *m, const struct grey_pool *p)
{
    struct pool_local **at = &m->pools;
    for (size_t n = p->number;; n -= DIRECTORY_MAX, at = &(*at)->next) {
        if (*at == NULL && (*at = fixalloc_take(&directories)) == NULL)
            return NULL;
        if (n >= DIRECTORY_MAX)
            continue;
        struct part *part = (*at)->part[n];
        if (part == NULL)
            part = (*at)->part[n] = fixalloc_take(&parts);
        if (part != NULL && part->pool_id != id_of(p))
            *part = (struct part){ .pool_id = id_of(p) }; /* what is there was another pool's */
        return part;
    }
}

/* Half of a full part goes to the others, the oldest. Without memory they are dropped: garbage. */
static void share_half(struct grey_pool *p, struct part *part)
{
    enum { HALF = PART_MAX / 2 };
    lock_take(lifetime_lock_of(p));
    for (size_t i = 0; i < HALF; i++)
        (void)push_locked(p, &p->objects, part->object[i]);
    lock_drop(lifetime_lock_of(p));
    memmove(part->object, part->object + HALF, (PART_MAX - HALF) * sizeof part->object[0]);
    part->count = PART_MAX - HALF;
}

/* One of the shared objects; some more for the part. */
static uintptr_t take_shared_locked(struct grey_pool *p, struct part *part)
{
    uintptr_t object = pop_locked(p, &p->objects), more;
    while (object != 0 && part != NULL && part->count < PART_MAX / 2
           && (more = pop_locked(p, &p->objects)) != 0)
        part->object[part->count++] = more;
    return object;
}

static uintptr_t take(struct grey_pool *p, struct part *part)
{
    if (part != NULL && part->count > 0)
        return part->object[--part->count];
    lock_take(lifetime_lock_of(p));
    uintptr_t object = take_shared_locked(p, part);
    if (object == 0 && part != NULL && part->victims > 0)
        object = part->victim[--part->victims];
    if (object == 0)
        object = pop_locked(p, &p->victims);
    lock_drop(lifetime_lock_of(p));
    return object;
}

/* ---- what programs call ---- */

static struct grey_pool *record_locked(void)
{
    struct grey_pool *p = pools.free;
    if (p != NULL) {
        pools.free = p->next_free;
        return p;
    }
    p = meta_alloc(sizeof *p);
    if (p != NULL) {
        p->number = pools.count++;
        p->next = pools.first;
        pools.first = p;
    }
    return p;
}

grey_pool *grey_pool_create(void *(*make)(void *data), void *data)
{
    struct mutator *m = mutator_enter("grey_pool_create");
    if (m == NULL)
        return NULL;
    lock_take(lifetime_lock);
    struct grey_pool *p = record_locked();
    if (p != NULL) {
        p->make = make;
        p->data = data;
        aw_store_relaxed(&p->id, ++pools.last_id); /* relaxed: see id_of() */
    } else {
        errno = ENOMEM;
    }
    lock_drop(lifetime_lock);
    mutator_leave(m);
    return p;
}

/* Busy, for a pool in use. NULL when the call is to do nothing. */
static struct mutator *enter(const grey_pool *p, const char *call)
{
    if (p == NULL)
        return NULL;
    if (id_of(p) == 0) {
        report_misuse(call, p, "the pool was destroyed");
        return NULL;
    }
    return mutator_enter(call);
}

void *grey_pool_get(grey_pool *p)
{
    struct mutator *m = enter(p, "grey_pool_get");
    if (m == NULL)
        return NULL;
    /* H10: a marker that runs beside the program need not be told: the pool's objects are roots. */
    void *object = (void *)take(p, part_of(m, p));
    mutator_leave(m);
    return object == NULL && p->make != NULL ? p->make(p->data) : object;
}

void grey_pool_put(grey_pool *p, void *object)
{
    struct mutator *m = object == NULL ? NULL : enter(p, "grey_pool_put");
    if (m == NULL)
        return;
    struct part *part = part_of(m, p);
    if (part != NULL) {
        if (part->count == PART_MAX)
            share_half(p, part);
        part->object[part->count++] = (uintptr_t)object;
    }
    mutator_leave(m);
}

void grey_pool_destroy(grey_pool *p)
{
    struct mutator *m = enter(p, "grey_pool_destroy");
    if (m == NULL)
        return;
    lock_take(lifetime_lock_of(p));
    struct piece *lists[] = { p->objects, p->victims, p->spare };
    p->objects = p->victims = p->spare = NULL;
    aw_store_relaxed(&p->id, 0); /* relaxed: who uses it now is mistaken */
    lock_drop(lifetime_lock_of(p));
    lock_take(lifetime_lock);
    p->next_free = pools.free;
    pools.free = p;
    lock_drop(lifetime_lock);
    for (size_t i = 0; i < COUNT(lists); i++)
        give_pieces(lists[i]);
    mutator_leave(m);
}

/* ---- threads that end ---- */

static void share_all(struct grey_pool *p, struct part *part)
{
    lock_take(lifetime_lock_of(p));
    /* Destroyed since it was found, and perhaps made anew: then the objects are another type's. */
    bool same = id_of(p) == part->pool_id;
    for (size_t i = 0; same && i < part->count; i++)
        (void)push_locked(p, &p->objects, part->object[i]);
    for (size_t i = 0; same && i < part->victims; i++)
        (void)push_locked(p, &p->victims, part->victim[i]);
    lock_drop(lifetime_lock_of(p));
}

static struct grey_pool *pool_by_id(uint64_t id)
{
    lock_take(lifetime_lock);
    struct grey_pool *p = pools.first;
    while (p != NULL && id_of(p) != id)
        p = p->next;
    lock_drop(lifetime_lock);
    return p;
}

void lifetime_thread_exit(struct mutator *m)
{
    struct pool_local *d = m->pools;
    m->pools = NULL;
    while (d != NULL) {
        struct pool_local *next = d->next;
        for (size_t i = 0; i < DIRECTORY_MAX; i++) {
            struct part *part = d->part[i];
            if (part == NULL)
                continue;
            struct grey_pool *p = part->count + part->victims > 0 ? pool_by_id(part->pool_id) : NULL;
            if (p != NULL)
                share_all(p, part);
            fixalloc_give(&parts, part);
        }
        fixalloc_give(&directories, d);
        d = next;
    }
}

/* ---- ageing, threads stopped ---- */

static void each_part_stopped(struct mutator *m, void (*f)(struct part *part, void *context), void *context)
{
    for (struct pool_local *d = m->pools; d != NULL; d = d->next)
        for (size_t i = 0; i < DIRECTORY_MAX; i++)
            if (d->part[i] != NULL)
                f(d->part[i], context);
}

static void age_part(struct part *part, void *unused)
{
    (void)unused;
    memcpy(part->victim, part->object, part->count * sizeof part->object[0]);
    part->victims = part->count;
    part->count = 0;
}

static void age_parts(struct mutator *m, void *unused)
{
    each_part_stopped(m, age_part, unused);
}

static void age_pool(struct grey_pool *p)
{
    struct piece **end = &p->spare;
    while (*end != NULL)
        end = &(*end)->next;
    *end = p->victims;
    p->victims = p->objects;
    p->objects = NULL;
}

void pool_age_stopped(void)
{
    mutator_each_stopped(age_parts, NULL);
    for (struct grey_pool *p = pools.first; p != NULL; p = p->next)
        age_pool(p);
}

/* P2. One stays: the shared part fills again. */
void pool_trim(void)
{
    struct mutator *m = mutator_enter("grey_collect");
    if (m == NULL)
        return;
    lock_take(lifetime_lock);
    struct grey_pool *p = pools.first;
    lock_drop(lifetime_lock);
    for (; p != NULL; p = p->next) {
        lock_take(lifetime_lock_of(p));
        struct piece *kept = p->spare, *rest = kept == NULL ? NULL : kept->next;
        if (kept != NULL)
            kept->next = NULL;
        lock_drop(lifetime_lock_of(p));
        give_pieces(rest);
    }
    mutator_leave(m);
}

static void root_objects(struct root_sink *sink, uintptr_t *object, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sink->exact(sink, ROOT_INTERNAL, &object[i], object[i]);
}

static void root_part(struct part *part, void *sink)
{
    root_objects(sink, part->object, part->count);
    root_objects(sink, part->victim, part->victims);
}

static void root_parts(struct mutator *m, void *sink)
{
    each_part_stopped(m, root_part, sink);
}

static void root_pieces(struct root_sink *sink, struct piece *list)
{
    for (; list != NULL; list = list->next)
        root_objects(sink, list->object, list->count);
}

void pool_roots_stopped(struct root_sink *sink)
{
    mutator_each_stopped(root_parts, sink);
    for (struct grey_pool *p = pools.first; p != NULL; p = p->next) {
        root_pieces(sink, p->objects);
        root_pieces(sink, p->victims);
    }
}
