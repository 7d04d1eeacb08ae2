/* sweeper: see sweeper.h. It is no mutator and is never stopped; without it spans are swept on demand, in
   proportion to allocation, and by the next cycle. */
#include "gc/sweeper.h"

#include "alloc/machine.h"
#include "gc/space.h"
#include "gc/stats.h"

/* A step, in spans: what a cycle may have to wait for. */
#define STEP 64
/* A smaller heap is swept on demand in less time than it takes to wake a thread. */
#define WORTH_BYTES MIB(4)
#define TRIES       3

enum { SWEEPER_NONE, SWEEPER_IDLE, SWEEPER_WANTED };

static struct atomic32 state; /* [atomic] above; the sweeper sleeps on it */
static struct atomic32 tries; /* [atomic] starts that were refused */

struct lock sweeper_lock = LOCK_INIT(RANK_SWEEP);

static void sweep_all(void)
{
    uint64_t cpu = gcstats_cpu(), freed = space_sums().freed_bytes;
    for (bool more = true; more;) {
        lock_take(&sweeper_lock);
        more = space_sweep_some(STEP);
        lock_drop(&sweeper_lock);
        machine_yield(); /* who waits for the lock goes first */
    }
    gcstats_swept(gcstats_cpu() - cpu, space_sums().freed_bytes - freed);
}

static void sweeper(void *unused)
{
    (void)unused;
    for (;;) {
        while (a32_load_acquire(&state) == SWEEPER_IDLE)
            os_futex_wait(&state, SWEEPER_IDLE);
        /* Before the work, so that a wake that comes meanwhile is not lost. */
        a32_store_release(&state, SWEEPER_IDLE);
        sweep_all();
    }
}

void sweeper_prepare(size_t live_bytes)
{
    static const struct os_helper helper = { sweeper, NULL, "grey-sweeper" };
    if (live_bytes < WORTH_BYTES || a32_load_relaxed(&state) != SWEEPER_NONE || a32_load_relaxed(&tries) >= TRIES)
        return;
    a32_store_release(&state, SWEEPER_IDLE);
    if (os_helper_start(&helper))
        return;
    a32_store_release(&state, SWEEPER_NONE);
    a32_store_relaxed(&tries, a32_load_relaxed(&tries) + 1); /* relaxed: only coordinators, under their lock */
}

void sweeper_wake(void)
{
    if (a32_cas_full(&state, SWEEPER_IDLE, SWEEPER_WANTED))
        os_futex_wake(&state, 1);
}

void sweeper_fork_child(void)
{
    a32_store_relaxed(&state, SWEEPER_NONE); /* relaxed: the child has one thread */
    a32_store_relaxed(&tries, 0);
}
