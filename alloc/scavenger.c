/* scavenger: see scavenger.h. */
#include "alloc/scavenger.h"

#include "alloc/mcentral.h"
#include "alloc/options.h"
#include "alloc/os.h"
#include "alloc/upcall.h"

#define TICK_MS       250
#define IDLE_TICKS    8
#define EMPTY_TICKS   4 /* every so many ticks what the centrals keep goes back, too */
/* One madvise: long enough to be worth the call, short enough for a fork or an allocation that
   wants the pages to wait for it. */
#define CHUNK         MIB(8)
#define BYTES_PER_TICK MIB(128)

static struct {
    struct lock lock;        /* held while runs and spans are out of their places */
    struct atomic32 running; /* [atomic] 1 from the decision to start a helper until it ends */
    struct atomic32 refused; /* [atomic] starts refused in a row */
    struct atomic32 skipped; /* [atomic] starts not tried since */
    struct atomic32 alone;   /* [atomic] 1 when no program thread has a cache; the helper sleeps on it */
    struct atomicw purged;   /* [atomic] bytes */
} scavenger = { .lock = LOCK_INIT(RANK_SCAVENGER) };

struct atomic32 scavenger_wanted;

struct lock *scavenger_lock(void)
{
    return &scavenger.lock;
}

/* Gives back one chunk freed before the clock's value. Bytes given back, 0 when there is none. */
static size_t give_chunk(uint64_t freed_before)
{
    lock_take(&scavenger.lock);
    struct span *run = mheap_hold_warm(&heap_pages, freed_before, pages_for(CHUNK));
    size_t bytes = 0;
    if (run != NULL) {
        bytes = run->pages * PAGE_BYTES;
        mheap_forget_huge(&heap_pages, run);
        bool given = os_discard((void *)run->base, bytes);
        mheap_release_held(&heap_pages, run, given);
        bytes = given ? bytes : 0;
    }
    lock_drop(&scavenger.lock);
    return bytes;
}

static size_t give_some(uint64_t freed_before, size_t most)
{
    size_t given = 0;
    while (given < most) {
        size_t bytes = give_chunk(freed_before);
        if (bytes == 0)
            break;
        given += bytes;
    }
    return given;
}

size_t scavenger_give_all(void)
{
    return give_some(UINT64_MAX, SIZE_MAX);
}

/* Advances the clock that stamps freed runs. */
static uint32_t tick(void)
{
    lock_take(&heap_pages.lock);
    uint32_t now = ++heap_pages.clock;
    lock_drop(&heap_pages.lock);
    return now;
}

/* Bytes of purged spans. */
static size_t drop_idle(void)
{
    size_t purged = 0;
    mcentral_drop_kept();
    for (unsigned shard = 0; shard < MCENTRAL_SHARDS; shard++) {
        for (unsigned code = CLASS_SMALL_FIRST; code <= CLASS_SMALL_LAST; code++) {
            lock_take(&scavenger.lock);
            purged += mcentral_purge(code, shard);
            lock_drop(&scavenger.lock);
        }
    }
    aw_add_relaxed(&scavenger.purged, purged); /* relaxed: a statistic */
    return purged;
}

size_t scavenger_purged(void)
{
    return aw_load_relaxed(&scavenger.purged);
}

static size_t warm_bytes(void)
{
    return pages_bytes(mheap_stats_read(&heap_pages).warm);
}

bool scavenger_is_running(void)
{
    return a32_load_relaxed(&scavenger.running) != 0; /* relaxed: a hint */
}

static bool is_alone(void)
{
    return a32_load_relaxed(&scavenger.alone) != 0; /* relaxed: a hint, looked at every tick */
}

void scavenger_note_threads(bool any)
{
    if (is_alone() == !any)
        return;
    a32_store_relaxed(&scavenger.alone, !any); /* relaxed: see is_alone() */
    if (!any)
        os_futex_wake(&scavenger.alone, 1);
}

/* Until nothing was given and nothing freed for a while. Returns what is still warm. */
static size_t work(void)
{
    uint64_t delay = (options.scavenge_delay + TICK_MS - 1) / TICK_MS;
    size_t warm = warm_bytes();
    for (uint64_t idle = 0; idle < IDLE_TICKS + delay; idle++) {
        os_futex_wait_ns(&scavenger.alone, 0, TICK_MS * UINT64_C(1000000));
        if (is_alone())
            break;
        uint64_t now = tick();
        size_t before = warm, most = warm / 16 > BYTES_PER_TICK ? warm / 16 : BYTES_PER_TICK;
        if (now % EMPTY_TICKS == 0 && drop_idle() > 0)
            idle = 0;
        if (now > delay)
            give_some(now - delay, most);
        warm = warm_bytes();
        if (warm != before)
            idle = 0;
    }
    return warm;
}

static void help(void *unused)
{
    (void)unused;
    size_t left, warm;
    do {
        left = work();
        /* release: pairs with the acquire of the next start; our last writes are seen by it. */
        a32_store_release(&scavenger.running, 0);
        /* What was freed before that store found a helper running and asked for none. */
        warm = warm_bytes();
    } while (!is_alone() && warm > left && warm > SCAVENGE_START && a32_cas_acquire(&scavenger.running, 0, 1));
}

/* The page heap has more than SCAVENGE_START warm. Called under any of our locks but the page heap's. */
static void surplus(void)
{
    if (options.scavenge && a32_load_relaxed(&scavenger.running) == 0)
        a32_store_relaxed(&scavenger_wanted, 1);
}

/* Where threads are refused for good, fewer and fewer tries are made. */
static bool worth_trying(void)
{
    uint32_t refused = a32_load_relaxed(&scavenger.refused), skipped = a32_load_relaxed(&scavenger.skipped);
    a32_store_relaxed(&scavenger.skipped, skipped + 1);
    return skipped >= UINT32_C(1) << (refused < 20 ? refused : 20) >> 1;
}

static bool start_helper(void)
{
    static const struct os_helper helper = { help, NULL, "grey-scavenger" };
    const struct upcall *up = upcall();
    if (up != NULL)
        up->block_enter();
    bool started = os_helper_start(&helper);
    if (up != NULL)
        up->block_leave();
    return started;
}

void scavenger_start(const void *caller)
{
    if (os_is_loader(caller) || is_alone())
        return; /* the next call will do */
    a32_store_relaxed(&scavenger_wanted, 0);
    if (!worth_trying() || !a32_cas_acquire(&scavenger.running, 0, 1))
        return;
    a32_store_relaxed(&scavenger.skipped, 0);
    if (start_helper()) {
        a32_store_relaxed(&scavenger.refused, 0);
    } else {
        a32_store_relaxed(&scavenger.refused, a32_load_relaxed(&scavenger.refused) + 1);
        a32_store_release(&scavenger.running, 0); /* harmless */
    }
}

void scavenger_init(void)
{
    heap_pages.surplus_bytes = SCAVENGE_START;
    heap_pages.on_surplus = surplus;
}

void scavenger_fork_child(void)
{
    /* relaxed: the child has one thread */
    a32_store_relaxed(&scavenger.running, 0);
    a32_store_relaxed(&scavenger.alone, 0);
    a32_store_relaxed(&scavenger_wanted, 0);
}
