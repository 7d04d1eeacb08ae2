/* mcache: refills, overflows and the sizes of the stacks. */
#include "alloc/mcache.h"

#include <string.h>

#include "alloc/meta.h"
#include "alloc/options.h"
#include "alloc/report.h"
#include "alloc/scavenger.h"
#include "alloc/transfer.h"

/* The one cell of all empty stacks (M1, M2). */
static uintptr_t no_blocks[1];
#define NO_STACK .top = no_blocks + 1, .limit = no_blocks + 1

struct mcache mcache_none = { .bin = { [0 ... MANUAL_COUNT - 1] = { NO_STACK } } };

__thread struct mcache *mcache_self = &mcache_none;

/* Arrays hold 2^k - 1 blocks and the 0 of M1. */
#define CAPACITY_LOG_MAX 13
#define CAPACITY_MAX     ((1u << CAPACITY_LOG_MAX) - 1)
static struct fixalloc arrays[CAPACITY_LOG_MAX + 1] = {
    { .size = 8 << 0 }, { .size = 8 << 1 }, { .size = 8 << 2 }, { .size = 8 << 3 }, { .size = 8 << 4 },
    { .size = 8 << 5 }, { .size = 8 << 6 }, { .size = 8 << 7 }, { .size = 8 << 8 }, { .size = 8 << 9 },
    { .size = 8 << 10 }, { .size = 8 << 11 }, { .size = 8 << 12 }, { .size = 8 << 13 },
};

/* A stack holds at most this many bytes of blocks; of blocks of a few pages twice as many, for
   programs have dozens of them; of the largest at least one. */
#define STACK_BYTES KIB(256)
#define STACK_DOZENS 31

static unsigned capacity_most(unsigned code)
{
    size_t size = size_classes[code].size, n = STACK_BYTES / size;
    if (n < STACK_DOZENS)
        n = 2 * STACK_BYTES / size < STACK_DOZENS ? 2 * STACK_BYTES / size : STACK_DOZENS;
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
    return c->bin[code].limit - c->bin[code].capacity;
}

static size_t stack_depth(const struct mcache *c, unsigned code)
{
    return (size_t)(c->bin[code].top - stack_base(c, code));
}

void mcache_init(struct mcache *c, unsigned shard)
{
    for (unsigned code = 0; code < MANUAL_COUNT; code++)
        c->bin[code] = (struct mcache_bin){ NO_STACK, .magic = class_magic[code] };
    c->shard = (uint16_t)shard;
}

/* ---- giving back ---- */

/* Returns a block that was free already, or 0: a block in a stack twice has its entry but once. */
static uintptr_t give_runs(unsigned code, const uintptr_t *blocks, size_t n)
{
    uintptr_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        if (!pagemap_claim(blocks[i], code))
            bad = blocks[i];
        else
            mheap_free(&heap_pages, pagemap_record(blocks[i]), (struct pages){ 0 });
    }
    return bad;
}

/* Gives n blocks of a small class back: as whole batches while somebody may want them, and the
   rest to their spans. Returns a block that was free twice, or 0. */
static uintptr_t give_small(struct mcache *c, unsigned code, uintptr_t *blocks, size_t n, bool transfer)
{
    size_t batch = transfer_size(code), done = 0;
    uintptr_t bad = 0;
    while (transfer && n - done >= batch && transfer_put(code, c->shard, blocks + done))
        done += batch;
    for (size_t here; done < n; done += here) {
        here = n - done < MCENTRAL_BATCH ? n - done : MCENTRAL_BATCH;
        uintptr_t twice = mcentral_give(code, blocks + done, here);
        bad = twice != 0 ? twice : bad;
    }
    return bad;
}

/* Gives the n oldest blocks of a stack back. Returns a block that was free twice, or 0. */
static uintptr_t give_oldest(struct mcache *c, unsigned code, size_t n, bool transfer)
{
    uintptr_t *base = stack_base(c, code);
    size_t depth = stack_depth(c, code);
    assert(n <= depth);
    uintptr_t bad = sizeclass_is_run(code) ? give_runs(code, base, n) : give_small(c, code, base, n, transfer);
    memmove(base, base + n, (depth - n) * sizeof *base);
    c->bin[code].top -= n;
    return bad;
}

static void free_array(struct mcache *c, unsigned code)
{
    unsigned capacity = c->bin[code].capacity;
    if (capacity == 0)
        return;
    fixalloc_give(&arrays[highest_bit(capacity + 1)], stack_base(c, code) - 1);
    c->granted -= (size_t)capacity * size_classes[code].size;
    c->bin[code] = (struct mcache_bin){ NO_STACK, .magic = class_magic[code] };
}

/* The same, where no caller is left to whom a block that was free twice could be named. */
static void give_quietly(struct mcache *c, unsigned code, size_t n, bool transfer)
{
    uintptr_t bad = give_oldest(c, code, n, transfer);
    if (unlikely(bad != 0))
        report_misuse("free", (void *)bad, "double free");
}

static void empty_stack(struct mcache *c, unsigned code)
{
    give_quietly(c, code, stack_depth(c, code), false);
    free_array(c, code);
}

static void flush_classes(struct mcache *c, unsigned last)
{
    for (unsigned code = CLASS_SMALL_FIRST; code <= last; code++) {
        if (c->bin[code].capacity != 0)
            empty_stack(c, code);
        if (code <= CLASS_SMALL_LAST && c->cached[code] != NULL) {
            mcentral_uncache(c->cached[code]);
            c->cached[code] = NULL;
        }
    }
}

void mcache_flush(struct mcache *c)
{
    flush_classes(c, CLASS_RUN_LAST);
}

/* Its owner may be pushing, or exchanging the array, just now: what is impossible is left out. */
GREY_RACY size_t mcache_bytes(const struct mcache *c, size_t blocks[CLASS_COUNT])
{
    size_t bytes = 0;
    for (unsigned code = CLASS_SMALL_FIRST; code < CLASS_COUNT; code++) {
        const volatile struct mcache_bin *bin = &c->bin[code];
        size_t capacity = bin->capacity, depth = (size_t)(bin->top - (bin->limit - capacity));
        if (depth > capacity)
            continue;
        blocks[code] += depth;
        bytes += depth * size_classes[code].size;
    }
    return bytes;
}

/* ---- growing ---- */

/* Overflows between two flushes while the scavenger is at work: between them stacks stay short. */
#define FLUSH_EVERY 8

/* What a stack may hold although others have used up the budget. */
#define STACK_FLOOR KIB(16)

static bool set_capacity(struct mcache *c, unsigned code, unsigned new);

/* Takes half of its capacity from a stack that has more than the floor. */
static void halve(struct mcache *c, unsigned code)
{
    unsigned half = c->bin[code].capacity / 2;
    if (half * (size_t)size_classes[code].size < STACK_FLOOR && !sizeclass_is_run(code))
        return;
    if (stack_depth(c, code) > half)
        give_quietly(c, code, stack_depth(c, code) - half, true);
    if (half == 0)
        free_array(c, code);
    else
        set_capacity(c, code, half);
}

/* Makes room in the budget, so that a thread that changes its ways is not left with the stacks of
   its past: one round over the others. */
static void evict(struct mcache *c, unsigned keep, size_t wanted)
{
    for (unsigned i = 1; i < CLASS_COUNT && c->granted + wanted > options.cache * KIB(1); i++) {
        c->victim = (uint16_t)(c->victim % (CLASS_COUNT - 1) + 1);
        if (c->victim != keep && c->bin[c->victim].capacity != 0)
            halve(c, c->victim);
    }
}

/* Gives the stack, which holds no more, an array of this capacity, 2^k - 1. */
static bool set_capacity(struct mcache *c, unsigned code, unsigned new)
{
    uintptr_t *array = fixalloc_take_dirty(&arrays[highest_bit(new + 1)]);
    if (array == NULL)
        return false;
    size_t depth = c->bin[code].capacity == 0 ? 0 : stack_depth(c, code);
    assert(depth <= new);
    array[0] = 0; /* M1 */
    if (depth > 0)
        memcpy(array + 1, stack_base(c, code), depth * sizeof *array);
    free_array(c, code);
    c->granted += new * (size_t)size_classes[code].size;
    c->bin[code] = (struct mcache_bin){
        .top = array + 1 + depth,
        .limit = array + 1 + new,
        .magic = class_magic[code],
        .capacity = new,
    };
    return true;
}

/* A larger array for the stack, if there is a larger one and the budget allows it, which makes room
   for small stacks. The first, smallest one of a small class always is allowed. */
static void grow(struct mcache *c, unsigned code)
{
    unsigned old = c->bin[code].capacity, most = capacity_most(code);
    unsigned new = old == 0 ? capacity_first(code) : old * 2 + 1;
    if (new > most)
        return;
    size_t size = size_classes[code].size, more = (new - old) * size, budget = options.cache * KIB(1);
    if (c->granted + more > budget && (old == 0 || new * size <= STACK_FLOOR))
        evict(c, code, more);
    if (c->granted + more > budget && (old != 0 || sizeclass_is_run(code)))
        return;
    set_capacity(c, code, new);
}

/* ---- the two slow paths ---- */

static uintptr_t take_run(unsigned code, bool *zeroed)
{
    struct run_request want = { .pages = { size_classes[code].pages }, .align = 1, .code = code };
    struct span *s = mheap_alloc(&heap_pages, want, SPAN_MANUAL);
    if (s == NULL)
        return 0;
    *zeroed = s->zeroed;
    pagemap_set(s);
    /* What the pages held may look like the cookie of an earlier free. */
    if (!s->zeroed)
        *cookie_at(s->base) = 0;
    return s->base;
}

/* Up to want blocks into out, from batches if it is worth one, else from spans. */
static size_t take_small(struct mcache *c, unsigned code, uintptr_t *out, size_t want)
{
    size_t batch = transfer_size(code), got = 0;
    while (want - got >= batch && transfer_get(code, c->shard, out + got))
        got += batch;
    if (got > 0)
        return got;
    return mcentral_take(code, c->shard, &c->cached[code], out, want < MCENTRAL_BATCH ? want : MCENTRAL_BATCH);
}

bool mcache_refill(struct mcache *c, unsigned code, uintptr_t *block, bool *zeroed)
{
    *zeroed = false;
    *block = 0;
    if (sizeclass_is_run(code)) {
        *block = take_run(code, zeroed);
        return *block != 0;
    }
    grow(c, code);
    struct mcache_bin *bin = &c->bin[code];
    if (bin->capacity == 0) { /* not even metadata for a stack */
        if (take_small(c, code, block, 1) == 0)
            return false;
        *cookie_at(*block) = 0;
        return true;
    }
    size_t got = take_small(c, code, bin->top, bin->capacity / 2u + 1);
    bin->top += got;
    return got > 0;
}

uintptr_t mcache_overflow(struct mcache *c, unsigned code, uintptr_t block)
{
    uintptr_t bad = 0;
    grow(c, code);
    if (mcache_push(&c->bin[code], block))
        return 0;
    if (c->bin[code].capacity == 0) {
        *cookie_at(block) = cookie_of(block);
        return sizeclass_is_run(code) ? give_runs(code, &block, 1) : mcentral_give(code, &block, 1);
    }
    bad = give_oldest(c, code, c->bin[code].capacity / 2u + 1, true);
    mcache_push(&c->bin[code], block);
    /* Memory is being given back: small blocks that a thread keeps of a burst, scattered over the
       burst's pages, would pin them when the thread falls idle. */
    if (unlikely(scavenger_is_running()) && !sizeclass_is_run(code) && ++c->overflows % FLUSH_EVERY == 0)
        flush_classes(c, CLASS_SMALL_LAST);
    return bad;
}
