/* space: allocation of managed objects; spans from their centrals and from the page heap. */
#include "gc/space.h"

#include <string.h>

#include "gc/central.h"
#include "gc/kind.h"
#include "gc/mutator.h"
#include "gc/writes.h"

/* A run is zeroed at once and should stay in the cache until it is used. */
#define RUN_BYTES KIB(8)
/* Zeroing more than this at once would keep others waiting for a stop. */
#define ZERO_CHUNK MIB(1)

struct grey_bins space_no_bins;

static struct fixalloc kind_caches = { .size = sizeof(struct kind_cache) };

/* [atomic] all of them statistics, or bounds, but for live */
static struct {
    struct atomicw live_bytes; /* marked, and taken since */
    struct atomicw allocated_bytes, allocated_objects;
} account;

/* ---- the account ---- */

static void account_taken(struct mutator *m, size_t objects, size_t bytes)
{
    m->cache.fresh_bytes += bytes;
    m->cache.fresh_objects += objects;
    if (m->cache.fresh_bytes >= SPACE_ACCOUNT_BYTES)
        space_account(m);
}

void space_account(struct mutator *m)
{
    /* relaxed: a trigger that is seen late is a little late */
    aw_add_relaxed(&account.live_bytes, m->cache.fresh_bytes);
    aw_add_relaxed(&account.allocated_bytes, m->cache.fresh_bytes);
    aw_add_relaxed(&account.allocated_objects, m->cache.fresh_objects);
    m->cache.fresh_bytes = m->cache.fresh_objects = 0;
    m->cache.look = m->cache.assist = true;
}

/* Of slots that were taken, but not used. */
static void account_returned(struct mutator *m, size_t objects, size_t bytes)
{
    m->cache.fresh_bytes -= bytes; /* may wrap; so does the sum, back */
    m->cache.fresh_objects -= objects;
}

uint64_t space_live_bytes(void)
{
    return aw_load_relaxed(&account.live_bytes);
}

static uint64_t cached_bytes; /* [stopped] unused parts of cached runs: taken, though nothing is in them */

void space_set_live_stopped(uint64_t marked_bytes)
{
    aw_store_relaxed(&account.live_bytes, marked_bytes + cached_bytes);
    cached_bytes = 0;
}

struct space_sums space_sums(void)
{
    struct space_sums sums;
    central_sums(&sums);
    sums.allocated_bytes = aw_load_relaxed(&account.allocated_bytes);
    sums.allocated_objects = aw_load_relaxed(&account.allocated_objects);
    return sums;
}

/* ---- runs ---- */

static size_t slot_count_of_run(size_t slot_bytes)
{
    size_t n = RUN_BYTES / slot_bytes;
    return n == 0 || option_now(&options.stress) != 0 ? 1 : n;
}

/* The first slot from i on whose alloc bit is as wanted, or end. */
static unsigned find_slot(struct span *s, unsigned i, unsigned end, bool set)
{
    while (i < end) {
        /* relaxed: others only clear bits, of objects freed early */
        uint64_t word = aw_load_relaxed(alloc_word_of(s, i)), rest = (set ? word : ~word) >> (i % 64);
        if (rest != 0) {
            i += lowest_bit(rest);
            break;
        }
        i = (i / 64 + 1) * 64;
    }
    return i < end ? i : end;
}

static void set_alloc_bits(struct span *s, unsigned from, unsigned to)
{
    while (from < to) {
        unsigned bit = from % 64, n = 64 - bit < to - from ? 64 - bit : to - from;
        /* The zeroes come first (H2): x86's or is a full barrier; elsewhere markers see them through the
           stop. */
        aw_or_relaxed(alloc_word_of(s, from), low_mask(n) << bit);
        from += n;
    }
}

/* The next run of the cached span becomes the bin's. False when there is none. */
static bool take_run(struct mutator *m, struct cached *c, struct grey_bin *bin)
{
    struct span *s = c->span;
    size_t size = span_slot_bytes(s);
    unsigned from = find_slot(s, c->next_slot, s->slots, false);
    if (from == s->slots)
        return false;
    unsigned most = s->slots - from, want = (unsigned)slot_count_of_run(size);
    unsigned to = find_slot(s, from, from + (want < most ? want : most), true);
    uintptr_t base = s->base + from * size, bytes = (to - from) * size;
    if (!s->zeroed && !without(H2_ZERO))
        memset((void *)base, 0, bytes);
    if (unlikely(writes_checked()))
        writes_zeroed(base, bytes);
    set_alloc_bits(s, from, to);
    c->next_slot = to;
    bin->floor = base;
    bin->cursor = base + bytes;
    account_taken(m, to - from, bytes);
    return true;
}

/* ---- a thread's cache ---- */

static struct kind_cache *kind_cache_of(struct mutator *m, grey_kind kind)
{
    struct kind_cache *kc = m->cache.kind[kind];
    if (likely(kc != NULL))
        return kc;
    kc = fixalloc_take(&kind_caches);
    if (kc == NULL)
        return NULL;
    m->cache.kind[kind] = kc;
    /* The inline path allocates of these only. */
    if (kind == GREY_NOSCAN || kind == GREY_CONSERVATIVE || kind >= GREY_KIND_FIRST_CUSTOM)
        m->local.bins[kind] = &kc->bins;
    if (kind == GREY_TYPED)
        m->local.typed = &kc->bins;
    return kc;
}

static void *alloc_small(struct mutator *m, grey_kind kind, unsigned class)
{
    struct kind_cache *kc = kind_cache_of(m, kind);
    if (kc == NULL)
        return NULL;
    struct grey_bin *bin = &kc->bins.bin[class];
    struct cached *c = &kc->cached[class];
    size_t size = size_classes[class].size;
    for (;;) {
        if (bin->cursor - bin->floor >= size)
            return (void *)(bin->cursor -= size);
        if (c->span != NULL && take_run(m, c, bin))
            continue;
        bin->cursor = bin->floor = 0;
        c->span = central_exchange(kind, class, c->span);
        c->next_slot = 0;
        if (c->span == NULL)
            return NULL;
    }
}

/* Up to TINY_BYTES without pointers: the other cell of the slot in use, if it is free. */
static void *alloc_tiny(struct mutator *m)
{
    uintptr_t p = m->cache.tiny;
    if (p != 0) {
        m->cache.tiny = 0;
        return (void *)p;
    }
    p = (uintptr_t)alloc_small(m, KIND_TINY, CLASS_SMALL_FIRST);
    m->cache.tiny = p == 0 ? 0 : p + TINY_BYTES;
    return (void *)p;
}

/* ---- large objects ---- */

/* With steps in which a stop may come: nobody knows of the span yet. */
static void zero_large(struct mutator *m, char *p, size_t bytes)
{
    while (bytes > 0) {
        size_t n = bytes < ZERO_CHUNK ? bytes : ZERO_CHUNK;
        memset(p, 0, n);
        p += n;
        bytes -= n;
        mutator_leave(m);
        (void)mutator_enter("grey_alloc");
    }
}

static void *alloc_large(struct mutator *m, grey_kind kind, size_t size, size_t alignment)
{
    struct span *s = central_take_large(kind, pages_for(size == 0 ? 1 : size), alignment <= PAGE_BYTES ? 1 : alignment >> PAGE_SHIFT);
    if (s == NULL)
        return NULL;
    size_t bytes = s->pages * PAGE_BYTES;
    if (!without(H2_ZERO))
        zero_large(m, (char *)s->base, (s->pages - s->returned) * PAGE_BYTES);
    if (unlikely(writes_checked()))
        writes_zeroed(s->base, bytes);
    central_publish_large(s);
    account_taken(m, 1, bytes);
    return (void *)s->base;
}

void *space_alloc(struct mutator *m, grey_kind kind, size_t size, size_t alignment)
{
    if (kind == GREY_NOSCAN && size <= TINY_BYTES && alignment <= TINY_BYTES)
        return alloc_tiny(m);
    if (alignment <= MIN_ALIGN && size <= SMALL_MAX)
        return alloc_small(m, kind, size == 0 ? CLASS_SMALL_FIRST : sizeclass_of(size));
    unsigned class = alignment <= PAGE_BYTES ? sizeclass_aligned(size, alignment) : CLASS_NONE;
    if (class != CLASS_NONE && class <= CLASS_SMALL_LAST)
        return alloc_small(m, kind, class);
    return alloc_large(m, kind, size, alignment);
}

/* ---- typed objects ---- */

/* Writes n bits; the words are the owner's to write (who caches the span). */
GREY_INLINE void put_bits(struct typed_place at, uint64_t bits, size_t n)
{
    size_t bit = at.first % 64;
    uint64_t *word = &at.map[at.first / 64];
    *word = (*word & ~(low_mask(n) << bit)) | bits << bit;
    if (bit + n > 64)
        word[1] = (word[1] & ~low_mask(bit + n - 64)) | bits >> (64 - bit);
}

static void *alloc_typed_small(struct mutator *m, const struct grey_type *type, size_t bytes)
{
    void *p = space_alloc(m, GREY_TYPED, bytes, MIN_ALIGN);
    if (p == NULL)
        return NULL;
    /* For the whole slot: an array may grow in it. */
    size_t words = size_classes[sizeclass_of(bytes)].size / sizeof(void *);
    put_bits(typed_place((uintptr_t)p), type_bits(type, words), words);
    return p;
}

/* As the inline path, of which this is the half behind the call: a thread stopped before it has written the
   bits has an object that is all zero, in a register. */
void *space_try_typed(const struct grey_type *type)
{
    struct grey_bin *b = &grey_local->typed->bin[type->class];
    size_t bytes = grey_class_size[type->class];
    if (unlikely(b->cursor - b->floor < bytes || type->class == 0))
        return NULL;
    uintptr_t p = b->cursor - bytes;
    b->cursor = p;
    __asm__ __volatile__("" : "+r"(p)); /* see grey_alloc() */
    put_bits(typed_place(p), type->slot_bits, bytes / sizeof(void *));
    return (void *)p;
}

void *space_alloc_typed(struct mutator *m, const struct grey_type *type, size_t bytes)
{
    if (!type->any)
        return space_alloc(m, GREY_NOSCAN, bytes, MIN_ALIGN);
    if (bytes <= TYPED_BITS_MAX)
        return alloc_typed_small(m, type, bytes);
    char *p = space_alloc(m, KIND_TYPED_LARGE, bytes + sizeof type, MIN_ALIGN);
    if (p == NULL)
        return NULL;
    size_t slot = span_slot_bytes(pagemap_find((uintptr_t)p));
    memcpy(p + slot - sizeof type, &type, sizeof type);
    return p;
}

/* ---- freeing early ---- */

bool space_free(const struct object *o)
{
    /* H9: while a mark runs, this will be put off. */
    return central_free(o);
}

/* ---- stops ---- */

/* Calls f for each class the thread has a span of. */
static void each_cached(struct mutator *m, void (*f)(struct mutator *m, struct cached *c, struct grey_bin *bin))
{
    for (unsigned k = 0; k < kind_count(); k++) {
        struct kind_cache *kc = m->cache.kind[k];
        for (unsigned class = 1; kc != NULL && class < MANAGED_CLASSES; class++)
            if (kc->cached[class].span != NULL)
                f(m, &kc->cached[class], &kc->bins.bin[class]);
    }
}

static void mark_slots(struct span *s, unsigned from, unsigned to)
{
    for (; from < to; from++)
        aw_or_relaxed(mark_word_of(s->base, from), (uintptr_t)1 << (from % 64));
}

static unsigned slot_of(const struct span *s, uintptr_t address)
{
    return (unsigned)slot_at(class_magic[code_class(s->code)], address - s->base);
}

/* A thread that was stopped amid the fast path has read the cursor and not yet written it. */
static void mark_run(struct mutator *m, struct cached *c, struct grey_bin *bin)
{
    (void)m;
    cached_bytes += bin->cursor - bin->floor;
    if (bin->floor < bin->cursor && !without(H1_RUN))
        mark_slots(c->span, slot_of(c->span, bin->floor), slot_of(c->span, bin->cursor - 1) + 1);
}

void space_mark_cached_stopped(struct mutator *m)
{
    each_cached(m, mark_run);
    space_account(m); /* what it took before the mark is in what is marked, or dead */
    if (m->cache.tiny != 0) {
        struct span *s = pagemap_find(m->cache.tiny);
        unsigned slot = slot_of(s, m->cache.tiny);
        mark_slots(s, slot, slot + 1);
    }
}

static void sweep_cached(struct mutator *m, struct cached *c, struct grey_bin *bin)
{
    (void)m;
    (void)bin;
    central_sweep_cached_stopped(c->span);
    c->next_slot = 0;
}

void space_sweep_cached_stopped(struct mutator *m)
{
    if (!without(H17_SWEEP))
        each_cached(m, sweep_cached);
}

static void flush_cached(struct mutator *m, struct cached *c, struct grey_bin *bin)
{
    struct span *s = c->span;
    size_t size = span_slot_bytes(s), rest = bin->cursor - bin->floor;
    if (rest > 0) {
        unsigned from = slot_of(s, bin->floor), to = slot_of(s, bin->cursor - 1) + 1;
        for (unsigned i = from; i < to; i++)
            aw_and_relaxed(alloc_word_of(s, i), ~((uintptr_t)1 << (i % 64)));
        account_returned(m, rest / size, rest);
    }
    bin->cursor = bin->floor = 0;
    c->span = NULL;
    central_give(s);
}

void space_cache_flush(struct mutator *m)
{
    each_cached(m, flush_cached);
    space_account(m);
    m->cache.tiny = 0;
}

void space_cache_end(struct mutator *m)
{
    space_cache_flush(m);
    m->local.typed = &space_no_bins;
    for (unsigned k = 0; k < GREY_KINDS; k++) {
        m->local.bins[k] = &space_no_bins;
        if (m->cache.kind[k] != NULL)
            fixalloc_give(&kind_caches, m->cache.kind[k]);
        m->cache.kind[k] = NULL;
    }
}
