/* The scavenger over invented memory: what it gives back, when, and what it leaves alone. The clock
   is ours and the helper runs when a test calls it. */
#include "tests/fake/mheap_fixture.h"

#include "alloc/mcentral.h"
#include "alloc/options.h"
#include "alloc/scavenger.h"

#define TICKS_PER_SECOND 4 /* as scavenger.h says */

static struct mheap *const heap = &heap_pages;
static struct fixture world;

/* A new page heap in the place of the process's one. */
static void start_world(void)
{
    fixture_start(&world);
    memset(heap, 0, sizeof *heap);
    mheap_init(heap, world.hint);
    options.scavenge = 1;
    options.scavenge_delay = 1000;
    scavenger_fork_child(); /* no helper runs */
    scavenger_init();
}

/* As a slow path of free does: the page heap only notes that a helper is wanted. */
static void free_span(struct span *s)
{
    give(heap, s);
    scavenger_start_if_wanted(&world);
}

static int setup(void **state)
{
    os_fake_reset();
    os_fake_memory(OS_INVENTED, OS_FOLLOW);
    start_world();
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_sound(walk_mheap(heap));
    assert_int_equal(lock_try(scavenger_lock()), true); /* nobody left it taken */
    lock_drop(scavenger_lock());
    return 0;
}

static size_t warm_bytes(void)
{
    return pages_bytes(mheap_stats_read(heap).warm);
}

static size_t given_back_bytes(void)
{
    return pages_bytes(mheap_stats_read(heap).given_back);
}

/* Bytes in the calls of the log that succeeded; each page at most once is what it should be. */
static size_t discarded_bytes(void)
{
    size_t n, bytes = 0;
    const struct os_fake_call *log = os_fake_log(&n);
    for (size_t i = 0; i < n; i++)
        if (log[i].op == OS_DISCARD && log[i].ok)
            bytes += log[i].bytes;
    return bytes;
}

/* ---- giving back now ---- */

static void trim_gives_back_every_page_once(void **state)
{
    (void)state;
    static const size_t mib[] = { 1, 7, 8, 9, 16, 40, 100 };
    for (size_t i = 0; i < COUNT(mib); i++) {
        start_world();
        struct span *s = take(heap, pages_of_mib(mib[i])), *guard = take(heap, 1);
        free_span(s);
        size_t before = discarded_bytes();
        assert_int_equal(scavenger_give_all(), MIB(mib[i]));
        assert_int_equal(discarded_bytes() - before, MIB(mib[i]));
        assert_int_equal(warm_bytes(), 0);
        assert_int_equal(given_back_bytes(), MIB(mib[i]));
        assert_int_equal(scavenger_give_all(), 0);
        free_span(guard);
        assert_sound(walk_mheap(heap));
    }
}

static void trim_finds_runs_of_every_length(void **state)
{
    (void)state;
    struct span *runs[60];
    size_t pages = 0;
    for (size_t i = 0; i < COUNT(runs); i++) {
        runs[i] = take(heap, 1 + i * i);
        pages += runs[i]->pages;
        take(heap, 1);
    }
    for (size_t i = 0; i < COUNT(runs); i++)
        free_span(runs[i]);
    assert_int_equal(scavenger_give_all(), pages * PAGE_BYTES);
    assert_int_equal(warm_bytes(), 0);
}

static void a_run_that_is_part_cold_gives_only_its_warm_part(void **state)
{
    (void)state;
    struct span *a = take(heap, 20), *b = take(heap, 30), *c = take(heap, 40);
    take(heap, 1);
    free_span(b);
    assert_int_equal(scavenger_give_all(), 30 * PAGE_BYTES);
    free_span(a);
    free_span(c);
    assert_int_equal(scavenger_give_all(), 60 * PAGE_BYTES);
    assert_int_equal(discarded_bytes(), 90 * PAGE_BYTES);
}

static void what_comes_back_is_zeroed_again(void **state)
{
    (void)state;
    struct span *s = take(heap, 20);
    take(heap, 1);
    free_span(s);
    scavenger_give_all();
    s = take(heap, 20);
    assert_true(s->zeroed);
    assert_int_equal(s->pages, 20);
}

static struct span *take_as(enum span_state state, size_t mib)
{
    return mheap_alloc(heap, request(pages_of_mib(mib)), state);
}

static void a_collected_heap_grows_by_arenas_of_huge_pages_until_one_is_given_back(void **state)
{
    (void)state;
    options.hugepages = HUGEPAGES_COLLECTED;
    struct span *first = take_as(SPAN_MANAGED, 50);
    assert_int_equal(os_fake_calls(OS_HUGE), 0); /* the first arena: the heap may stay small */
    struct span *second = take_as(SPAN_MANAGED, 50);
    assert_int_equal(os_fake_calls(OS_HUGE), 1);
    struct span *third = take_as(SPAN_MANAGED, 50);
    assert_int_equal(os_fake_calls(OS_HUGE), 2);
    give(heap, first);
    scavenger_give_all();
    assert_int_equal(os_fake_calls(OS_SMALL), 0);
    give(heap, third); /* it lies in the last two arenas */
    scavenger_give_all();
    assert_int_equal(os_fake_calls(OS_SMALL), 2);
    give(heap, second);
    scavenger_give_all();
    assert_int_equal(os_fake_calls(OS_SMALL), 2);
    take_as(SPAN_MANAGED, 150);
    scavenger_give_all();
    assert_int_equal(os_fake_calls(OS_SMALL), 2);
    options.hugepages = HUGEPAGES_NEVER;
}

static void a_manual_heap_has_huge_pages_when_it_is_told_to(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        take_as(SPAN_MANUAL, 50);
    assert_int_equal(os_fake_calls(OS_HUGE), 0);
    options.hugepages = HUGEPAGES_ALWAYS;
    for (int i = 0; i < 4; i++)
        give(heap, take_as(SPAN_MANUAL, 100));
    scavenger_give_all();
    assert_true(os_fake_calls(OS_HUGE) > 0);
    assert_int_equal(os_fake_calls(OS_SMALL), 0);
    options.hugepages = HUGEPAGES_NEVER;
}

static void a_refused_discard_ends_the_trim_and_loses_nothing(void **state)
{
    (void)state;
    struct span *s = take(heap, pages_of_mib(20));
    free_span(s);
    os_fake_refuse_all(OS_DISCARD);
    assert_int_equal(scavenger_give_all(), 0);
    assert_int_equal(warm_bytes(), MIB(20));
    assert_int_equal(given_back_bytes(), 0);
    assert_sound(walk_mheap(heap));
    os_fake_refuse(OS_DISCARD, 0);
    assert_int_equal(scavenger_give_all(), MIB(20));
}

/* ---- large pages of the system's ---- */

static void only_whole_pages_of_the_system_are_given_back(void **state)
{
    (void)state;
    static const size_t sizes[] = { KIB(16), KIB(64) };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        os_fake_page_size(sizes[i]);
        start_world();
        struct span *runs[40];
        for (size_t j = 0; j < COUNT(runs); j++) {
            runs[j] = take(heap, 1 + j);
            take(heap, 1);
        }
        size_t whole = 0;
        for (size_t j = 0; j < COUNT(runs); j++) {
            uintptr_t from = round_up(runs[j]->base, sizes[i]), to = round_down(end_of(runs[j]), sizes[i]);
            whole += to > from ? to - from : 0;
            free_span(runs[j]);
        }
        /* os_fake ends the program when a call is not in whole pages. Runs without one do not
           stand in the way of the others. */
        assert_int_equal(scavenger_give_all(), whole);
        assert_int_equal(scavenger_give_all(), 0);
        assert_sound(walk_mheap(heap));
    }
}

static void a_page_of_the_systems_that_is_partly_used_stays(void **state)
{
    (void)state;
    os_fake_page_size(KIB(64));
    start_world();
    struct span *pages[8];
    for (size_t i = 0; i < COUNT(pages); i++)
        pages[i] = take(heap, 1);
    for (size_t i = 1; i < COUNT(pages); i++)
        free_span(pages[i]);
    assert_int_equal(scavenger_give_all(), 0);
    free_span(pages[0]);
    assert_int_equal(scavenger_give_all(), KIB(64));
}

static void a_page_of_the_systems_that_is_used_in_part_again_goes_back_again(void **state)
{
    (void)state;
    os_fake_page_size(KIB(64));
    start_world();
    struct span *s = take(heap, 8);
    take(heap, 8);
    free_span(s);
    assert_int_equal(scavenger_give_all(), KIB(64));
    /* One page of ours brings the whole page of the system's back. */
    for (int i = 0; i < 3; i++) {
        free_span(take(heap, 1));
        scavenger_give_all();
        assert_int_equal(os_fake_calls(OS_DISCARD), 2 + i);
        assert_int_equal(warm_bytes(), 0);
    }
}

static void a_page_of_the_systems_whose_end_alone_is_warm_goes_back_whole(void **state)
{
    (void)state;
    os_fake_page_size(KIB(64));
    start_world();
    struct span *first = take(heap, 4), *second = take(heap, 4);
    take(heap, 8);
    free_span(second);
    mheap_free(heap, first, (struct pages){ 4 }); /* of which nothing was used */
    assert_int_equal(warm_bytes(), 4 * PAGE_BYTES);
    assert_int_equal(scavenger_give_all(), KIB(64));
    assert_int_equal(warm_bytes(), 0);
    assert_sound(walk_mheap(heap));
}

/* ---- the helper ---- */

static unsigned ticks, ticks_until_cold;

static void count_ticks(uint64_t ns)
{
    (void)ns;
    ticks++;
    if (warm_bytes() == 0 && ticks_until_cold == 0)
        ticks_until_cold = ticks;
}

static void run_helper(void (*on_sleep)(uint64_t))
{
    ticks = ticks_until_cold = 0;
    os_fake_on_sleep(on_sleep);
    os_fake_helper_run();
}

static void no_helper_is_started_for_a_small_surplus(void **state)
{
    (void)state;
    struct span *s = take(heap, pages_of_mib(SCAVENGE_START >> 20));
    free_span(s);
    assert_false(os_fake_helper_waits());
    assert_int_equal(os_fake_calls(OS_HELPER), 0);
}

static void one_helper_is_started_for_a_surplus(void **state)
{
    (void)state;
    struct span *s = take(heap, pages_of_mib(SCAVENGE_START >> 20)), *more[3];
    for (size_t i = 0; i < COUNT(more); i++)
        more[i] = take(heap, 1);
    free_span(s);
    for (size_t i = 0; i < COUNT(more); i++)
        free_span(more[i]);
    assert_true(os_fake_helper_waits());
    assert_int_equal(os_fake_calls(OS_HELPER), 1);
}

static void an_idle_process_gets_everything_back_and_the_helper_ends(void **state)
{
    (void)state;
    struct span *s = take(heap, pages_of_mib(1024));
    free_span(s);
    uint64_t start = os_fake_now();
    run_helper(count_ticks);
    assert_int_equal(warm_bytes(), 0);
    assert_int_equal(given_back_bytes(), MIB(1024));
    /* The promise is ten seconds, and the delay is one of them. */
    assert_in_range(ticks_until_cold, TICKS_PER_SECOND, 10 * TICKS_PER_SECOND);
    assert_true(os_fake_now() - start < UINT64_C(20) * 1000000000);
    assert_false(os_fake_helper_waits());
}

static void a_burst_in_many_pieces_comes_back_too(void **state)
{
    (void)state;
    static struct span *spans[2000];
    for (size_t i = 0; i < COUNT(spans); i++)
        spans[i] = take(heap, 1 + i % 37);
    for (size_t i = 0; i < COUNT(spans); i += 2)
        free_span(spans[i]);
    assert_true(os_fake_helper_waits());
    run_helper(count_ticks);
    assert_int_equal(warm_bytes(), 0);
    assert_in_range(ticks_until_cold, 1, 10 * TICKS_PER_SECOND);
}

static uint64_t young_until;
static uintptr_t young_base;

/* At each sleep the same block is taken and freed: it is never older than a tick. */
static void use_the_young_run(uint64_t ns)
{
    (void)ns;
    if (os_fake_now() > young_until)
        return;
    struct span *s = take(heap, 100);
    assert_false(s->zeroed);
    young_base = s->base;
    free_span(s);
}

static void what_comes_and_goes_keeps_its_memory(void **state)
{
    (void)state;
    struct span *young = take(heap, 100), *guard = take(heap, 1), *old = take(heap, pages_of_mib(30));
    take(heap, 1);
    free_span(young);
    free_span(old);
    assert_true(os_fake_helper_waits());
    young_until = os_fake_now() + UINT64_C(5) * 1000000000;
    run_helper(use_the_young_run);
    assert_int_equal(young_base, young->base);
    assert_true(warm_bytes() <= 100 * PAGE_BYTES);
    free_span(guard);
}

static uint64_t given_at_first_tick;

static void note_first_tick(uint64_t ns)
{
    (void)ns;
    if (++ticks == TICKS_PER_SECOND)
        given_at_first_tick = given_back_bytes();
}

static void nothing_young_is_given_back(void **state)
{
    (void)state;
    struct span *s = take(heap, pages_of_mib(64));
    free_span(s);
    run_helper(note_first_tick);
    assert_int_equal(given_at_first_tick, 0); /* the delay is a second */
    assert_int_equal(warm_bytes(), 0);
}

static void without_a_delay_it_starts_at_once(void **state)
{
    (void)state;
    options.scavenge_delay = 0;
    struct span *s = take(heap, pages_of_mib(64));
    free_span(s);
    run_helper(note_first_tick);
    assert_true(given_at_first_tick > 0);
    assert_int_equal(warm_bytes(), 0);
}

static void the_helper_starts_again_for_the_next_surplus(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        free_span(take(heap, pages_of_mib(40)));
        assert_true(os_fake_helper_waits());
        run_helper(count_ticks);
        assert_int_equal(warm_bytes(), 0);
    }
    assert_int_equal(os_fake_calls(OS_HELPER), 3);
}

static void a_helper_that_cannot_be_started_is_tried_again_and_harmless(void **state)
{
    (void)state;
    os_fake_refuse(OS_HELPER, 1);
    free_span(take(heap, pages_of_mib(40)));
    assert_false(os_fake_helper_waits());
    assert_int_equal(warm_bytes(), MIB(40));
    for (int i = 0; i < 4 && !os_fake_helper_waits(); i++)
        free_span(take(heap, pages_of_mib(1)));
    assert_true(os_fake_helper_waits());
    run_helper(count_ticks);
    assert_int_equal(warm_bytes(), 0);
}

static void where_threads_are_refused_for_good_few_tries_are_made(void **state)
{
    (void)state;
    os_fake_refuse_all(OS_HELPER);
    for (int i = 0; i < 1000; i++)
        free_span(take(heap, pages_of_mib(40)));
    assert_in_range(os_fake_calls(OS_HELPER), 2, 20);
    os_fake_refuse(OS_HELPER, 0);
    for (int i = 0; i < 3000 && !os_fake_helper_waits(); i++)
        free_span(take(heap, pages_of_mib(40)));
    assert_true(os_fake_helper_waits()); /* but they never end */
    run_helper(count_ticks);
}

static void no_helper_is_started_from_within_the_loader(void **state)
{
    (void)state;
    os_fake_loader(true);
    free_span(take(heap, pages_of_mib(40)));
    assert_int_equal(os_fake_calls(OS_HELPER), 0);
    os_fake_loader(false);
    scavenger_start_if_wanted(&world); /* the next call will do */
    assert_true(os_fake_helper_waits());
    run_helper(count_ticks);
}

static void without_the_option_nothing_happens_in_the_background(void **state)
{
    (void)state;
    options.scavenge = 0;
    free_span(take(heap, pages_of_mib(100)));
    assert_int_equal(os_fake_calls(OS_HELPER), 0);
    assert_int_equal(scavenger_give_all(), MIB(100)); /* on demand it still does */
}

static void in_a_forked_child_a_helper_of_its_own_is_started(void **state)
{
    (void)state;
    free_span(take(heap, pages_of_mib(40)));
    assert_true(os_fake_helper_waits());
    /* The child has the parent's memory, but not its helper. */
    scavenger_fork_child();
    os_fake_helper_lose();
    free_span(take(heap, pages_of_mib(40)));
    assert_true(os_fake_helper_waits());
    run_helper(count_ticks);
    assert_int_equal(warm_bytes(), 0);
}

static void a_refused_discard_does_not_keep_the_helper_for_ever(void **state)
{
    (void)state;
    free_span(take(heap, pages_of_mib(40)));
    os_fake_refuse_all(OS_DISCARD);
    run_helper(count_ticks);
    assert_int_equal(warm_bytes(), MIB(40));
    assert_in_range(ticks, 1, 20 * TICKS_PER_SECOND);
}

#define scavenger_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        scavenger_test(trim_gives_back_every_page_once),
        scavenger_test(trim_finds_runs_of_every_length),
        scavenger_test(a_run_that_is_part_cold_gives_only_its_warm_part),
        scavenger_test(what_comes_back_is_zeroed_again),
        scavenger_test(a_collected_heap_grows_by_arenas_of_huge_pages_until_one_is_given_back),
        scavenger_test(a_manual_heap_has_huge_pages_when_it_is_told_to),
        scavenger_test(a_refused_discard_ends_the_trim_and_loses_nothing),
        scavenger_test(only_whole_pages_of_the_system_are_given_back),
        scavenger_test(a_page_of_the_systems_that_is_partly_used_stays),
        scavenger_test(a_page_of_the_systems_that_is_used_in_part_again_goes_back_again),
        scavenger_test(a_page_of_the_systems_whose_end_alone_is_warm_goes_back_whole),
        scavenger_test(no_helper_is_started_for_a_small_surplus),
        scavenger_test(one_helper_is_started_for_a_surplus),
        scavenger_test(an_idle_process_gets_everything_back_and_the_helper_ends),
        scavenger_test(a_burst_in_many_pieces_comes_back_too),
        scavenger_test(what_comes_and_goes_keeps_its_memory),
        scavenger_test(nothing_young_is_given_back),
        scavenger_test(without_a_delay_it_starts_at_once),
        scavenger_test(the_helper_starts_again_for_the_next_surplus),
        scavenger_test(a_helper_that_cannot_be_started_is_tried_again_and_harmless),
        scavenger_test(where_threads_are_refused_for_good_few_tries_are_made),
        scavenger_test(no_helper_is_started_from_within_the_loader),
        scavenger_test(without_the_option_nothing_happens_in_the_background),
        scavenger_test(in_a_forked_child_a_helper_of_its_own_is_started),
        scavenger_test(a_refused_discard_does_not_keep_the_helper_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
