/* thread: see thread.h. */
#include "alloc/thread.h"

#include <pthread.h>
#include <string.h>

#include "alloc/meta.h"
#include "alloc/scavenger.h"

/* A cache is given back at the second visit of its destructor: at the first, other keys' destructors
   are still to run and may allocate; waiting for more visits would lose the cache of a thread that
   allocates for the first time in one of the last rounds, which are few. */
#define EXIT_ROUNDS 2

enum thread_state {
    THREAD_NEW,  /* mcache_self is mcache_none */
    THREAD_LIVE, /* has a cache of its own */
    THREAD_DEAD, /* gave it back: mcache_none again, for good */
};

static __thread uint8_t state __attribute__((tls_model("initial-exec")));

static struct {
    struct lock lock;
    struct mcache *caches; /* [lock:threads] T2 */
    struct mcache *shared; /* [lock:threads] for dying threads, made on first use */
    unsigned load[MCENTRAL_SHARDS]; /* [lock:threads] caches that use a shard */
    size_t count;          /* [lock:threads] */
    pthread_key_t key;     /* [const] */
    bool has_key;          /* [const] */
} threads = { .lock = LOCK_INIT(RANK_THREADS) };

static struct fixalloc cache_records = { .size = sizeof(struct mcache) };

static void thread_exit(void *cache);

void thread_init(void)
{
    threads.has_key = pthread_key_create(&threads.key, thread_exit) == 0;
}

struct lock *thread_lock(void)
{
    return &threads.lock;
}

/* The shard that fewest caches use, the first of them: a program with few threads keeps its blocks
   in few shards. */
static unsigned choose_shard_locked(void)
{
    unsigned best = 0;
    for (unsigned i = 1; i < MCENTRAL_SHARDS; i++)
        if (threads.load[i] < threads.load[best])
            best = i;
    return best;
}

static struct mcache *make_cache_locked(void)
{
    struct mcache *c = fixalloc_take(&cache_records);
    if (c == NULL)
        return NULL;
    unsigned shard = choose_shard_locked();
    mcache_init(c, shard);
    threads.load[shard]++;
    c->next = threads.caches;
    if (c->next != NULL)
        c->next->prev = c;
    threads.caches = c;
    threads.count++;
    return c;
}

static void unlist_locked(struct mcache *c)
{
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        threads.caches = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    threads.count--;
    threads.load[c->shard]--;
}

/* Whether threads other than dying ones have caches, for the scavenger. */
static void note_threads_locked(void)
{
    scavenger_note_threads(threads.count > (threads.shared != NULL));
}

struct mcache *thread_cache(void)
{
    if (likely(state == THREAD_LIVE))
        return mcache_self;
    /* Without a key nobody would tell us of the thread's end: it uses the shared cache. */
    if (state == THREAD_DEAD || !threads.has_key)
        return NULL;
    lock_take(&threads.lock);
    struct mcache *c = make_cache_locked();
    note_threads_locked();
    lock_drop(&threads.lock);
    if (c == NULL)
        return NULL;
    mcache_self = c;
    state = THREAD_LIVE;
    /* May allocate, which now works. When refused, the cache is lost at the thread's end. */
    pthread_setspecific(threads.key, c);
    return c;
}

/* See EXIT_ROUNDS; whatever comes after it uses the shared cache (T1). */
static void thread_exit(void *cache)
{
    struct mcache *c = cache;
    if (++c->exit_rounds < EXIT_ROUNDS && pthread_setspecific(threads.key, c) == 0)
        return;
    mcache_self = &mcache_none;
    state = THREAD_DEAD;
    mcache_flush(c);
    lock_take(&threads.lock);
    unlist_locked(c);
    note_threads_locked();
    lock_drop(&threads.lock);
    fixalloc_give(&cache_records, c);
    /* What it held may be the surplus, and no call of the program may follow. No lock of libc's is
       held in a destructor. */
    scavenger_start_if_wanted(NULL);
}

struct mcache *thread_share(void)
{
    lock_take(&threads.lock);
    if (threads.shared == NULL)
        threads.shared = make_cache_locked();
    if (threads.shared == NULL)
        lock_drop(&threads.lock);
    return threads.shared;
}

void thread_unshare(void)
{
    lock_drop(&threads.lock);
}

void thread_flush(void)
{
    if (state == THREAD_LIVE)
        mcache_flush(mcache_self);
    lock_take(&threads.lock);
    if (threads.shared != NULL)
        mcache_flush(threads.shared);
    lock_drop(&threads.lock);
}

void thread_sum(struct thread_sums *out)
{
    memset(out, 0, sizeof *out);
    lock_take(&threads.lock);
    out->threads = threads.count;
    for (const struct mcache *c = threads.caches; c != NULL; c = c->next)
        out->bytes += mcache_bytes(c, out->blocks);
    lock_drop(&threads.lock);
}

void thread_fork_child(void)
{
    /* The other threads stopped in mid-step: what their caches hold cannot be trusted and is
       lost to the child. Their spans stay cached by nobody; blocks freed into them stay there. */
    struct mcache *kept[] = { threads.shared, state == THREAD_LIVE ? mcache_self : NULL };
    threads.caches = NULL;
    threads.count = 0;
    memset(threads.load, 0, sizeof threads.load);
    for (size_t i = 0; i < COUNT(kept); i++) {
        struct mcache *c = kept[i];
        if (c == NULL)
            continue;
        c->prev = NULL;
        c->next = threads.caches;
        if (c->next != NULL)
            c->next->prev = c;
        threads.caches = c;
        threads.count++;
        threads.load[c->shard]++;
    }
}
