/* A fork while other threads allocate, seen from inside: in the child every lock is free, the page
   heap is whole, and blocks of before are as they were. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>

#include "alloc/heap.h"
#include "alloc/memcheck.h"
#include "alloc/meta.h"
#include "alloc/scavenger.h"
#include "alloc/thread.h"
#include "tests/unit/child.h"
#include "tests/unit/walk.h"

enum { WORKERS = 3, FORKS = 15, KEPT = 200 };

static struct atomic32 stop;
static unsigned char *kept[KEPT];

static void *allocate_all_the_time(void *seed_in)
{
    unsigned seed = (unsigned)(uintptr_t)seed_in;
    void *blocks[64] = { NULL };
    while (a32_load_relaxed(&stop) == 0) {
        seed = seed * 1664525u + 1013904223u;
        size_t i = (seed >> 26) % COUNT(blocks), size = (size_t)1 << (seed >> 12) % 18;
        heap_free(blocks[i], "free");
        blocks[i] = heap_malloc(size + (seed >> 8) % size, "malloc");
    }
    for (size_t i = 0; i < COUNT(blocks); i++)
        heap_free(blocks[i], "free");
    return NULL;
}

static int setup(void **state)
{
    (void)state;
    heap_init();
    memcheck_on = false;
    for (size_t i = 0; i < KEPT; i++) {
        kept[i] = heap_malloc(i * 50, "malloc");
        memset(kept[i], (int)i, i * 50);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEPT; i++)
        heap_free(kept[i], "free");
    heap_trim();
    assert_sound(walk_mheap(&heap_pages));
    return 0;
}

/* ---- in the child ---- */

static void ensure_free(struct lock *l)
{
    child_ensure(lock_try(l));
    lock_drop(l);
}

static void ensure_whole(void)
{
    const char *fault = walk_mheap(&heap_pages);
    if (fault != NULL)
        fprintf(stderr, "%s\n", fault);
    child_ensure(fault == NULL);
    mheap_check(&heap_pages);
}

static void ensure_kept(void)
{
    for (size_t i = 0; i < KEPT; i++)
        for (size_t j = 0; j < i * 50; j++)
            child_ensure(kept[i][j] == (unsigned char)i);
}

static void use_the_heap(void)
{
    void *blocks[200];
    for (size_t i = 0; i < COUNT(blocks); i++) {
        blocks[i] = heap_malloc(i * 211 % 90000, "malloc");
        child_ensure(blocks[i] != NULL);
        memset(blocks[i], 1, i * 211 % 90000);
    }
    for (size_t i = 0; i < COUNT(blocks); i++)
        heap_free(blocks[i], "free");
}

static int look_around(void *unused)
{
    struct heap_stats stats;
    (void)unused;
    ensure_free(thread_lock());
    ensure_free(scavenger_lock());
    mcentral_each_lock(ensure_free);
    ensure_free(&heap_pages.lock);
    ensure_free(meta_lock());
    ensure_whole();
    ensure_kept();
    heap_stats_read(&stats);
    child_ensure(stats.threads <= 2); /* its own cache, and perhaps the shared one */
    use_the_heap();
    for (size_t i = 0; i < KEPT; i++)
        heap_free(kept[i], "free");
    heap_trim();
    ensure_whole();
    return 0;
}

static int fork_again(void *unused)
{
    struct child_end end = child_run(look_around, NULL);
    fputs(end.said, stderr);
    child_ensure(WIFEXITED(end.status) && WEXITSTATUS(end.status) == 0);
    return look_around(unused);
}

#ifdef __SANITIZE_THREAD__
#define CHILD_MAY_START_THREADS 0 /* TSan ends a child that does */
#else
#define CHILD_MAY_START_THREADS 1
#endif

static void *use_the_heap_in_a_thread(void *unused)
{
    use_the_heap();
    return unused;
}

static int start_threads(void *unused)
{
    (void)unused;
    for (int i = 0; CHILD_MAY_START_THREADS && i < 3; i++) {
        pthread_t t;
        child_ensure(pthread_create(&t, NULL, use_the_heap_in_a_thread, NULL) == 0);
        use_the_heap();
        pthread_join(t, NULL);
    }
    ensure_whole();
    return 0;
}

/* ---- the tests ---- */

static void a_child_of_one_thread_has_a_whole_heap(void **state)
{
    (void)state;
    assert_child_passed(look_around, NULL);
    assert_child_passed(fork_again, NULL);
    assert_child_passed(start_threads, NULL);
}

static void a_child_forked_amid_allocations_has_a_whole_heap(void **state)
{
    (void)state;
    pthread_t threads[WORKERS];
    int (*const acts[])(void *) = { look_around, fork_again, start_threads };
    a32_store_relaxed(&stop, 0);
    for (uintptr_t i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, allocate_all_the_time, (void *)(i + 1)), 0);
    for (int i = 0; i < FORKS; i++)
        assert_child_passed(acts[i % 3], NULL);
    a32_store_relaxed(&stop, 1);
    for (size_t i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < KEPT; i++) /* the parent's are its own */
        for (size_t j = 0; j < i * 50; j++)
            assert_int_equal(kept[i][j], (unsigned char)i);
}

static void the_parents_locks_are_free_after_a_fork(void **state)
{
    (void)state;
    heap_fork_prepare();
    /* Whoever forks may allocate in other fork handlers, between ours. */
    heap_free(heap_malloc(100, "malloc"), "free");
    heap_free(heap_malloc(MIB(3), "malloc"), "free");
    heap_fork_parent();
    assert_true(lock_try(thread_lock()));
    lock_drop(thread_lock());
    assert_true(lock_try(&heap_pages.lock));
    lock_drop(&heap_pages.lock);
    use_the_heap();
}

#define fork_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        fork_test(a_child_of_one_thread_has_a_whole_heap),
        fork_test(a_child_forked_amid_allocations_has_a_whole_heap),
        fork_test(the_parents_locks_are_free_after_a_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
