/* sweeper: see sweeper.h. While it sweeps it is no mutator and is never stopped; without it spans are swept on
   demand, in proportion to allocation, and by the next cycle. When nothing was swept for the period
   (GREY_PERIOD) it becomes a mutator for as long as a cycle takes: a program that has fallen idle is not
   left with its garbage. */
#include "gc/sweeper.h"

#include "alloc/machine.h"
#include "gc/collector.h"
#include "gc/space.h"
#include "gc/stats.h"

/* A step, in spans: what a cycle may have to wait for. */
#define STEP 64
/* A smaller heap is swept on demand in less time than it takes to wake a thread. */
#define WORTH_BYTES MIB(4)
#define TRIES       3
/* How often an idle sweeper looks whether the period is over, or whether it is alone. */
#define LOOK_S 5

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

static void look_at_the_clock(void)
{
    struct mutator *m = mutator_enter("grey_collect");
    if (m == NULL)
        return;
    mutator_set_collector(m);
    mutator_leave(m);
    collector_poll(m);
    grey_thread_detach();
}

/* False when the program's threads have all ended, and so this one ends, too. */
static bool sleep_until_wanted(void)
{
    while (a32_load_acquire(&state) == SWEEPER_IDLE) {
        if (mutator_count() == 0 && a32_cas_full(&state, SWEEPER_IDLE, SWEEPER_NONE))
            return false;
        uint64_t period = option_now(&options.period), seconds = period == 0 || period > LOOK_S ? LOOK_S : period;
        os_futex_wait_ns(&state, SWEEPER_IDLE, seconds * UINT64_C(1000000000));
        if (a32_load_acquire(&state) == SWEEPER_IDLE && mutator_count() != 0 && collector_period_is_over())
            look_at_the_clock();
    }
    return true;
}

static void sweeper(void *unused)
{
    (void)unused;
    machine_signal_admit();
    while (sleep_until_wanted()) {
        /* Before the work, so that a wake that comes meanwhile is not lost. */
        a32_store_release(&state, SWEEPER_IDLE);
        sweep_all();
    }
}

void sweeper_note_alone(void)
{
    os_futex_wake(&state, 1);
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
