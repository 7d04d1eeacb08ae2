/* Locks: exclusion, waiting and waking, and, in builds with GREY_CHECK, their order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "alloc/lock.h"
#include "alloc/os.h"
#include "tests/unit/child.h"

static void a_lock_is_taken_once(void **state)
{
    (void)state;
    struct lock l = LOCK_INIT(RANK_MHEAP);
    assert_true(lock_try(&l));
    assert_false(lock_try(&l));
    lock_drop(&l);
    assert_true(lock_try(&l));
    lock_drop(&l);
    lock_take(&l);
    assert_true(lock_is_held(&l));
    lock_drop(&l);
    assert_false(lock_is_held(&l));
}

/* ---- with threads ---- */

enum { THREADS = 4, ROUNDS = 5000 };

static struct {
    struct lock lock;
    unsigned counter, inside;
    bool broken;
} shared = { .lock = LOCK_INIT(RANK_MHEAP) };

static void *count(void *use_try)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (use_try != NULL)
            while (!lock_try(&shared.lock))
                sched_yield();
        else
            lock_take(&shared.lock);
        if (shared.inside++ != 0)
            shared.broken = true;
        shared.counter++;
        if (i % 64 == 0)
            sched_yield(); /* the others find it taken */
        shared.inside--;
        lock_drop(&shared.lock);
    }
    return NULL;
}

static void only_one_thread_is_inside(void **state)
{
    (void)state;
    for (int use_try = 0; use_try < 2; use_try++) {
        pthread_t threads[THREADS];
        shared.counter = 0;
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, count, use_try && i % 2 ? &shared : NULL), 0);
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        assert_int_equal(shared.counter, THREADS * ROUNDS);
        assert_false(shared.broken);
        assert_true(lock_try(&shared.lock)); /* the last one left it free */
        lock_drop(&shared.lock);
    }
}

static struct atomic32 arrived;

static void *wait_for_it(void *l)
{
    a32_store_release(&arrived, 1);
    lock_take(l);
    lock_drop(l);
    return NULL;
}

static void who_waits_for_a_lock_sleeps_and_is_woken(void **state)
{
    (void)state;
    struct lock l = LOCK_INIT(RANK_MHEAP);
    pthread_t waiter;
    struct timespec cpu, nap = { 0, 100 * 1000 * 1000 };
    clockid_t clock;
    lock_take(&l);
    assert_int_equal(pthread_create(&waiter, NULL, wait_for_it, &l), 0);
    while (a32_load_acquire(&arrived) == 0)
        sched_yield();
    nanosleep(&nap, NULL);
    assert_int_equal(pthread_getcpuclockid(waiter, &clock), 0);
    assert_int_equal(clock_gettime(clock, &cpu), 0);
    lock_drop(&l);
    pthread_join(waiter, NULL);
    assert_true(cpu.tv_sec == 0 && cpu.tv_nsec < nap.tv_nsec / 2); /* it did not spin all the time */
}

/* ---- over a fork ---- */

static struct lock forked = LOCK_INIT(RANK_MHEAP);
static struct atomic32 got_it;

static void *want_the_lock(void *unused)
{
    (void)unused;
    a32_store_release(&arrived, 1);
    lock_take(&forked);
    a32_store_release(&got_it, 1);
    lock_drop(&forked);
    return NULL;
}

static void who_forks_passes_its_locks_and_others_wait(void **state)
{
    (void)state;
    pthread_t other;
    struct timespec nap = { 0, 20 * 1000 * 1000 };
    a32_store_relaxed(&arrived, 0);
    lock_fork_begin();
    lock_fork_take(&forked);
    assert_int_equal(pthread_create(&other, NULL, want_the_lock, NULL), 0);
    while (a32_load_acquire(&arrived) == 0)
        sched_yield();
    nanosleep(&nap, NULL);
    for (int i = 0; i < 3; i++) {
        lock_take(&forked);
        lock_drop(&forked);
    }
    nanosleep(&nap, NULL);
    assert_int_equal(a32_load_acquire(&got_it), 0);
    lock_fork_release(&forked);
    lock_fork_end();
    pthread_join(other, NULL);
    assert_int_equal(a32_load_acquire(&got_it), 1);
    assert_true(lock_try(&forked));
    lock_drop(&forked);
}

/* ---- order ---- */

static int take_in_falling_rank(void *unused)
{
    struct lock high = LOCK_INIT(RANK_MHEAP), low = LOCK_INIT(RANK_THREADS);
    (void)unused;
    lock_take(&high);
    lock_take(&low);
    return 0;
}

static int take_in_rising_rank(void *unused)
{
    struct lock low = LOCK_INIT(RANK_THREADS), high = LOCK_INIT(RANK_MHEAP);
    (void)unused;
    for (int i = 0; i < 3; i++) {
        lock_take(&low);
        lock_take(&high);
        lock_drop(i % 2 == 0 ? &low : &high); /* they may be dropped in any order */
        lock_drop(i % 2 == 0 ? &high : &low);
    }
    return 0;
}

static int drop_what_is_not_held(void *unused)
{
    struct lock l = LOCK_INIT(RANK_THREADS);
    (void)unused;
    lock_drop(&l);
    return 0;
}

#ifdef GREY_CHECK
static void locks_in_falling_rank_end_the_program(void **state)
{
    (void)state;
    struct child_end end = child_run(take_in_falling_rank, NULL);
    assert_true(child_aborted(&end));
    assert_non_null(strstr(end.said, "greyspan: internal error: "));
    end = child_run(drop_what_is_not_held, NULL);
    assert_true(child_aborted(&end));
}
#else
static void locks_in_falling_rank_end_the_program(void **state)
{
    (void)state;
    (void)take_in_falling_rank;
    (void)drop_what_is_not_held;
    skip(); /* only a build with GREY_CHECK knows who holds what */
}
#endif

static void locks_in_rising_rank_are_fine(void **state)
{
    (void)state;
    assert_child_passed(take_in_rising_rank, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lock_is_taken_once),
        cmocka_unit_test(only_one_thread_is_inside),
        cmocka_unit_test(who_waits_for_a_lock_sleeps_and_is_woken),
        cmocka_unit_test(who_forks_passes_its_locks_and_others_wait),
        cmocka_unit_test(locks_in_falling_rank_end_the_program),
        cmocka_unit_test(locks_in_rising_rank_are_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
