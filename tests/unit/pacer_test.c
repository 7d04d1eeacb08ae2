/* The pacer's arithmetic by its rules and its limits, and with simulated programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gc/pacer.h"

#define SECOND UINT64_C(1000000000)
#define NEVER  UINT64_MAX

static const struct pacer_input usual = { .percent = 100, .min_heap = MIB(4) };

static uint64_t goal(struct pacer_input in)
{
    struct pacer_goal g = pacer_goal(&in);
    assert_int_equal(g.trigger, g.goal);
    return g.goal;
}

/* ---- the rules ---- */

static void growth_counts_what_is_scanned_and_what_lies_outside(void **state)
{
    (void)state;
    struct pacer_input in = usual;
    in.live_bytes = MIB(100);
    assert_int_equal(goal(in), MIB(200));
    in.root_bytes = MIB(30);
    assert_int_equal(goal(in), MIB(230));
    in.external_live = MIB(50);
    in.external_bytes = MIB(500); /* held by objects that were found dead */
    assert_int_equal(goal(in), MIB(280));
    in.percent = 50;
    assert_int_equal(goal(in), MIB(190));
    in.percent = 300;
    assert_int_equal(goal(in), MIB(640));
}

static void the_least_growth_scales_with_percent(void **state)
{
    (void)state;
    struct pacer_input in = usual;
    assert_int_equal(goal(in), MIB(4));
    in.live_bytes = MIB(1);
    assert_int_equal(goal(in), MIB(5));
    in.live_bytes = MIB(4) + 100;
    assert_int_equal(goal(in), MIB(8) + 200);
    in.live_bytes = 0;
    in.percent = 50;
    assert_int_equal(goal(in), MIB(2));
    in.percent = 800;
    assert_int_equal(goal(in), MIB(32));
}

static void a_cycle_is_never_due_right_after_one(void **state)
{
    (void)state;
    for (uint64_t percent = 1; percent <= 1000; percent *= 10)
        for (uint64_t live = 0; live < MIB(1) << 20; live = live * 3 + 1)
            for (uint64_t limit = 0; limit < MIB(1) << 20; limit = limit * 7 + 1) {
                struct pacer_input in = {
                    .percent = percent, .limit = limit, .live_bytes = live, .overhead_bytes = live / 3
                };
                assert_true(goal(in) >= live + KIB(64));
            }
}

static void never_is_never(void **state)
{
    (void)state;
    struct pacer_input in = usual;
    in.percent = NEVER;
    in.live_bytes = MIB(100);
    assert_int_equal(goal(in), NEVER);
    in.limit = MIB(1000);
    assert_true(goal(in) < MIB(1000));
}

static void the_limit_lowers_the_goal_and_leaves_growth(void **state)
{
    (void)state;
    struct pacer_input in = usual;
    in.live_bytes = MIB(100);
    in.limit = MIB(400);
    assert_int_equal(goal(in), MIB(200));
    assert_int_equal(pacer_goal(&in).growth, MIB(200));
    in.limit = MIB(180);
    assert_true(goal(in) < MIB(180) && goal(in) > MIB(170));
    assert_int_equal(pacer_goal(&in).growth, MIB(200));

    /* Whatever else takes memory leaves less for the heap. */
    uint64_t before = goal(in);
    in.overhead_bytes = MIB(10);
    assert_true(goal(in) <= before - MIB(9));
    in.external_bytes = MIB(10);
    assert_true(goal(in) <= before - MIB(18));
    in.overhead_bytes = MIB(500); /* more than the limit by itself */
    assert_true(goal(in) >= in.live_bytes + KIB(64) && goal(in) <= MIB(110));
}

static void nothing_overflows(void **state)
{
    (void)state;
    static const uint64_t values[] = {
        0, 1, 99, 100, MIB(4), UINT64_C(1) << 47, UINT64_MAX / 100, UINT64_MAX / 2, UINT64_MAX - 1, UINT64_MAX
    };
    enum { N = COUNT(values) };
    for (size_t i = 0; i < (size_t)N * N * N * N; i++) {
        struct pacer_input in = {
            .percent = values[i % N],
            .live_bytes = values[i / N % N],
            .limit = values[i / N / N % N],
            .min_heap = values[i / N / N / N],
        };
        in.root_bytes = in.external_bytes = in.external_live = in.overhead_bytes = in.min_heap;
        uint64_t g = goal(in);
        assert_true(g > in.live_bytes || g == UINT64_MAX);
        /* More to scan never means an earlier cycle. */
        in.limit = 0;
        g = goal(in);
        in.root_bytes = in.root_bytes / 2;
        assert_true(goal(in) <= g);
    }
}

/* ---- sweeping in proportion ---- */

static void sweeping_is_over_at_the_trigger(void **state)
{
    (void)state;
    static const uint64_t refills[] = { KIB(8), KIB(24), MIB(1) };
    for (size_t i = 0; i < COUNT(refills); i++) {
        uint64_t unswept = 100000, left = MIB(512), steps = 0;
        while (unswept > 0 && left > refills[i]) {
            size_t n = pacer_sweep_spans(unswept, left, refills[i]);
            assert_in_range(n, 1, unswept);
            /* Work is even: no refill pays much more than another. */
            assert_true(n <= 100000 * refills[i] / MIB(512) + 1);
            unswept -= n;
            left -= refills[i];
            steps++;
        }
        assert_true(steps > 1);
        assert_true(unswept <= pacer_sweep_spans(unswept, left, refills[i]));
    }
    assert_int_equal(pacer_sweep_spans(0, MIB(1), KIB(8)), 0);
    assert_int_equal(pacer_sweep_spans(7, 0, KIB(8)), 7);
    assert_int_equal(pacer_sweep_spans(7, KIB(8), KIB(8)), 7);
    assert_int_equal(pacer_sweep_spans(UINT64_MAX / 2, UINT64_MAX, UINT64_MAX / 2), UINT64_MAX / 4 + 1);
}

/* ---- simulated programs ---- */

/* A program allocates so many bytes a second of its own time and has live() bytes that it needs; a cycle
   takes a second a GiB marked, roots included, of all CPUs. */
struct program {
    struct pacer_input in;
    uint64_t (*live)(uint64_t now_ns);
    uint64_t bytes_per_second;
    uint64_t seconds;
};

struct outcome {
    uint64_t cycles, gc_ns, total_ns, peak_bytes;
    uint64_t marked_bytes, allocated_bytes;
    uint64_t goals_missed; /* by more than an allocation step */
};

enum { CPUS = 4 };
#define STEP KIB(256)

static uint64_t mark(struct program *p, struct outcome *o, uint64_t now, uint64_t heap)
{
    uint64_t lives = p->live(now);
    p->in.live_bytes = lives < heap ? lives : heap;
    o->marked_bytes += p->in.live_bytes;
    o->cycles++;
    return (p->in.live_bytes + p->in.root_bytes) * SECOND / (MIB(1) << 10);
}

static struct outcome simulate(struct program p)
{
    struct outcome o = { 0 };
    struct pacer_limiter limiter = { 0 };
    struct pacer_goal g = pacer_goal(&p.in);
    uint64_t heap = 0, now = 1;
    pacer_limiter_update(&limiter, now, 0, CPUS);
    while (now < p.seconds * SECOND) {
        heap += STEP;
        o.allocated_bytes += STEP;
        now += STEP * SECOND / p.bytes_per_second;
        o.peak_bytes = heap > o.peak_bytes ? heap : o.peak_bytes;
        if (heap < g.trigger)
            continue;
        /* What growth alone would have is collected in any case. */
        if (heap < g.growth && pacer_limiter_update(&limiter, now, 0, CPUS))
            continue;
        o.goals_missed += heap >= g.goal + STEP;
        uint64_t gc_ns = mark(&p, &o, now, heap);
        heap = p.in.live_bytes;
        now += gc_ns;
        o.gc_ns += gc_ns;
        pacer_limiter_update(&limiter, now, gc_ns * CPUS, CPUS);
        g = pacer_goal(&p.in);
    }
    o.total_ns = now;
    return o;
}

static uint64_t steady(uint64_t now)
{
    (void)now;
    return MIB(256);
}

static uint64_t growing(uint64_t now)
{
    return MIB(64) + now / SECOND * MIB(16);
}

/* Ten seconds of little, one of much. */
static uint64_t bursts(uint64_t now)
{
    return now / SECOND % 11 == 10 ? MIB(800) : MIB(20);
}

static uint64_t tiny(uint64_t now)
{
    (void)now;
    return KIB(100);
}

static void a_steady_program_marks_as_much_as_it_allocates(void **state)
{
    (void)state;
    struct program p = { usual, steady, MIB(500), 60 };
    struct outcome o = simulate(p);
    assert_true(o.cycles > 50);
    assert_in_range(o.peak_bytes, MIB(512), MIB(513));
    assert_in_range(o.marked_bytes, o.allocated_bytes / 100 * 95, o.allocated_bytes / 100 * 105);
    assert_int_equal(o.goals_missed, 0);
    /* Half the room: twice the work. */
    p.in.percent = 50;
    struct outcome tight = simulate(p);
    assert_in_range(tight.peak_bytes, MIB(384), MIB(385));
    assert_in_range(tight.marked_bytes, tight.allocated_bytes / 100 * 190, tight.allocated_bytes / 100 * 210);
}

static void a_growing_program_is_collected_in_proportion(void **state)
{
    (void)state;
    struct outcome o = simulate((struct program){ usual, growing, MIB(200), 60 });
    /* However much it grows, a byte is marked for a byte allocated (and what came meanwhile: 16 of 200), and
       memory is at most doubled. */
    assert_true(o.marked_bytes <= o.allocated_bytes / 100 * 110);
    assert_true(o.peak_bytes <= 2 * growing(62 * SECOND));
}

static void a_burst_does_not_leave_the_goal_high(void **state)
{
    (void)state;
    struct program p = { usual, bursts, MIB(300), 110 };
    struct outcome o = simulate(p);
    assert_true(o.peak_bytes <= MIB(1601));
    /* The cycles amid little are many: they go by what lives then. */
    assert_true(o.cycles > 110 * 300 / 100);
}

static void huge_globals_do_not_make_a_small_heap_collect_all_the_time(void **state)
{
    (void)state;
    struct program p = { usual, tiny, MIB(100), 60 };
    p.in.root_bytes = MIB(512);
    struct outcome o = simulate(p);
    assert_true(o.gc_ns * 100 <= o.total_ns * 20);
    assert_true(o.cycles >= 8);
}

static void a_limit_that_suffices_is_kept(void **state)
{
    (void)state;
    struct program p = { usual, steady, MIB(300), 60 };
    p.in.limit = MIB(420);
    struct outcome o = simulate(p);
    assert_true(o.peak_bytes <= MIB(420));
    assert_int_equal(o.goals_missed, 0);
    p.in.percent = NEVER;
    o = simulate(p);
    assert_in_range(o.peak_bytes, MIB(380), MIB(420));
}

static void a_limit_too_small_slows_the_program_and_no_more(void **state)
{
    (void)state;
    static const uint64_t limits[] = { MIB(1), MIB(100), MIB(256), MIB(260), MIB(270) };
    for (size_t i = 0; i < COUNT(limits); i++)
        for (uint64_t percent = 100; percent != 0; percent = percent == 100 ? NEVER : 0) {
            struct program p = { usual, steady, MIB(300), 120 };
            p.in.limit = limits[i];
            p.in.percent = percent;
            struct outcome o = simulate(p);
            /* A second, and one cycle, beyond half. */
            assert_true(o.gc_ns <= o.total_ns / 2 + SECOND + SECOND / 4);
            assert_true(o.gc_ns >= o.total_ns / 100 * 30); /* the limit is not forgotten either */
            if (percent == 100)
                assert_true(o.peak_bytes <= MIB(513));
        }
}

static void the_limiter_forgives_idle_programs_no_more_than_a_second(void **state)
{
    (void)state;
    struct pacer_limiter l = { 0 };
    assert_false(pacer_limiter_update(&l, 1, 0, 2));
    /* An hour without a cycle earns nothing beyond an empty bucket. */
    uint64_t now = 3600 * SECOND;
    assert_false(pacer_limiter_update(&l, now, 0, 2));
    assert_int_equal(l.fill_ns, 0);
    now += SECOND / 2;
    assert_false(pacer_limiter_update(&l, now, SECOND, 2));
    assert_int_equal(l.fill_ns, SECOND);
    now += SECOND / 2;
    assert_true(pacer_limiter_update(&l, now, SECOND, 2));
    assert_int_equal(l.fill_ns, 2 * SECOND);
    /* A stop of 10 s is paid back by 10 s of the program's. */
    now += 10 * SECOND;
    assert_true(pacer_limiter_update(&l, now, 20 * SECOND, 2));
    now += 10 * SECOND;
    assert_true(pacer_limiter_update(&l, now, 0, 2));
    assert_false(pacer_limiter_update(&l, now + 1, 0, 2));
    /* A clock that stands still or goes back does no harm. */
    assert_false(pacer_limiter_update(&l, 0, 0, 2));
    assert_int_equal(l.last_ns, now + 1);
    l.fill_ns = UINT64_MAX;
    assert_true(pacer_limiter_update(&l, now, UINT64_MAX, UINT64_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(growth_counts_what_is_scanned_and_what_lies_outside),
        cmocka_unit_test(the_least_growth_scales_with_percent),
        cmocka_unit_test(a_cycle_is_never_due_right_after_one),
        cmocka_unit_test(never_is_never),
        cmocka_unit_test(the_limit_lowers_the_goal_and_leaves_growth),
        cmocka_unit_test(nothing_overflows),
        cmocka_unit_test(sweeping_is_over_at_the_trigger),
        cmocka_unit_test(a_steady_program_marks_as_much_as_it_allocates),
        cmocka_unit_test(a_growing_program_is_collected_in_proportion),
        cmocka_unit_test(a_burst_does_not_leave_the_goal_high),
        cmocka_unit_test(huge_globals_do_not_make_a_small_heap_collect_all_the_time),
        cmocka_unit_test(a_limit_that_suffices_is_kept),
        cmocka_unit_test(a_limit_too_small_slows_the_program_and_no_more),
        cmocka_unit_test(the_limiter_forgives_idle_programs_no_more_than_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
