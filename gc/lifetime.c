/* lifetime: the order of settling, the records and their index; see lifetime.h and settle.h. */
#include "gc/settle.h"

#include <errno.h>
#include <string.h>

#include "gc/mark.h"

#define SAME_LOCK { .state = { 0 }, .rank = RANK_LIFETIME }
struct lock lifetime_locks[LIFETIME_LOCKS] = {
    SAME_LOCK, SAME_LOCK, SAME_LOCK, SAME_LOCK, SAME_LOCK, SAME_LOCK, SAME_LOCK, SAME_LOCK, SAME_LOCK,
    SAME_LOCK, SAME_LOCK, SAME_LOCK, SAME_LOCK, SAME_LOCK, SAME_LOCK, SAME_LOCK, SAME_LOCK,
};

struct index lifetime_by_object;

/* ---- the steps ---- */

void lifetime_settle_stopped(void)
{
    ephemeron_settle_stopped();
    ephemeron_clear_stopped();
    weak_clear_stopped();
    if (finalize_queue_stopped()) {
        mark_drain_stopped();
        ephemeron_settle_stopped();
        ephemeron_clear_stopped();
    }
    cleanup_queue_stopped();
}

void lifetime_begin_stopped(void)
{
    pool_age_stopped();
}

void lifetime_roots_stopped(struct root_sink *sink)
{
    finalize_roots_stopped(sink);
    pool_roots_stopped(sink);
}

void lifetime_after_cycle(void)
{
    pool_trim();
    finalize_wake();
}

/* ---- early frees ---- */

static bool forget_locked(uintptr_t object)
{
    bool queued = false;
    struct node *n = index_find(&lifetime_by_object, object);
    while (n != NULL) {
        struct record *r = (struct record *)n;
        n = index_next(n); /* r leaves the chain */
        queued |= r->type == RECORD_CLEANUP;
        if (r->type == RECORD_WEAK)
            weak_forget_locked(r);
        else
            finalize_forget_locked(r);
    }
    return queued;
}

bool lifetime_forget(uintptr_t object)
{
    /* relaxed: whoever filed something under the object did so before it came to this thread. */
    if (aw_load_relaxed(&lifetime_by_object.count) == 0)
        return false;
    lock_take(lifetime_lock);
    bool queued = forget_locked(object);
    lock_drop(lifetime_lock);
    return queued;
}

/* ---- the index ---- */

/* Neighbours in a page lie in neighbouring buckets: programs come to objects in the order of their
   addresses more often than not. */
static uint64_t place_of(uintptr_t key)
{
    uint64_t page = (key >> PAGE_SHIFT) * UINT64_C(0x9e3779b97f4a7c15);
    return (page ^ page >> 29) + (key & (PAGE_BYTES - 1)) / MIN_ALIGN;
}

static struct node **bucket_at(const struct index *x, size_t b)
{
    if (b < INDEX_FIRST)
        return &x->segment[0][b];
    unsigned high = highest_bit(b);
    return &x->segment[high - lowest_bit(INDEX_FIRST) + 1][b - ((size_t)1 << high)];
}

static struct node **bucket_of(const struct index *x, uintptr_t key)
{
    uint64_t h = place_of(key);
    unsigned level = highest_bit(x->buckets);
    size_t b = h & low_mask(level + 1);
    return bucket_at(x, b < x->buckets ? b : h & low_mask(level));
}

static void chain_push(struct node **bucket, struct node *n)
{
    n->next = *bucket;
    n->from = bucket;
    if (n->next != NULL)
        n->next->from = &n->next;
    *bucket = n;
}

static void chain_unlink(struct node *n)
{
    *n->from = n->next;
    if (n->next != NULL)
        n->next->from = n->from;
    n->next = NULL;
    n->from = NULL;
}

/* Bucket b - 2^level gives those of its nodes to the new bucket b that belong there. */
static void split(struct index *x)
{
    size_t b = x->buckets++;
    struct node **to = bucket_at(x, b), **from = bucket_at(x, b - ((size_t)1 << highest_bit(b)));
    for (struct node *n = *from, *next; n != NULL; n = next) {
        next = n->next;
        if (bucket_of(x, n->key) != to)
            continue;
        chain_unlink(n);
        chain_push(to, n);
    }
}

/* Room for one more bucket, if memory allows: else chains get longer. */
static void grow(struct index *x)
{
    unsigned high = highest_bit(x->buckets);
    struct node ***segment = &x->segment[high - lowest_bit(INDEX_FIRST) + 1];
    if (*segment == NULL)
        *segment = meta_alloc(((size_t)1 << high) * sizeof(struct node *));
    if (*segment != NULL)
        split(x);
}

bool index_add(struct index *x, struct node *n)
{
    if (x->buckets == 0) {
        x->segment[0] = meta_alloc(INDEX_FIRST * sizeof(struct node *));
        if (x->segment[0] == NULL)
            return false;
        x->buckets = INDEX_FIRST;
    }
    uintptr_t count = aw_load_relaxed(&x->count); /* relaxed, here and below: under the lock */
    if (count >= x->buckets)
        grow(x);
    chain_push(bucket_of(x, n->key), n);
    aw_store_relaxed(&x->count, count + 1);
    return true;
}

void index_remove(struct index *x, struct node *n)
{
    chain_unlink(n);
    aw_store_relaxed(&x->count, aw_load_relaxed(&x->count) - 1);
}

static struct node *same_key(struct node *n, uintptr_t key)
{
    while (n != NULL && n->key != key)
        n = n->next;
    return n;
}

struct node *index_find(const struct index *x, uintptr_t key)
{
    return x->buckets == 0 ? NULL : same_key(*bucket_of(x, key), key);
}

struct node *index_next(const struct node *n)
{
    return same_key(n->next, n->key);
}

/* ---- records ---- */

static struct record *cut_locked(struct store *s)
{
    struct chunk *c = s->last;
    if (c == NULL || sizeof c->records - c->used < s->record_bytes) {
        c = meta_alloc(sizeof *c);
        if (c == NULL)
            return NULL;
        *(s->last == NULL ? &s->first : &s->last->next) = c;
        s->last = c;
    }
    struct record *r = (struct record *)(c->records + c->used);
    c->used += s->record_bytes;
    return r;
}

/* So many free ones wait before one is used again. */
#define FREE_WAIT 64

static struct record *reuse_locked(struct store *s)
{
    struct node *n = s->oldest_free;
    if (n != NULL) {
        s->oldest_free = n->next;
        s->free_count--;
    }
    return (struct record *)n;
}

struct record *store_take_locked(struct store *s)
{
    assert(lock_is_held(lifetime_lock));
    struct record *r = s->free_count > FREE_WAIT ? reuse_locked(s) : cut_locked(s);
    if (r == NULL && (r = reuse_locked(s)) == NULL)
        return NULL;
    memset(r, 0, s->record_bytes);
    r->type = s->type;
    return r;
}

void store_give_locked(struct store *s, struct record *r)
{
    assert(lock_is_held(lifetime_lock));
    a32_store_relaxed(&r->state, RECORD_FREE); /* relaxed: see record_state() */
    r->node.next = NULL;
    if (s->oldest_free == NULL)
        s->oldest_free = &r->node;
    else
        s->last_free->next = &r->node;
    s->last_free = &r->node;
    s->free_count++;
}

void store_walk_stopped(struct store *s, void (*f)(struct record *r, void *context), void *context)
{
    for (struct chunk *c = s->first; c != NULL; c = c->next) {
        for (size_t at = 0; at < c->used; at += s->record_bytes) {
            struct record *r = (struct record *)(c->records + at);
            if (record_state(r) == RECORD_FILED)
                f(r, context);
        }
    }
}

struct record *record_file_locked(struct store *s, uintptr_t object)
{
    struct record *r = store_take_locked(s);
    if (r == NULL)
        return NULL;
    r->node.key = object;
    if (!index_add(&lifetime_by_object, &r->node)) {
        store_give_locked(s, r);
        return NULL;
    }
    a32_store_relaxed(&r->state, RECORD_FILED); /* relaxed: see record_state() */
    return r;
}

void record_unfile(struct record *r, enum record_state then)
{
    assert(record_state(r) == RECORD_FILED);
    index_remove(&lifetime_by_object, &r->node);
    a32_store_relaxed(&r->state, then); /* relaxed: see record_state() */
}

/* ---- what users pass ---- */

bool lifetime_object(const void *p, const char *call, struct object *out)
{
    if (object_find((uintptr_t)p, out))
        return true;
    if (p == NULL)
        errno = EINVAL;
    else
        report_misuse(call, p, "not a managed object");
    return false;
}

bool lifetime_is_kind(const void *p, grey_kind kind, const char *call, const char *sentence)
{
    struct object o;
    if (object_find((uintptr_t)p, &o) && o.span->kind == kind && o.base == (uintptr_t)p)
        return true;
    report_misuse(call, p, sentence);
    return false;
}

/* ---- the rest ---- */

struct lifetime_sums lifetime_sums(void)
{
    struct lifetime_sums sums = { .weak_cleared = weak_cleared() };
    finalize_sums(&sums);
    return sums;
}

void lifetime_each_lock(void (*f)(struct lock *l))
{
    for (size_t i = 0; i < LIFETIME_LOCKS; i++)
        f(&lifetime_locks[i]);
}

void lifetime_fork_child(void)
{
    finalize_fork_child();
}
