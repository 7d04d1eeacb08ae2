/* Arguments of threads that have not begun, and results of threads that have ended. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

#include "gc/transit.h"
#include "tests/unit/world.h"

static const uintptr_t complement = ~UINT64_C(0x5eed123400010000);

static struct atomic32 ran; /* the thread */

static int setup(void **state)
{
    (void)state;
    options.period = 0;
    return grey_thread_attach() ? 0 : -1;
}

/* What is kept in transit, whether threads run or not: nobody changes it meanwhile. */
static size_t kept(void)
{
    struct found f = { .complement = complement };
    f.sink = (struct root_sink){ .range = world_look, .exact = world_exact };
    struct mutator *m = mutator_enter("test");
    lock_take(transit_lock());
    transit_roots_stopped(&f.sink);
    lock_drop(transit_lock());
    mutator_leave(m);
    assert_int_equal(f.all, f.of[ROOT_INTERNAL]);
    return f.all;
}

static void count_range(struct root_sink *sink, const struct root_range *r)
{
    struct found *f = (struct found *)sink;
    f->all += r->class == ROOT_INTERNAL;
}

/* At least one range each. */
static size_t records(void)
{
    struct found f = { .sink = { .range = count_range, .exact = world_exact } };
    struct mutator *m = mutator_enter("test");
    lock_take(transit_lock());
    transit_roots_stopped(&f.sink);
    lock_drop(transit_lock());
    mutator_leave(m);
    return f.all;
}

/* Attached before it ran, so that it was counted. */
static void wait_until_ended(size_t mutators)
{
    while (a32_load_acquire(&ran) == 0 || mutator_count() != mutators) {
        grey_safepoint();
        sched_yield();
    }
}

static void *give_back(void *argument)
{
    a32_store_release(&ran, 1);
    return argument;
}

static void *exit_with(void *argument)
{
    a32_store_release(&ran, 1);
    pthread_exit(argument);
}

static void *wait_for_cancellation(void *argument)
{
    (void)argument;
    a32_store_release(&ran, 1);
    for (;;)
        if (pause() == 0)
            return NULL;
}

static void an_argument_is_kept_until_its_thread_has_it(void **state)
{
    (void)state;
    pthread_t t;
    void *result = NULL;
    /* Without the list's lock the thread cannot attach. */
    struct mutator *m = mutator_enter("test");
    lock_take(mutator_list_lock());
    int error = grey_pthread_create(&t, NULL, give_back, (void *)~complement);
    size_t before = kept();
    lock_drop(mutator_list_lock());
    mutator_leave(m);
    assert_int_equal(error, 0);
    assert_int_equal(before, 1);
    assert_int_equal(grey_pthread_join(t, &result), 0);
    assert_ptr_equal(result, (void *)~complement);
    assert_int_equal(kept(), 0);
}

static void a_result_is_kept_until_it_is_joined(void **state)
{
    (void)state;
    void *(*const ways[])(void *) = { give_back, exit_with };
    for (size_t i = 0; i < COUNT(ways); i++) {
        pthread_t t;
        void *result = NULL;
        size_t mutators = mutator_count();
        a32_store_relaxed(&ran, 0);
        assert_int_equal(grey_pthread_create(&t, NULL, ways[i], (void *)~complement), 0);
        wait_until_ended(mutators);
        assert_true(kept() >= 1);
        assert_int_equal(grey_pthread_join(t, &result), 0);
        assert_ptr_equal(result, (void *)~complement);
        assert_int_equal(kept(), 0);
    }
}

static void a_cancelled_thread_is_joined(void **state)
{
    (void)state;
#ifdef __SANITIZE_THREAD__
    skip(); /* it loses track of a thread that is cancelled in a call of the system */
#endif
    pthread_t t;
    void *result = NULL;
    assert_int_equal(grey_pthread_create(&t, NULL, wait_for_cancellation, (void *)~complement), 0);
    assert_int_equal(pthread_cancel(t), 0);
    assert_int_equal(grey_pthread_join(t, &result), 0);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    assert_int_equal(kept(), 0);
}

static pthread_t joined;

static void *join_it(void *unused)
{
    grey_pthread_join(joined, NULL);
    return unused;
}

static struct atomic32 may_end;

static void *give_back_later(void *argument)
{
    while (a32_load_acquire(&may_end) == 0) {
        grey_safepoint();
        sched_yield();
    }
    return argument;
}

/* The thread that it waited for can still be joined, and leaves nothing behind then. */
static void a_join_that_is_cancelled_lets_the_record_go(void **state)
{
    (void)state;
#ifdef __SANITIZE_THREAD__
    skip(); /* it loses track of a thread that is cancelled in a call of the system */
#endif
    pthread_t t;
    void *result = NULL;
    size_t before = records();
    a32_store_relaxed(&may_end, 0);
    assert_int_equal(grey_pthread_create(&joined, NULL, give_back_later, (void *)~complement), 0);
    assert_int_equal(grey_pthread_create(&t, NULL, join_it, NULL), 0);
    assert_int_equal(pthread_cancel(t), 0);
    assert_int_equal(grey_pthread_join(t, &result), 0);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    a32_store_release(&may_end, 1);
    assert_int_equal(grey_pthread_join(joined, &result), 0);
    assert_ptr_equal(result, (void *)~complement);
    assert_int_equal(records(), before);
}

static void nothing_is_kept_of_a_detached_thread(void **state)
{
    (void)state;
    pthread_t t;
    pthread_attr_t attr;
    size_t mutators = mutator_count();
    a32_store_relaxed(&ran, 0);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    assert_int_equal(grey_pthread_create(&t, &attr, give_back, (void *)~complement), 0);
    pthread_attr_destroy(&attr);
    wait_until_ended(mutators);
    a32_store_relaxed(&ran, 0);
    assert_int_equal(kept(), 0);

    assert_int_equal(grey_pthread_create(&t, NULL, give_back, (void *)~complement), 0);
    assert_int_equal(grey_pthread_detach(t), 0);
    wait_until_ended(mutators);
    a32_store_relaxed(&ran, 0);
    assert_int_equal(kept(), 0);
}

static void a_record_left_by_a_foreign_join_goes_when_its_id_comes_back(void **state)
{
    (void)state;
    pthread_t t;
    for (int i = 0; i < 50; i++) {
        assert_int_equal(grey_pthread_create(&t, NULL, give_back, (void *)~complement), 0);
        grey_blocking_enter();
        pthread_join(t, NULL);
        grey_blocking_leave();
    }
    assert_true(kept() < 50); /* libc takes the last thread's stack again, and with it its id */
    assert_int_equal(grey_pthread_create(&t, NULL, give_back, NULL), 0);
    assert_int_equal(grey_pthread_join(t, NULL), 0);
}

static void a_thread_that_cannot_be_created_leaves_nothing(void **state)
{
    (void)state;
    pthread_t t;
    pthread_attr_t attr;
    size_t mutators = mutator_count(), before = kept();
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, (size_t)1 << 46);
    assert_int_not_equal(grey_pthread_create(&t, &attr, give_back, (void *)~complement), 0);
    pthread_attr_destroy(&attr);
    assert_int_equal(kept(), before);
    assert_int_equal(mutator_count(), mutators);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_argument_is_kept_until_its_thread_has_it),
        cmocka_unit_test(a_result_is_kept_until_it_is_joined),
        cmocka_unit_test(a_cancelled_thread_is_joined),
        cmocka_unit_test(a_join_that_is_cancelled_lets_the_record_go),
        cmocka_unit_test(nothing_is_kept_of_a_detached_thread),
        cmocka_unit_test(a_record_left_by_a_foreign_join_goes_when_its_id_comes_back),
        cmocka_unit_test(a_thread_that_cannot_be_created_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
