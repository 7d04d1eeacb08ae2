/* Stopping threads: who is stopped where, who is waited for, and who is reported. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "alloc/machine.h"
#include "gc/stop.h"
#include "tests/unit/capture.h"
#include "tests/unit/child.h"
#include "tests/unit/world.h"

#define signals_only()                                                                                       \
    do {                                                                                                     \
        if (!stop_is_by_signal())                                                                            \
            skip();                                                                                          \
    } while (0)

static int setup(void **state)
{
    (void)state;
    options.period = 0;
    return grey_thread_attach() ? 0 : -1;
}

static void pass_ms(unsigned ms)
{
    struct timespec t = { .tv_nsec = ms * 1000000L };
    nanosleep(&t, NULL);
}

static void nothing(void *unused)
{
    (void)unused;
}

static uint32_t state_now(const struct atomic32 *state)
{
    return a32_load_acquire(state);
}

/* ---- a thread that is stopped does not run ---- */

static struct atomic32 ticks;

static void tick(struct visitor *v)
{
    visitor_is_there(v);
    while (visitor_may_stay(v)) {
        a32_store_relaxed(&ticks, a32_load_relaxed(&ticks) + 1);
        grey_safepoint();
    }
}

static void expect_no_tick(void *moved)
{
    uint32_t before = a32_load_relaxed(&ticks);
    pass_ms(5);
    *(bool *)moved |= before != a32_load_relaxed(&ticks);
}

static void a_stopped_thread_does_not_run_and_goes_on_after_it(void **state)
{
    (void)state;
    struct visitor v;
    bool moved = false;
    visitor_start(&v, tick);
    for (int i = 0; i < 20; i++) {
        uint32_t before = a32_load_relaxed(&ticks);
        world_stopped(expect_no_tick, &moved);
        while (a32_load_relaxed(&ticks) == before)
            sched_yield();
    }
    visitor_end(&v);
    assert_false(moved);
}

/* ---- busy ---- */

static struct atomic32 inside; /* the function that runs while threads are stopped has run */
static bool ran_while_busy;

static void note_inside(void *unused)
{
    (void)unused;
    a32_store_release(&inside, 1);
}

/* Busy twice over when the stop is asked for. */
static void be_busy(struct visitor *v)
{
    struct mutator *m = mutator_enter("test");
    struct mutator *again = mutator_enter("test");
    visitor_is_there(v);
    while (a32_load_relaxed(&m->deferred) == 0 && a32_load_acquire(&inside) == 0)
        cpu_relax();
    pass_ms(5);
    ran_while_busy = a32_load_acquire(&inside) != 0;
    mutator_leave(again);
    pass_ms(5);
    ran_while_busy |= a32_load_acquire(&inside) != 0;
    mutator_leave(m);
    v->more = (void *)(uintptr_t)a32_load_acquire(&inside);
}

static void a_busy_thread_is_stopped_when_it_leaves_the_library(void **state)
{
    (void)state;
    struct visitor v;
    a32_store_relaxed(&inside, 0);
    visitor_start(&v, be_busy);
    world_stopped(note_inside, NULL);
    visitor_end(&v);
    assert_false(ran_while_busy);
    assert_int_equal((uintptr_t)v.more, 1); /* mutator_leave() did not return before the resume */
}

static struct lock some_lock = LOCK_INIT(RANK_MHEAP), other_lock = LOCK_INIT(RANK_META);

/* As inside malloc(): not busy, but with locks that others may need before they can be stopped. */
static void hold_locks(struct visitor *v)
{
    lock_take(&some_lock);
    lock_take(&other_lock);
    visitor_is_there(v);
    while (a32_load_relaxed(&lock_self.deferred) == 0 && a32_load_acquire(&inside) == 0)
        cpu_relax();
    pass_ms(5);
    lock_drop(&other_lock);
    pass_ms(5);
    ran_while_busy = a32_load_acquire(&inside) != 0;
    lock_drop(&some_lock);
    v->more = (void *)(uintptr_t)a32_load_acquire(&inside);
}

static void a_thread_with_a_lock_is_stopped_when_it_lets_the_last_one_go(void **state)
{
    (void)state;
    signals_only();
    struct visitor v;
    a32_store_relaxed(&inside, 0);
    visitor_start(&v, hold_locks);
    world_stopped(note_inside, NULL);
    visitor_end(&v);
    assert_false(ran_while_busy);
    assert_int_equal((uintptr_t)v.more, 1); /* lock_drop() did not return before the resume */
}

/* ---- blocking regions ---- */

static void block(struct visitor *v)
{
    grey_blocking_enter();
    visitor_is_there(v);
    while (visitor_may_stay(v))
        sched_yield();
    grey_blocking_leave();
    a32_store_release(&inside, 2);
}

static void let_leave(void *visitor)
{
    struct visitor *v = visitor;
    a32_store_release(&v->leave, 1);
    pass_ms(10);
    v->more = (void *)(uintptr_t)a32_load_acquire(&inside);
}

static void a_blocked_thread_is_not_waited_for_and_leaves_after_the_stop(void **state)
{
    (void)state;
    struct visitor v;
    a32_store_relaxed(&inside, 0);
    visitor_start(&v, block);
    world_stopped(let_leave, &v);
    visitor_end(&v);
    assert_int_equal((uintptr_t)v.more, 0);
    assert_int_equal(a32_load_acquire(&inside), 2);
}

static void *note_state(void *out)
{
    *(uint32_t *)out = state_now(&mutator_self()->state);
    return out;
}

static void blocking_regions_nest(void **state)
{
    (void)state;
    const struct atomic32 *now = &mutator_self()->state;
    uint32_t in_call = STATE_COUNT;
    grey_blocking_enter();
    grey_blocking_enter();
    assert_ptr_equal(grey_local, &mutator_nobody);
    grey_blocking_leave();
    assert_int_equal(state_now(now), STATE_BLOCKED);
    grey_blocking_leave();
    assert_int_equal(state_now(now), STATE_RUNNING);
    assert_ptr_equal(grey_local, &mutator_self()->local);
    assert_ptr_equal(grey_blocking_call(note_state, &in_call), &in_call);
    assert_int_equal(in_call, STATE_BLOCKED);
    assert_int_equal(state_now(now), STATE_RUNNING);
}

static int allocate_blocked(void *unused)
{
    (void)unused;
    grey_blocking_enter();
    return grey_alloc(GREY_NOSCAN, 32) != NULL;
}

static int leave_twice(void *unused)
{
    (void)unused;
    grey_blocking_enter();
    grey_blocking_leave();
    grey_blocking_leave();
    return 0;
}

static int leave_critical(void *unused)
{
    (void)unused;
    grey_critical_leave();
    return 0;
}

static void regions_that_are_misused_end_with_a_sentence(void **state)
{
    (void)state;
    struct child_end end = child_run(allocate_blocked, NULL);
    assert_true(child_aborted(&end));
    assert_non_null(strstr(end.said, "the thread is in a blocking region"));
    end = child_run(leave_twice, NULL);
    assert_true(child_aborted(&end));
    assert_non_null(strstr(end.said, "grey_blocking_leave(): the thread is in no blocking region"));
    end = child_run(leave_critical, NULL);
    assert_true(child_aborted(&end));
    assert_non_null(strstr(end.said, "grey_critical_leave(): the thread is in no critical section"));
}

/* ---- cooperative ---- */

static void be_cooperative(struct visitor *v)
{
    grey_thread_cooperative(true);
    visitor_is_there(v);
    pass_ms(10); /* no safepoint */
    ran_while_busy = a32_load_acquire(&inside) != 0;
    while (visitor_may_stay(v))
        grey_safepoint();
}

static void a_cooperative_thread_is_stopped_at_safepoints_only(void **state)
{
    (void)state;
    struct visitor v;
    a32_store_relaxed(&inside, 0);
    visitor_start(&v, be_cooperative);
    world_stopped(note_inside, NULL);
    visitor_end(&v);
    assert_false(ran_while_busy);
}

/* A signal of somebody else's finds it with a lock, as inside malloc(), which is no safepoint. */
static void let_a_lock_go(struct visitor *v)
{
    const struct mutator *m = mutator_self();
    grey_thread_cooperative(true);
    lock_take(&some_lock);
    visitor_is_there(v);
    while (a32_load_relaxed(&m->deferred) == 0 && a32_load_acquire(&inside) == 0)
        cpu_relax();
    raise((int)options.stop_signal);
    lock_drop(&some_lock);
    ran_while_busy = a32_load_acquire(&inside) != 0;
    while (visitor_may_stay(v))
        grey_safepoint();
}

static void a_cooperative_thread_is_not_stopped_when_it_lets_a_lock_go(void **state)
{
    (void)state;
    signals_only();
    struct visitor v;
    a32_store_relaxed(&inside, 0);
    visitor_start(&v, let_a_lock_go);
    world_stopped(note_inside, NULL);
    visitor_end(&v);
    assert_false(ran_while_busy);
}

/* No poll, only the library's own calls. */
static void call_now_and_then(struct visitor *v)
{
    grey_thread_cooperative(true);
    visitor_is_there(v);
    while (visitor_may_stay(v))
        mutator_leave(mutator_enter("test"));
}

static void a_cooperative_thread_is_stopped_when_it_leaves_the_library(void **state)
{
    (void)state;
    struct visitor v;
    visitor_start(&v, call_now_and_then);
    for (int i = 0; i < 20; i++)
        world_stopped(nothing, NULL);
    visitor_end(&v);
}

static void change_sides(struct visitor *v)
{
    visitor_is_there(v);
    for (uint32_t i = 0; visitor_may_stay(v); i++) {
        grey_thread_cooperative(i % 2 == 0);
        grey_safepoint();
    }
}

static void a_thread_may_change_sides_during_stops(void **state)
{
    (void)state;
    struct visitor v[2];
    visitor_start(&v[0], change_sides);
    visitor_start(&v[1], change_sides);
    for (int i = 0; i < 300; i++)
        world_stopped(nothing, NULL);
    visitor_end(&v[0]);
    visitor_end(&v[1]);
}

/* ---- critical sections ---- */

static void ask_critical(void *out)
{
    *(bool *)out = mutator_any_critical_stopped();
}

static void be_critical(struct visitor *v)
{
    grey_critical_enter();
    grey_critical_enter();
    grey_critical_leave();
    visitor_is_there(v);
    while (visitor_may_stay(v))
        grey_safepoint();
    if (v->more == NULL)
        grey_critical_leave();
}

static void an_open_critical_section_is_seen(void **state)
{
    (void)state;
    struct visitor v;
    bool open = false;
    assert_false(mutator_any_critical());
    visitor_start(&v, be_critical);
    assert_true(mutator_any_critical());
    world_stopped(ask_critical, &open);
    assert_true(open);
    visitor_end(&v);
    assert_false(mutator_any_critical());
    /* A thread that ends in one. */
    visitor_start(&v, be_critical);
    v.more = &v;
    visitor_end(&v);
    assert_false(mutator_any_critical());
}

static void nesting_survives_longjmp(void **state)
{
    (void)state;
    struct grey_state outer, inner;
    static jmp_buf back;
    volatile int round = 0;
    grey_critical_enter();
    grey_state_save(&outer);
    if (setjmp(back) == 0) {
        round = 1;
        grey_critical_enter();
        grey_critical_enter();
        grey_blocking_enter();
        grey_state_save(&inner);
        longjmp(back, 1);
    }
    assert_int_equal(round, 1);
    grey_state_restore(&outer);
    assert_int_equal(mutator_self()->critical, 1);
    assert_int_equal(mutator_self()->blocking, 0);
    assert_int_equal(state_now(&mutator_self()->state), STATE_RUNNING);
    assert_non_null(grey_alloc(GREY_NOSCAN, 32));
    grey_state_restore(&inner);
    assert_int_equal(mutator_self()->critical, 3);
    assert_int_equal(state_now(&mutator_self()->state), STATE_BLOCKED);
    grey_state_restore(&inner); /* from one region into another */
    assert_int_equal(mutator_self()->blocking, 1);
    assert_int_equal(state_now(&mutator_self()->state), STATE_BLOCKED);
    assert_ptr_equal(grey_local, &mutator_nobody);
    outer.critical = 0;
    grey_state_restore(&outer);
    assert_false(mutator_any_critical());
}

/* ---- threads that do not answer ---- */

static void block_the_signal(struct visitor *v)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    visitor_is_there(v);
    pass_ms(999);
    pass_ms(600);
    sigemptyset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    visitor_stay(v);
}

static void a_thread_that_blocks_the_signal_is_named(void **state)
{
    (void)state;
    signals_only();
    struct visitor v;
    static struct capture said;
    visitor_start(&v, block_the_signal);
    capture_begin(&said);
    world_stopped(nothing, NULL);
    const char *text = capture_end(&said);
    visitor_end(&v);
    assert_non_null(strstr(text, "waiting 1 s for thread "));
    assert_non_null(strstr(text, "it blocks the signal that stops threads"));
}

static void end_without_a_word(struct visitor *v)
{
    visitor_is_there(v);
    syscall(SYS_exit, 0);
}

static void a_thread_that_ended_without_a_word_is_dropped(void **state)
{
    (void)state;
    signals_only();
#ifdef GREY_SANITIZED
    skip(); /* the run-time does not survive such an end */
#endif
    struct visitor v;
    static struct capture said;
    size_t before = mutator_count();
    visitor_start(&v, end_without_a_word);
    visitor_end(&v);
    assert_int_equal(mutator_count(), before + 1);
    capture_begin(&said);
    world_stopped(nothing, NULL);
    const char *text = capture_end(&said);
    assert_non_null(strstr(text, "ended without detaching"));
    assert_int_equal(mutator_count(), before);
    world_stopped(nothing, NULL);
}

/* ---- the signal ---- */

static struct atomic32 theirs;

static void on_their_signal(int signal)
{
    (void)signal;
    a32_add_full(&theirs, 1);
}

static int take_the_signal(void *unused)
{
    (void)unused;
    struct visitor v;
    struct sigaction a = { .sa_handler = on_their_signal };
    visitor_start(&v, visitor_stay); /* no safepoint */
    sigaction((int)options.stop_signal, &a, NULL);
    world_stopped(nothing, NULL);
    child_ensure(a32_load_acquire(&theirs) == 0);
    kill(getpid(), (int)options.stop_signal); /* to any thread */
    while (a32_load_acquire(&theirs) == 0)
        sched_yield();
    for (int i = 0; i < 10; i++)
        world_stopped(nothing, NULL);
    child_ensure(a32_load_acquire(&theirs) == 1);
    stop_init(); /* as a child does that was forked amid another thread's first use */
    kill(getpid(), (int)options.stop_signal);
    while (a32_load_acquire(&theirs) == 1)
        sched_yield();
    visitor_end(&v);
    return 0;
}

static void a_handler_put_over_ours_is_chained(void **state)
{
    (void)state;
    signals_only();
    struct child_end end = child_run(take_the_signal, NULL);
    if (end.status != 0)
        fail_msg("status %x: %s", end.status, end.said);
    assert_non_null(strstr(end.said, "the program took signal"));
}

static void some_signals_cannot_be_used(void **state)
{
    (void)state;
    static const int no[] = { SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGPWR, SIGXCPU, 32, 33, 0, 65 };
    static const int yes[] = { SIGURG, SIGUSR1, SIGUSR2, SIGIO, 34, 64 };
    for (size_t i = 0; i < COUNT(no); i++)
        assert_non_null(machine_signal_problem(no[i]));
    for (size_t i = 0; i < COUNT(yes); i++)
        assert_null(machine_signal_problem(yes[i]));
}

/* ---- many ---- */

enum { MANY = 64, STOPS = 200 };

/* Of every sort, changing all the time. */
static void wander(struct visitor *v)
{
    uint64_t random = v->complement;
    visitor_is_there(v);
    while (visitor_may_stay(v)) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        switch (random >> 61) {
        case 0:
            grey_blocking_enter();
            sched_yield();
            grey_blocking_leave();
            break;
        case 1:
            grey_thread_cooperative((random >> 60 & 1) != 0);
            break;
        case 2:
            grey_thread_detach();
            grey_thread_attach();
            break;
        case 3:
            mutator_leave(mutator_enter("test"));
            break;
        case 4:
            world_stopped(nothing, NULL); /* two coordinators at once */
            break;
        default:
            grey_safepoint();
        }
    }
    grey_thread_cooperative(false);
}

struct tally {
    size_t seen, wrong;
};

static void tally_one(struct mutator *m, void *context)
{
    struct tally *t = context;
    uint32_t s = state_now(&m->state);
    t->seen++;
    t->wrong += m != mutator_self() && s != STATE_STOPPED && s != STATE_HELD;
}

static void tally_all(void *context)
{
    mutator_each_stopped(tally_one, context);
}

static void a_storm_of_stops_over_many_threads_holds_all_of_them(void **state)
{
    (void)state;
    static struct visitor v[MANY];
    struct tally t = { 0, 0 };
    for (size_t i = 0; i < MANY; i++)
        visitor_start(&v[i], wander);
    for (int i = 0; i < STOPS; i++)
        world_stopped(tally_all, &t);
    for (size_t i = 0; i < MANY; i++)
        a32_store_release(&v[i].leave, 1);
    for (size_t i = 0; i < MANY; i++)
        visitor_end(&v[i]);
    assert_true(t.seen > STOPS);
    assert_int_equal(t.wrong, 0);
    assert_int_equal(mutator_count(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stopped_thread_does_not_run_and_goes_on_after_it),
        cmocka_unit_test(a_busy_thread_is_stopped_when_it_leaves_the_library),
        cmocka_unit_test(a_thread_with_a_lock_is_stopped_when_it_lets_the_last_one_go),
        cmocka_unit_test(a_blocked_thread_is_not_waited_for_and_leaves_after_the_stop),
        cmocka_unit_test(blocking_regions_nest),
        cmocka_unit_test(regions_that_are_misused_end_with_a_sentence),
        cmocka_unit_test(a_cooperative_thread_is_stopped_at_safepoints_only),
        cmocka_unit_test(a_cooperative_thread_is_not_stopped_when_it_lets_a_lock_go),
        cmocka_unit_test(a_cooperative_thread_is_stopped_when_it_leaves_the_library),
        cmocka_unit_test(a_thread_may_change_sides_during_stops),
        cmocka_unit_test(an_open_critical_section_is_seen),
        cmocka_unit_test(nesting_survives_longjmp),
        cmocka_unit_test(a_thread_that_blocks_the_signal_is_named),
        cmocka_unit_test(a_thread_that_ended_without_a_word_is_dropped),
        cmocka_unit_test(a_handler_put_over_ours_is_chained),
        cmocka_unit_test(some_signals_cannot_be_used),
        cmocka_unit_test(a_storm_of_stops_over_many_threads_holds_all_of_them),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
