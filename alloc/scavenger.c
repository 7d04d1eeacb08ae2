/* scavenger: see scavenger.h. The helper's code uses neither TLS nor libc (os.h). */
#include "alloc/scavenger.h"

#include "alloc/mcentral.h"
#include "alloc/options.h"
#include "alloc/os.h"

#define TICK_MS       250
#define IDLE_TICKS    8
#define EMPTY_TICKS   4 /* every so many ticks what the centrals keep goes back, too */
#define PURGE_SPANS   4096 /* then, spans purged at most */
/* One madvise: long enough to be worth the call, short enough for a fork or an allocation that
   wants the pages to wait for it. */
#define CHUNK         MIB(8)
#define BYTES_PER_TICK MIB(128)

static struct {
    struct lock lock;        /* held while a run is out of the page heap */
    struct atomic32 running; /* [atomic] 1 from the decision to start a helper until it ends */
    struct atomic32 never;   /* nobody wakes it: the helper sleeps on it */
} scavenger = { .lock = LOCK_INIT(RANK_SCAVENGER) };

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

/* Spans purged. */
static size_t drop_idle(void)
{
    mcentral_drop_kept();
    lock_take(&scavenger.lock);
    size_t purged = mcentral_purge(PURGE_SPANS);
    lock_drop(&scavenger.lock);
    return purged;
}

static void helper(void)
{
    uint64_t delay = (options.scavenge_delay + TICK_MS - 1) / TICK_MS;
    for (uint64_t idle = 0; idle < IDLE_TICKS + delay; idle++) {
        os_futex_wait_ns(&scavenger.never, 0, TICK_MS * UINT64_C(1000000));
        uint64_t now = tick();
        if (now % EMPTY_TICKS == 0 && drop_idle() > 0)
            idle = 0;
        struct mheap_stats stats = mheap_stats_read(&heap_pages);
        size_t warm = pages_bytes(stats.warm), most = warm / 16 > BYTES_PER_TICK ? warm / 16 : BYTES_PER_TICK;
        if (now > delay && give_some(now - delay, most) > 0)
            idle = 0;
    }
    /* release: pairs with the acquire of the next start; our last writes are seen by it. */
    a32_store_release(&scavenger.running, 0);
}

/* The page heap has more than SCAVENGE_START warm. Called with no lock of the heap's held but
   perhaps the shared cache's, which the helper never takes. */
static void surplus(void)
{
    if (!options.scavenge || !a32_cas_acquire(&scavenger.running, 0, 1))
        return;
    if (!os_helper_start(helper, "grey-scavenger"))
        a32_store_release(&scavenger.running, 0); /* harmless: tried again at the next surplus */
}

void scavenger_init(void)
{
    heap_pages.surplus_bytes = SCAVENGE_START;
    heap_pages.on_surplus = surplus;
}

void scavenger_fork_child(void)
{
    os_helper_forget();
    a32_store_relaxed(&scavenger.running, 0); /* relaxed: the child has one thread */
}
