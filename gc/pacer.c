/* pacer: see pacer.h. */
#include "gc/pacer.h"

/* How far the next cycle is from what lives at the least: by growth (Go's sweepMinHeapDistance), and when the
   limit wants it sooner. */
#define STRETCH        MIB(1)
#define LIMIT_STRETCH  KIB(64)
#define LIMIT_FRACTION 32

/* Kept free below the limit, for the program allocates while a cycle is being decided upon. */
#define HEADROOM         MIB(1)
#define HEADROOM_PERCENT 3

/* A second of each CPU. */
#define BUCKET_NS UINT64_C(1000000000)

/* Sums that end at UINT64_MAX, differences that end at 0. */
static uint64_t add(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t sub(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static uint64_t mul(uint64_t a, uint64_t b)
{
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static uint64_t more(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t share(uint64_t n, uint64_t percent)
{
    return add(mul(n / 100, percent), mul(n % 100, percent) / 100);
}

static uint64_t goal_by_growth(const struct pacer_input *in)
{
    if (in->percent == UINT64_MAX)
        return UINT64_MAX;
    uint64_t basis = add(add(in->live_bytes, in->root_bytes), in->external_live);
    uint64_t goal = add(in->live_bytes, share(basis, in->percent));
    return more(goal, add(in->live_bytes, more(share(in->min_heap, in->percent), STRETCH)));
}

static uint64_t goal_by_limit(const struct pacer_input *in)
{
    if (in->limit == 0)
        return UINT64_MAX;
    uint64_t room = sub(sub(in->limit, in->overhead_bytes), in->external_bytes);
    uint64_t headroom = more(room / 100 * HEADROOM_PERCENT, HEADROOM);
    uint64_t least = add(in->live_bytes, more(in->live_bytes / LIMIT_FRACTION, LIMIT_STRETCH));
    return more(sub(room, headroom), least);
}

struct pacer_goal pacer_goal(const struct pacer_input *in)
{
    uint64_t growth = goal_by_growth(in), limit = goal_by_limit(in);
    struct pacer_goal g = { .goal = growth < limit ? growth : limit, .growth = growth };
    g.trigger = g.goal;
    return g;
}

size_t pacer_sweep_spans(uint64_t unswept, uint64_t bytes_until_trigger, uint64_t refill_bytes)
{
    if (refill_bytes >= bytes_until_trigger)
        return (size_t)unswept;
    /* Rounded up: a span left over would be swept while threads wait for a cycle. 128 bits hold it. */
    unsigned __int128 part = (unsigned __int128)unswept * refill_bytes;
    return (size_t)((part + bytes_until_trigger - 1) / bytes_until_trigger);
}

bool pacer_limiter_update(struct pacer_limiter *l, uint64_t now_ns, uint64_t gc_cpu_ns, uint64_t cpus)
{
    uint64_t elapsed = l->last_ns == 0 ? 0 : mul(sub(now_ns, l->last_ns), cpus);
    uint64_t program = sub(elapsed, gc_cpu_ns);

    /* Go stops at the brim. We do not: here a cycle stops the program, so its whole cost must be paid back
       before the next one, however long it took. */
    l->fill_ns = sub(add(l->fill_ns, gc_cpu_ns), program);
    l->last_ns = more(now_ns, l->last_ns);
    return l->fill_ns >= mul(BUCKET_NS, cpus);
}
