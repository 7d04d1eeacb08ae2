/* Caches and their threads: from the first allocation to after the last destructor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>

#include "alloc/heap.h"
#include "alloc/memcheck.h"
#include "alloc/options.h"
#include "alloc/thread.h"
#include "tests/unit/walk.h"

static int setup(void **state)
{
    (void)state;
    heap_init();
    options.scavenge = 0; /* nobody works in the background while a test counts pages */
    memcheck_on = false;
    heap_trim();
    return 0;
}

static struct heap_stats stats(void)
{
    static struct heap_stats s;
    heap_stats_read(&s);
    return s;
}

static int teardown(void **state)
{
    (void)state;
    heap_trim();
    assert_sound(walk_heap(&heap_pages));
    assert_int_equal(stats().cached, 0);
    return 0;
}

static void *take(size_t size)
{
    void *p = heap_malloc(size, "malloc");
    if (p == NULL)
        abort();
    memset(p, 0x33, size);
    return p;
}

static void give(void *p)
{
    heap_free(p, "free");
}

static void run_thread(void *(*f)(void *), void *argument)
{
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, f, argument), 0);
    assert_int_equal(pthread_join(t, NULL), 0);
}

/* Work that leaves much in the thread's cache. */
static void *use_the_heap(void *unused)
{
    void *blocks[400];
    (void)unused;
    for (size_t i = 0; i < COUNT(blocks); i++)
        blocks[i] = take(i * i % 60000);
    for (size_t i = 0; i < COUNT(blocks); i++)
        give(blocks[i]);
    return NULL;
}

static void a_thread_has_a_cache_from_its_first_block_on(void **state)
{
    (void)state;
    give(take(10));
    assert_true(mcache_self != &mcache_none);
    assert_ptr_equal(thread_cache(), mcache_self);
    assert_true(stats().threads >= 1);
    assert_true(stats().cached > 0);
}

static void *note_its_cache(void *out)
{
    if (mcache_self != &mcache_none)
        abort();
    give(take(10));
    *(struct mcache **)out = mcache_self;
    return NULL;
}

static void each_thread_has_another_cache(void **state)
{
    (void)state;
    struct mcache *theirs = NULL;
    give(take(10));
    run_thread(note_its_cache, &theirs);
    assert_non_null(theirs);
    assert_ptr_not_equal(theirs, mcache_self);
    assert_ptr_not_equal(theirs, &mcache_none);
}

static void what_a_thread_cached_goes_back_at_its_end(void **state)
{
    (void)state;
    give(take(10));
    struct heap_stats before = stats();
    run_thread(use_the_heap, NULL);
    struct heap_stats after = stats();
    assert_int_equal(after.threads, before.threads);
    heap_trim(); /* batches may be on their way to other threads */
    assert_int_equal(stats().cached, 0);
    assert_int_equal(stats().in_use, 0);
}

static void hundreds_of_short_threads_take_no_more_than_one(void **state)
{
    (void)state;
    run_thread(use_the_heap, NULL);
    struct heap_stats one = stats();
    for (int i = 0; i < 200; i++)
        run_thread(use_the_heap, NULL);
    struct heap_stats many = stats();
    assert_int_equal(many.threads, one.threads);
    assert_in_range(many.metadata, one.metadata, one.metadata + KIB(256));
    assert_in_range(many.committed, 0, one.committed * 2 + MIB(1));
}

/* ---- blocks that outlive their thread ---- */

enum { LEFT = 500 };

static void *leave_blocks(void *out)
{
    void **blocks = out;
    for (size_t i = 0; i < LEFT; i++)
        blocks[i] = take(i * 37 % 3000);
    return NULL;
}

static void *give_blocks(void *in)
{
    void **blocks = in;
    for (size_t i = 0; i < LEFT; i++)
        give(blocks[i]);
    return NULL;
}

static void a_block_may_be_freed_when_its_thread_is_gone(void **state)
{
    (void)state;
    void *blocks[LEFT];
    for (int round = 0; round < 2; round++) {
        run_thread(leave_blocks, blocks);
        assert_sound(walk_heap(&heap_pages));
        if (round == 0)
            give_blocks(blocks);
        else
            run_thread(give_blocks, blocks); /* by a third one */
    }
    heap_trim();
    assert_int_equal(stats().in_use, 0);
}

/* ---- destructors ---- */

static pthread_key_t late_key;
static unsigned late_rounds, rounds_without_cache;

/* Rearms itself in each round, so that it also runs when the cache is gone already. */
static void allocate_late(void *unused)
{
    (void)unused;
    late_rounds++;
    errno = EDOM;
    void *blocks[20];
    for (size_t i = 0; i < COUNT(blocks); i++)
        blocks[i] = take(i * 3000);
    rounds_without_cache += mcache_self == &mcache_none;
    blocks[3] = heap_realloc(blocks[3], MIB(2), "realloc");
    blocks[4] = heap_realloc(blocks[4], 10, "realloc");
    for (size_t i = 0; i < COUNT(blocks); i++)
        give(blocks[i]);
    give(heap_calloc(10, 10, "calloc"));
    give(heap_aligned(4096, 10, "memalign"));
    if (errno != EDOM)
        abort();
    pthread_setspecific(late_key, &late_rounds);
}

static void *arm_late(void *use_first)
{
    if (use_first != NULL)
        use_the_heap(NULL);
    pthread_setspecific(late_key, &late_rounds);
    return NULL;
}

static void destructors_may_allocate_to_the_last(void **state)
{
    (void)state;
#ifdef __SANITIZE_THREAD__
    skip(); /* TSan's own destructor, which ran before, left nothing to run in */
#endif
    assert_int_equal(pthread_key_create(&late_key, allocate_late), 0);
    for (int use_first = 1; use_first >= 0; use_first--) {
        late_rounds = rounds_without_cache = 0;
        size_t threads = stats().threads;
        run_thread(arm_late, use_first ? &late_key : NULL);
        assert_in_range(late_rounds, 4, 16);
        /* The key is younger than the heap's, so its destructor runs after the heap's in the last
           round: on the cache that dying threads share. */
        assert_true(rounds_without_cache > 0 || !use_first);
        /* No cache is left behind but the shared one. */
        assert_in_range(stats().threads, threads, threads + 1);
        assert_sound(walk_heap(&heap_pages));
    }
    pthread_key_delete(late_key);
}

static void the_shared_cache_is_locked_while_it_is_used(void **state)
{
    (void)state;
    struct mcache *shared = thread_share();
    assert_non_null(shared);
    assert_true(lock_is_held(thread_lock()));
    assert_ptr_not_equal(shared, mcache_self);
    thread_unshare();
    assert_true(lock_try(thread_lock()));
    lock_drop(thread_lock());
}

/* ---- at the same time ---- */

enum { WORKERS = 4, SHARED = 256, STEPS = 8000 };
static struct atomicw exchange[SHARED]; /* blocks on their way from one thread to another */

static void *pass_blocks_around(void *seed_in)
{
    unsigned seed = (unsigned)(uintptr_t)seed_in;
    for (size_t step = 0; step < STEPS; step++) {
        seed = seed * 1664525u + 1013904223u;
        size_t size = 16 + (seed >> 12) % ((seed >> 8) % 16 == 0 ? 100000 : 1000);
        unsigned char *p = take(size);
        p[0] = p[size - 1] = (unsigned char)size;
        memcpy(p, &size, sizeof size);
        /* Both: pairs with itself in the other thread. */
        uintptr_t other = AO_fetch_and_add_full(&exchange[seed >> 24].v, 0);
        if (!AO_compare_and_swap_full(&exchange[seed >> 24].v, other, (uintptr_t)p)) {
            give(p);
            continue;
        }
        if (other != 0) {
            memcpy(&size, (void *)other, sizeof size);
            if (((unsigned char *)other)[size - 1] != (unsigned char)size)
                abort();
            give((void *)other);
        }
    }
    return NULL;
}

static void threads_may_free_each_others_blocks_all_the_time(void **state)
{
    (void)state;
    pthread_t threads[WORKERS];
    for (uintptr_t i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, pass_blocks_around, (void *)(i + 1)), 0);
    for (int i = 0; i < 20; i++) {
        struct heap_stats s = stats(); /* reading them disturbs nobody */
        assert_int_equal(s.committed, s.in_use + s.warm);
    }
    for (size_t i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    assert_sound(walk_heap(&heap_pages));
    for (size_t i = 0; i < SHARED; i++) {
        give((void *)aw_load_acquire(&exchange[i]));
        aw_store_relaxed(&exchange[i], 0);
    }
    heap_trim();
    assert_int_equal(stats().in_use, 0);
}

#define thread_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        thread_test(a_thread_has_a_cache_from_its_first_block_on),
        thread_test(each_thread_has_another_cache),
        thread_test(what_a_thread_cached_goes_back_at_its_end),
        thread_test(hundreds_of_short_threads_take_no_more_than_one),
        thread_test(a_block_may_be_freed_when_its_thread_is_gone),
        thread_test(destructors_may_allocate_to_the_last),
        thread_test(the_shared_cache_is_locked_while_it_is_used),
        thread_test(threads_may_free_each_others_blocks_all_the_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
