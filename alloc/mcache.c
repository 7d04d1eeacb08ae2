/* mcache: refills, overflows and the sizes of the stacks. */
#include "alloc/mcache.h"

#include <string.h>

#include "alloc/meta.h"
#include "alloc/options.h"

/* The one cell of all empty stacks (M1, M2). */
static uintptr_t no_blocks[1];
#define NO_STACK { no_blocks + 1, no_blocks + 1 }

struct mcache mcache_none = { .stack = { [0 ... CLASS_COUNT - 1] = NO_STACK } };

__thread struct mcache *mcache_self = &mcache_none;

/* Arrays hold 2^k - 1 blocks and the 0 of M1. */
#define CAPACITY_LOG_MAX 11
#define CAPACITY_MAX     ((1u << CAPACITY_LOG_MAX) - 1)
static struct fixalloc arrays[CAPACITY_LOG_MAX + 1] = {
    { .size = 8 << 0 }, { .size = 8 << 1 }, { .size = 8 << 2 }, { .size = 8 << 3 }, { .size = 8 << 4 },
    { .size = 8 << 5 }, { .size = 8 << 6 }, { .size = 8 << 7 }, { .size = 8 << 8 }, { .size = 8 << 9 },
    { .size = 8 << 10 }, { .size = 8 << 11 },
};

/* A stack holds at most this much, but at least one block. */
#define STACK_BYTES     KIB(64)
#define STACK_BYTES_RUN KIB(768)

static unsigned capacity_most(unsigned code)
{
    size_t n = (sizeclass_is_run(code) ? STACK_BYTES_RUN : STACK_BYTES) / size_classes[code].size;
    if (n >= CAPACITY_MAX)
        return CAPACITY_MAX;
    return n < 2 ? 1 : (1u << highest_bit(n + 1)) - 1;
}

static unsigned capacity_first(unsigned code)
{
    unsigned most = capacity_most(code), first = size_classes[code].size <= 512 ? 15 : 3;
    return most < first ? most : first;
}

static uintptr_t *stack_base(const struct mcache *c, unsigned code)
{
    return c->stack[code].limit - c->capacity[code];
}

static size_t stack_depth(const struct mcache *c, unsigned code)
{
    return (size_t)(c->stack[code].top - stack_base(c, code));
}

void mcache_init(struct mcache *c, unsigned shard)
{
    for (unsigned code = 0; code < CLASS_COUNT; code++)
        c->stack[code] = (struct mcache_stack)NO_STACK;
    c->shard = (uint16_t)shard;
}

/* ---- giving back ---- */

static void give_runs(uintptr_t *blocks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct span *s = pagemap_record(blocks[i]);
        pagemap_clear(s);
        mheap_free(&heap_pages, s);
    }
}

/* Gives the n oldest blocks of a stack back. Returns a block that was free twice, or 0. */
static uintptr_t give_oldest(struct mcache *c, unsigned code, size_t n)
{
    uintptr_t *base = stack_base(c, code), bad = 0;
    size_t depth = stack_depth(c, code);
    assert(n <= depth);
    if (sizeclass_is_run(code)) {
        give_runs(base, n);
    } else {
        for (size_t done = 0; done < n;) {
            size_t batch = n - done < MCENTRAL_BATCH ? n - done : MCENTRAL_BATCH;
            uintptr_t twice = mcentral_give(code, base + done, batch);
            bad = twice != 0 ? twice : bad;
            done += batch;
        }
    }
    memmove(base, base + n, (depth - n) * sizeof *base);
    c->stack[code].top -= n;
    return bad;
}

static void free_array(struct mcache *c, unsigned code)
{
    unsigned capacity = c->capacity[code];
    if (capacity == 0)
        return;
    fixalloc_give(&arrays[highest_bit(capacity + 1)], stack_base(c, code) - 1);
    c->granted -= (size_t)capacity * size_classes[code].size;
    c->capacity[code] = 0;
    c->stack[code] = (struct mcache_stack)NO_STACK;
}

static void empty_stack(struct mcache *c, unsigned code)
{
    give_oldest(c, code, stack_depth(c, code));
    free_array(c, code);
}

void mcache_flush(struct mcache *c)
{
    for (unsigned code = CLASS_SMALL_FIRST; code < CLASS_COUNT; code++) {
        if (c->capacity[code] != 0)
            empty_stack(c, code);
        if (code <= CLASS_SMALL_LAST && c->cached[code] != NULL) {
            mcentral_uncache(c->cached[code]);
            c->cached[code] = NULL;
        }
    }
}

size_t mcache_bytes(const struct mcache *c, size_t blocks[CLASS_COUNT])
{
    size_t bytes = 0;
    for (unsigned code = CLASS_SMALL_FIRST; code < CLASS_COUNT; code++) {
        if (c->capacity[code] == 0)
            continue;
        size_t depth = stack_depth(c, code);
        blocks[code] += depth;
        bytes += depth * size_classes[code].size;
    }
    return bytes;
}

/* ---- growing ---- */

/* Makes room in the budget by emptying stacks of large blocks, which hold most. */
static void evict(struct mcache *c, unsigned keep, size_t wanted)
{
    unsigned runs = CLASS_RUN_LAST - CLASS_SMALL_LAST;
    for (unsigned i = 0; i < runs && c->granted + wanted > options.cache * KIB(1); i++) {
        c->victim = (uint16_t)((c->victim + 1u) % runs);
        unsigned code = CLASS_SMALL_LAST + 1 + c->victim;
        if (code != keep && c->capacity[code] != 0)
            empty_stack(c, code);
    }
}

/* A larger array for the stack, if there is a larger one and the budget allows it. The first,
   smallest one of a small class always is allowed. */
static void grow(struct mcache *c, unsigned code)
{
    unsigned old = c->capacity[code], most = capacity_most(code);
    unsigned new = old == 0 ? capacity_first(code) : old * 2 + 1;
    if (new > most)
        return;
    size_t size = size_classes[code].size, more = (new - old) * size, budget = options.cache * KIB(1);
    if (c->granted + more > budget)
        evict(c, code, more);
    if (c->granted + more > budget && (old != 0 || sizeclass_is_run(code)))
        return;
    uintptr_t *array = fixalloc_take(&arrays[highest_bit(new + 1)]);
    if (array == NULL)
        return;
    size_t depth = old == 0 ? 0 : stack_depth(c, code);
    if (old != 0)
        memcpy(array + 1, stack_base(c, code), depth * sizeof *array);
    free_array(c, code);
    c->granted += new * size;
    c->capacity[code] = (uint16_t)new;
    c->stack[code] = (struct mcache_stack){ array + 1 + depth, array + 1 + new };
}

/* ---- the two slow paths ---- */

static uintptr_t take_run(unsigned code, bool *zeroed)
{
    struct run_request want = { .pages = { size_classes[code].pages }, .align = 1 };
    struct span *s = mheap_alloc(&heap_pages, want, SPAN_MANUAL);
    if (s == NULL)
        return 0;
    *zeroed = s->zeroed;
    span_init(s, code);
    pagemap_set(s);
    /* What the pages held may look like the cookie of an earlier free. */
    if (!s->zeroed)
        *cookie_at(s->base) = 0;
    return s->base;
}

uintptr_t mcache_refill(struct mcache *c, unsigned code, bool *zeroed)
{
    *zeroed = false;
    if (sizeclass_is_run(code))
        return take_run(code, zeroed);
    grow(c, code);
    uintptr_t one[1], *out = c->capacity[code] == 0 ? one : c->stack[code].top;
    size_t want = c->capacity[code] == 0 ? 1 : c->capacity[code] / 2u + 1;
    if (want > MCENTRAL_BATCH)
        want = MCENTRAL_BATCH;
    size_t got = mcentral_take(code, c->shard, &c->cached[code], out, want);
    if (got == 0)
        return 0;
    uintptr_t block = out[got - 1];
    if (out != one)
        c->stack[code].top += got - 1;
    *cookie_at(block) = 0;
    return block;
}

uintptr_t mcache_overflow(struct mcache *c, unsigned code, uintptr_t block)
{
    uintptr_t bad = 0;
    grow(c, code);
    if (mcache_push(c, code, block))
        return 0;
    if (c->capacity[code] == 0) {
        *cookie_at(block) = cookie_of(block);
        if (!sizeclass_is_run(code))
            return mcentral_give(code, &block, 1);
        give_runs(&block, 1);
        return 0;
    }
    bad = give_oldest(c, code, c->capacity[code] / 2u + 1);
    mcache_push(c, code, block);
    return bad;
}
