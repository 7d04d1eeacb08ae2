/* mcentral: see mcentral.h. */
#include "alloc/mcentral.h"

#include <string.h>

#include "alloc/os.h"
#include "alloc/report.h"
#include "alloc/transfer.h"

/* Empty spans are kept for reuse: of a class and shard up to this size, of all together up to the
   second one, and in any case one of a class. */
#define KEEP_EMPTY_CLASS KIB(512)
#define KEEP_EMPTY_ALL   MIB(2)
/* A refill looks at no more partly used spans than this: it holds the lock. */
#define REFILL_SPANS 16
/* Spans of a class that are purged in one round, in which a fork waits. */
#define PURGE_SPANS 512

struct mcentral {
    struct lock lock;
    uint32_t empty;               /* [lock:central] empty spans in partial */
    struct span_queue partial;    /* [lock:central] */
    struct span_queue full;       /* [lock:central] */
} __attribute__((aligned(64)));

struct mheap heap_pages;
static struct mcentral centrals[MCENTRAL_SHARDS][CLASS_SMALL_LAST + 1];
static struct atomicw kept_bytes; /* [atomic] of empty spans in partial queues; a bound, not an account */

void mcentral_init(void)
{
    for (unsigned i = 0; i < MCENTRAL_SHARDS; i++)
        for (unsigned code = 0; code <= CLASS_SMALL_LAST; code++)
            centrals[i][code].lock = (struct lock)LOCK_INIT(RANK_CENTRAL);
    transfer_init();
}

/* ---- queues ---- */

static struct span_queue *queue_of(struct mcentral *c, const struct span *s)
{
    assert(s->list == LIST_PARTIAL || s->list == LIST_FULL);
    return s->list == LIST_PARTIAL ? &c->partial : &c->full;
}

static void enqueue_locked(struct mcentral *c, struct span *s, enum span_list list)
{
    assert(lock_is_held(&c->lock));
    s->list = (uint8_t)list;
    span_queue_add(queue_of(c, s), s);
}

static void dequeue_locked(struct mcentral *c, struct span *s)
{
    assert(lock_is_held(&c->lock));
    span_queue_remove(queue_of(c, s), s);
    s->list = LIST_NONE;
}

static bool is_empty(const struct span *s)
{
    return s->free_count == s->slots;
}

static void forget_empty_locked(struct mcentral *c, const struct span *s)
{
    c->empty--;
    aw_add_relaxed(&kept_bytes, -(s->pages * PAGE_BYTES)); /* relaxed: see keep_empty_locked() */
}

static struct span *pop_partial_locked(struct mcentral *c)
{
    struct span *s = c->partial.first;
    if (s == NULL)
        return NULL;
    dequeue_locked(c, s);
    if (is_empty(s))
        forget_empty_locked(c, s);
    return s;
}

/* ---- taking ---- */

static size_t take_locked(struct mcentral *c, struct span **cached, uintptr_t *out, size_t want)
{
    size_t got = 0;
    for (int i = 0; i < REFILL_SPANS && got < want; i++) {
        struct span *s = *cached;
        if (s == NULL) {
            s = pop_partial_locked(c);
            if (s == NULL)
                break;
            s->list = LIST_CACHED;
            *cached = s;
        }
        got += span_take_slots(s, out, want - got);
        if (s->free_count == 0) {
            enqueue_locked(c, s, LIST_FULL);
            *cached = NULL;
        }
    }
    return got;
}

/* A partial span of another shard, now of ours: better than growing the heap. */
static struct span *steal_partial(unsigned code, unsigned shard)
{
    for (unsigned i = 1; i < MCENTRAL_SHARDS; i++) {
        struct mcentral *c = &centrals[(shard + i) % MCENTRAL_SHARDS][code];
        if (!lock_try(&c->lock)) /* busy: its thread needs it more */
            continue;
        struct span *s = pop_partial_locked(c);
        if (s != NULL) {
            a32_store_relaxed(&s->shard, shard); /* relaxed: C3, the lock orders it */
            s->list = LIST_CACHED;
        }
        lock_drop(&c->lock);
        if (s != NULL)
            return s;
    }
    return NULL;
}

static struct span *create_span(unsigned code, unsigned shard)
{
    struct run_request want = { .pages = { size_classes[code].pages }, .align = 1, .code = code };
    struct span *s = mheap_alloc(&heap_pages, want, SPAN_MANUAL);
    if (s == NULL)
        return NULL;
    a32_store_relaxed(&s->shard, shard); /* relaxed: nobody knows the span yet */
    s->list = LIST_CACHED;
    pagemap_set(s);
    return s;
}

size_t mcentral_take(unsigned code, unsigned shard, struct span **cached, uintptr_t *out, size_t want)
{
    struct mcentral *c = &centrals[shard][code];
    assert(want > 0 && want <= MCENTRAL_BATCH);
    lock_take(&c->lock);
    size_t got = take_locked(c, cached, out, want);
    lock_drop(&c->lock);
    if (got == 0) {
        struct span *s = steal_partial(code, shard);
        if (s == NULL)
            s = create_span(code, shard);
        if (s == NULL)
            return 0;
        *cached = s;
        lock_take(&c->lock);
        got = take_locked(c, cached, out, want);
        lock_drop(&c->lock);
    }
    if (got < want)
        memmove(out, out + (want - got), got * sizeof *out);
    return got;
}

/* ---- giving ---- */

static bool keep_empty_locked(struct mcentral *c, const struct span *s)
{
    size_t bytes = s->pages * PAGE_BYTES;
    /* relaxed: two shards may both see room for the last span. */
    if (c->empty > 0 && ((c->empty + 1) * bytes > KEEP_EMPTY_CLASS || aw_load_relaxed(&kept_bytes) > KEEP_EMPTY_ALL))
        return false;
    c->empty++;
    aw_add_relaxed(&kept_bytes, bytes);
    return true;
}

/* After slots of a span were freed: a span that becomes empty and is not kept goes onto *drop. */
static inline void note_freed_locked(struct mcentral *c, struct span *s, struct span **drop)
{
    if (s->list == LIST_FULL) {
        dequeue_locked(c, s);
        enqueue_locked(c, s, LIST_PARTIAL);
    }
    if (unlikely(is_empty(s)) && s->list == LIST_PARTIAL) {
        if (!keep_empty_locked(c, s)) {
            dequeue_locked(c, s);
            s->next = *drop;
            *drop = s;
        }
    }
}

/* What one round of a batch works on. */
struct batch {
    uintptr_t *blocks;
    size_t n;
    uintptr_t bad;     /* a block that was free already */
    struct span *drop; /* spans to give to the page heap */
};

/* Frees the blocks of one shard, each on its own; the others move to the front. Best for blocks
   in random order: no branch depends on the order. */
static size_t give_each_locked(struct mcentral *c, unsigned shard, struct batch *b, struct span **spans)
{
    size_t others = 0;
    for (size_t i = 0; i < b->n; i++) {
        struct span *s = spans[i];
        if (unlikely(a32_load_relaxed(&s->shard) != shard)) {
            spans[others] = s;
            b->blocks[others++] = b->blocks[i];
        } else if (likely(span_free_slot(s, b->blocks[i]))) {
            note_freed_locked(c, s, &b->drop);
        } else {
            b->bad = b->blocks[i];
        }
    }
    return others;
}

/* The same for blocks that come in the order of their addresses, or nearly: neighbours share a
   span, which is looked up once, and a word of bits, which is written once. */
static size_t give_grouped_locked(struct mcentral *c, unsigned shard, struct batch *b, unsigned code)
{
    size_t others = 0;
    for (size_t i = 0; i < b->n;) {
        struct span *s = pagemap_find(b->blocks[i]);
        if (unlikely(s == NULL || s->code != code)) { /* its span was empty, and went */
            b->bad = b->blocks[i++];
            continue;
        }
        if (unlikely(a32_load_relaxed(&s->shard) != shard)) {
            b->blocks[others++] = b->blocks[i++];
            continue;
        }
        uint64_t magic = class_magic[s->code], bits = 0;
        uintptr_t base = s->base;
        size_t bytes = s->pages * PAGE_BYTES, word = slot_at(magic, b->blocks[i] - base) / 64;
        for (; i < b->n && b->blocks[i] - base < bytes; i++) {
            size_t slot = slot_at(magic, b->blocks[i] - base);
            if (slot / 64 != word)
                break;
            if (unlikely((bits >> slot % 64 & 1) != 0))
                b->bad = b->blocks[i];
            bits |= UINT64_C(1) << slot % 64;
        }
        uint64_t freed = span_free_slots(s, word, bits);
        if (unlikely(freed != bits))
            b->bad = base + (word * 64 + lowest_bit(bits & ~freed)) * size_classes[s->code].size;
        if (likely(freed != 0))
            note_freed_locked(c, s, &b->drop);
    }
    return others;
}

/* With no lock held: clearing the page map and merging runs is slow. */
static void drop_spans(struct span *drop)
{
    while (drop != NULL) {
        struct span *next = drop->next;
        pagemap_clear(drop);
        mheap_free(&heap_pages, drop, span_untouched(drop));
        drop = next;
    }
}

/* Do most blocks lie near the one before? */
static bool is_grouped(const uintptr_t *blocks, size_t n, size_t near)
{
    size_t steps = 0, count = n < 16 ? n : 16;
    for (size_t i = 1; i < count; i++)
        steps += blocks[i] - blocks[i - 1] + near < 2 * near;
    return steps * 2 > count;
}

static void give_random(unsigned code, struct batch *b)
{
    struct span *spans[MCENTRAL_BATCH];
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++) {
        struct span *s = pagemap_find(b->blocks[i]);
        if (unlikely(s == NULL || s->code != code)) { /* its span was empty, and went */
            b->bad = b->blocks[i];
            continue;
        }
        __builtin_prefetch(s, 1);
        __builtin_prefetch(s->alloc_bits, 1);
        spans[n] = s;
        b->blocks[n++] = b->blocks[i];
    }
    b->n = n;
    while (b->n > 0) {
        unsigned shard = a32_load_relaxed(&spans[0]->shard); /* relaxed: C3, looked at again below */
        struct mcentral *c = &centrals[shard][code];
        lock_take(&c->lock);
        b->n = give_each_locked(c, shard, b, spans);
        lock_drop(&c->lock);
    }
}

static void give_grouped(unsigned code, struct batch *b)
{
    while (b->n > 0) {
        struct span *s = pagemap_find(b->blocks[0]);
        unsigned shard = s == NULL ? 0 : a32_load_relaxed(&s->shard); /* relaxed: as above */
        struct mcentral *c = &centrals[shard][code];
        lock_take(&c->lock);
        b->n = give_grouped_locked(c, shard, b, code);
        lock_drop(&c->lock);
    }
}

uintptr_t mcentral_give(unsigned code, uintptr_t *blocks, size_t n)
{
    struct batch b = { .blocks = blocks, .n = n };
    assert(n <= MCENTRAL_BATCH);
    if (is_grouped(blocks, n, size_classes[code].pages * PAGE_BYTES / 4))
        give_grouped(code, &b);
    else
        give_random(code, &b);
    drop_spans(b.drop);
    return b.bad;
}

void mcentral_uncache(struct span *s)
{
    /* The shard cannot change while the span is cached (C3), and we cache it. */
    struct mcentral *c = &centrals[a32_load_relaxed(&s->shard)][s->code];
    struct span *drop = NULL;
    lock_take(&c->lock);
    assert(s->list == LIST_CACHED);
    if (is_empty(s) && !keep_empty_locked(c, s)) {
        s->list = LIST_NONE;
        s->next = NULL;
        drop = s;
    } else {
        enqueue_locked(c, s, s->free_count > 0 ? LIST_PARTIAL : LIST_FULL);
    }
    lock_drop(&c->lock);
    drop_spans(drop);
}

static struct span *take_empty_locked(struct mcentral *c)
{
    struct span *drop = NULL;
    for (struct span *s = c->partial.first, *next; s != NULL && c->empty > 0; s = next) {
        next = s->next;
        if (!is_empty(s))
            continue;
        dequeue_locked(c, s);
        s->next = drop;
        drop = s;
        forget_empty_locked(c, s);
    }
    return drop;
}

/* A block that was free twice has lost whoever freed it. */
static void give_drained(unsigned code, uintptr_t *blocks)
{
    uintptr_t bad = mcentral_give(code, blocks, transfer_size(code));
    if (unlikely(bad != 0))
        report_misuse("free", (void *)bad, "double free");
}

static void drain_transfers(void)
{
    uintptr_t blocks[TRANSFER_BATCH];
    for (unsigned code = CLASS_SMALL_FIRST; code <= CLASS_SMALL_LAST; code++)
        while (transfer_drain(code, blocks))
            give_drained(code, blocks);
}

void mcentral_drop_kept(void)
{
    drain_transfers();
    for (unsigned i = 0; i < MCENTRAL_SHARDS; i++) {
        for (unsigned code = CLASS_SMALL_FIRST; code <= CLASS_SMALL_LAST; code++) {
            struct mcentral *c = &centrals[i][code];
            lock_take(&c->lock);
            struct span *drop = take_empty_locked(c);
            lock_drop(&c->lock);
            drop_spans(drop);
        }
    }
}

/* ---- purging ---- */

/* Takes the partial spans that are worth it out of their queue, at most so many, linked by next.
   s->returned remembers the free count at the last attempt; taking slots forgets it. */
static struct span *take_quiet_locked(struct mcentral *c, size_t most)
{
    struct span *taken = NULL;
    for (struct span *s = c->partial.first, *next; s != NULL && most > 0; s = next) {
        next = s->next;
        bool quiet = s->quiet_count == s->free_count, done = s->returned == s->free_count;
        s->quiet_count = s->free_count;
        if (!quiet || done || is_empty(s) || s->free_count * size_classes[s->code].size < os_page_size())
            continue;
        dequeue_locked(c, s);
        s->returned = s->free_count;
        s->next = taken;
        taken = s;
        most--;
    }
    return taken;
}

static void put_back_locked(struct mcentral *c, struct span *s, struct span **drop)
{
    if (!is_empty(s) || keep_empty_locked(c, s)) {
        enqueue_locked(c, s, LIST_PARTIAL);
    } else {
        s->next = *drop;
        *drop = s;
    }
}

/* The spans are out of their queue while the system is called without the lock: blocks may be freed
   into them, none are taken from them, and nobody follows their links. */
size_t mcentral_purge(unsigned code, unsigned shard)
{
    struct mcentral *c = &centrals[shard][code];
    struct span *drop = NULL, *next;
    size_t bytes = 0;
    lock_take(&c->lock);
    struct span *taken = take_quiet_locked(c, PURGE_SPANS);
    lock_drop(&c->lock);
    for (struct span *s = taken; s != NULL; s = s->next) {
        uint64_t bits[SLOTS_MAX / 64];
        lock_take(&c->lock);
        memcpy(bits, s->alloc_bits, sizeof bits);
        lock_drop(&c->lock);
        bytes += span_purge(s, bits);
    }
    lock_take(&c->lock);
    for (struct span *s = taken; s != NULL; s = next) {
        next = s->next;
        put_back_locked(c, s, &drop);
    }
    lock_drop(&c->lock);
    drop_spans(drop);
    return bytes;
}

void mcentral_each_lock(void (*f)(struct lock *l))
{
    transfer_each_lock(f);
    for (unsigned i = 0; i < MCENTRAL_SHARDS; i++)
        for (unsigned code = CLASS_SMALL_FIRST; code <= CLASS_SMALL_LAST; code++)
            f(&centrals[i][code].lock);
}
