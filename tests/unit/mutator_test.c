/* Attaching and detaching: who is a mutator, from when to when. */
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

#include "alloc/machine.h"
#include "gc/stack.h"
#include "gc/stop.h"
#include "tests/unit/child.h"
#include "tests/unit/world.h"

static int setup(void **state)
{
    (void)state;
    options.period = 0;
    return grey_thread_attach() ? 0 : -1;
}

static void run(void *(*f)(void *), void *argument)
{
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, f, argument), 0);
    grey_blocking_enter();
    pthread_join(t, NULL);
    grey_blocking_leave();
}

/* ---- when ---- */

static void *come_and_go(void *failed)
{
    bool ok = mutator_self() == NULL && grey_local == &mutator_nobody && !grey_thread_is_attached();
    size_t before = mutator_count();
    grey_thread_detach(); /* nothing */
    grey_safepoint_slow();
    grey_blocking_enter(); /* nothing: it may be that no library call is near */
    grey_blocking_leave();
    ok = ok && mutator_self() == NULL;
    struct mutator *m = mutator_enter("test");
    ok = ok && m != NULL && m == mutator_self() && grey_local == &m->local;
    ok = ok && a32_load_relaxed(&m->busy) == 1 && mutator_count() == before + 1;
    ok = ok && m->tid == gettid() && machine_in(m->stacks->thread.stack, (uintptr_t)&ok);
    mutator_leave(m);
    ok = ok && a32_load_relaxed(&m->busy) == 0;
    grey_thread_detach();
    ok = ok && mutator_self() == NULL && grey_local == &mutator_nobody && mutator_count() == before;
    *(bool *)failed = !ok;
    return NULL;
}

static void a_thread_is_attached_by_its_first_call_until_it_detaches(void **state)
{
    (void)state;
    bool failed = true;
    run(come_and_go, &failed);
    assert_false(failed);
}

/* Both kinds of empty: no slot for what is inlined. */
static void bins_of_nobody_are_empty(void **state)
{
    (void)state;
    for (size_t k = 0; k < GREY_KINDS; k++)
        for (size_t c = 0; c <= GREY_SMALL_CLASSES; c++)
            assert_ptr_equal(mutator_nobody.bins[k], &space_no_bins);
}

static void *only_enter(void *unused)
{
    mutator_leave(mutator_enter("test"));
    return unused;
}

static void a_thread_that_ends_is_detached(void **state)
{
    (void)state;
    size_t before = mutator_count();
    for (int i = 0; i < 100; i++)
        run(only_enter, NULL);
    assert_int_equal(mutator_count(), before);
}

/* ---- destructors ---- */

static pthread_key_t late_key;
static int attached_in_round[8], rounds;

/* Set again in each round: keys live for four. */
static void destroy(void *value)
{
    attached_in_round[rounds++] = grey_thread_is_attached();
    mutator_leave(mutator_enter("test"));
    if (rounds < 3)
        pthread_setspecific(late_key, value);
}

static void *with_destructors(void *unused)
{
    mutator_leave(mutator_enter("test"));
    pthread_setspecific(late_key, &late_key);
    return unused;
}

static void destructors_find_the_thread_attached_or_attach_it_again(void **state)
{
    (void)state;
    size_t before = mutator_count();
    assert_int_equal(pthread_key_create(&late_key, destroy), 0);
    run(with_destructors, NULL);
    assert_int_equal(rounds, 3);
    assert_true(attached_in_round[0]);
    assert_int_equal(mutator_count(), before);
    pthread_key_delete(late_key);
}

/* ---- many at once ---- */

enum { THREADS = 8, TURNS = 300 };

static void *turn(void *unused)
{
    for (int i = 0; i < TURNS; i++) {
        mutator_leave(mutator_enter("test"));
        grey_thread_detach();
    }
    return unused;
}

static void nothing(void *unused)
{
    (void)unused;
}

static void threads_come_and_go_during_stops(void **state)
{
    (void)state;
    pthread_t t[THREADS];
    size_t before = mutator_count();
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, turn, NULL), 0);
    for (int i = 0; i < 200; i++)
        world_stopped(nothing, NULL);
    for (size_t i = 0; i < THREADS; i++) {
        grey_blocking_enter();
        pthread_join(t[i], NULL);
        grey_blocking_leave();
    }
    assert_int_equal(mutator_count(), before);
}

/* ---- fork ---- */

static int child_alone(void *parent)
{
    child_ensure(mutator_self() != NULL && mutator_self()->tid == gettid());
    child_ensure(mutator_self()->tid != *(const int *)parent);
    child_ensure(mutator_count() == 1);
    for (int i = 0; i < 5; i++)
        world_stopped(nothing, NULL);
#ifndef __SANITIZE_THREAD__ /* allows no threads after a fork */
    struct visitor v;
    visitor_start(&v, visitor_stay);
    child_ensure(mutator_count() == 2);
    if (stop_is_by_signal())
        world_stopped(nothing, NULL);
    visitor_end(&v);
#endif
    return 0;
}

static void stay_polling(struct visitor *v)
{
    visitor_is_there(v);
    while (visitor_may_stay(v))
        grey_safepoint();
}

static void a_forked_child_has_the_forking_thread_only(void **state)
{
    (void)state;
    struct visitor v[2];
    int parent = gettid();
    visitor_start(&v[0], stay_polling);
    visitor_start(&v[1], stay_polling);
    assert_child_passed(child_alone, &parent);
    assert_int_equal(mutator_count(), 3);
    visitor_end(&v[0]);
    visitor_end(&v[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_is_attached_by_its_first_call_until_it_detaches),
        cmocka_unit_test(bins_of_nobody_are_empty),
        cmocka_unit_test(a_thread_that_ends_is_detached),
        cmocka_unit_test(destructors_find_the_thread_attached_or_attach_it_again),
        cmocka_unit_test(threads_come_and_go_during_stops),
        cmocka_unit_test(a_forked_child_has_the_forking_thread_only),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
