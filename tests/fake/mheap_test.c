/* The page heap over invented addresses: which run it hands out, how runs merge, grow and shrink. */
#include "tests/fake/mheap_fixture.h"

/* ---- taking and giving back ---- */

static void a_new_heap_asks_the_system_for_nothing(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(os_fake_calls(OS_RESERVE), 0);
    assert_int_equal(os_fake_calls(OS_COMMIT), 0);
    assert_int_equal(mheap_stats_read(&f->heap).reserved_bytes, 0);
}

static void the_first_run_lies_at_the_hint_and_is_zeroed(void **state)
{
    struct fixture *f = *state;
    struct span *s = take(&f->heap, 3);
    assert_int_equal(s->base, f->hint);
    assert_int_equal(s->pages, 3);
    assert_int_equal(s->state, SPAN_MANUAL);
    assert_true(s->zeroed);
    struct mheap_stats stats = mheap_stats_read(&f->heap);
    assert_int_equal(stats.in_use.n, 3);
    assert_int_equal(stats.warm.n, 0);
    assert_int_equal(stats.spans, 1);
    assert_int_equal(stats.reserved_bytes, ARENA_BYTES);
}

static void a_freed_run_is_taken_again_and_not_called_zeroed(void **state)
{
    struct fixture *f = *state;
    struct span *s = take(&f->heap, 3);
    give(&f->heap, s);
    assert_int_equal(mheap_stats_read(&f->heap).warm.n, 3);
    struct span *again = take(&f->heap, 3);
    assert_ptr_equal(again, s);
    assert_false(again->zeroed);
    struct mheap_stats stats = mheap_stats_read(&f->heap);
    assert_int_equal(stats.spans, 1);
    assert_int_equal(stats.spans_created, 2);
    assert_int_equal(stats.warm.n, 0);
}

static void pages_that_nobody_touched_go_back_cold(void **state)
{
    struct fixture *f = *state;
    struct span *s = take(&f->heap, 10);
    take(&f->heap, 1);
    size_t cold = mheap_stats_read(&f->heap).cold.n;
    assert_true(s->zeroed);
    mheap_free(&f->heap, s, (struct pages){ 7 });
    assert_int_equal(mheap_stats_read(&f->heap).warm.n, 3);
    assert_int_equal(mheap_stats_read(&f->heap).cold.n, cold + 7);
    assert_sound(walk_mheap(&f->heap));
    s = take(&f->heap, 3);
    assert_false(s->zeroed);
    mheap_free(&f->heap, s, (struct pages){ 0 });
    s = take(&f->heap, 10);
    mheap_free(&f->heap, s, (struct pages){ 0 });
    assert_int_equal(mheap_stats_read(&f->heap).warm.n, 10);
}

static void a_run_that_is_part_warm_is_not_called_zeroed(void **state)
{
    struct fixture *f = *state;
    give(&f->heap, take(&f->heap, 2));
    /* Only the run of everything is long enough: two warm pages and cold ones behind. */
    assert_false(take(&f->heap, 5)->zeroed);
}

static void a_managed_span_says_so(void **state)
{
    struct fixture *f = *state;
    struct run_request want = request(1);
    struct span *s = mheap_alloc(&f->heap, want, SPAN_MANAGED);
    assert_int_equal(s->state, SPAN_MANAGED);
    give(&f->heap, s);
}

static void freed_neighbours_merge_in_whatever_order(void **state)
{
    struct fixture *f = *state;
    static const unsigned orders[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
                                          { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
    for (size_t i = 0; i < COUNT(orders); i++) {
        struct span *guard_before = take(&f->heap, 1);
        struct span *run[3] = { take(&f->heap, 2), take(&f->heap, 3), take(&f->heap, 4) };
        struct span *guard_after = take(&f->heap, 1);
        assert_int_equal(end_of(run[0]), run[1]->base);
        uintptr_t base = run[0]->base;
        for (size_t j = 0; j < 3; j++) {
            give(&f->heap, run[orders[i][j]]);
            assert_sound(walk_mheap(&f->heap));
        }
        struct span *whole = take(&f->heap, 9);
        assert_int_equal(whole->base, base);
        give(&f->heap, whole);
        give(&f->heap, guard_before);
        give(&f->heap, guard_after);
    }
    assert_int_equal(mheap_stats_read(&f->heap).in_use.n, 0);
}

/* Leaves free runs of the lengths given, apart from each other; says where each is. */
static void make_holes(struct mheap *h, const size_t *lengths, size_t n, uintptr_t *bases)
{
    struct span *holes[16];
    for (size_t i = 0; i < n; i++) {
        holes[i] = take(h, lengths[i]);
        bases[i] = holes[i]->base;
        take(h, 1);
    }
    for (size_t i = 0; i < n; i++)
        give(h, holes[i]);
}

static void the_shortest_run_that_fits_is_taken(void **state)
{
    struct fixture *f = *state;
    const size_t lengths[] = { 40, 7, 128, 9, 127, 12 };
    uintptr_t bases[COUNT(lengths)];
    make_holes(&f->heap, lengths, COUNT(lengths), bases);
    assert_int_equal(take(&f->heap, 8)->base, bases[3]);
    assert_int_equal(take(&f->heap, 12)->base, bases[5]);
    assert_int_equal(take(&f->heap, 41)->base, bases[4]);
    assert_int_equal(take(&f->heap, 128)->base, bases[2]);
    assert_int_equal(take(&f->heap, 40)->base, bases[0]);
}

static void a_long_run_is_found_although_its_bin_is_not_sorted(void **state)
{
    struct fixture *f = *state;
    /* 1000 and 1020 share a bin; the other one is looked at first. */
    const size_t lengths[] = { 1020, 1000 };
    uintptr_t bases[COUNT(lengths)];
    make_holes(&f->heap, lengths, COUNT(lengths), bases);
    assert_int_equal(take(&f->heap, 1010)->base, bases[0]);
}

static void warm_runs_go_before_cold_ones_that_fit_better(void **state)
{
    struct fixture *f = *state;
    struct span *warm = take(&f->heap, 50);
    struct span *guard = take(&f->heap, 1);
    size_t cold = mheap_stats_read(&f->heap).cold.n;
    give(&f->heap, warm);
    struct span *s = take(&f->heap, 2);
    assert_int_equal(s->base, warm->base);
    assert_int_equal(mheap_stats_read(&f->heap).cold.n, cold);
    give(&f->heap, guard);
}

static void the_peak_is_the_most_there_ever_was(void **state)
{
    struct fixture *f = *state;
    struct span *s = take(&f->heap, 100);
    give(&f->heap, s);
    give(&f->heap, take(&f->heap, 30));
    assert_int_equal(mheap_stats_read(&f->heap).peak.n, 100);
    take(&f->heap, 101);
    assert_int_equal(mheap_stats_read(&f->heap).peak.n, 101);
}

static void an_impossible_length_is_refused_without_a_system_call(void **state)
{
    struct fixture *f = *state;
    static const size_t lengths[] = { (size_t)UINT32_MAX + 1, SIZE_MAX >> PAGE_SHIFT, SIZE_MAX };
    for (size_t i = 0; i < COUNT(lengths); i++)
        assert_null(take(&f->heap, lengths[i]));
    assert_null(take_aligned(&f->heap, 1, (size_t)1 << 40));
    assert_null(take_aligned(&f->heap, SIZE_MAX, 8));
    assert_int_equal(os_fake_calls(OS_RESERVE), 0);
}

/* ---- alignment and room ---- */

static void an_aligned_run_starts_at_its_multiple_and_the_rest_stays_free(void **state)
{
    struct fixture *f = *state;
    take(&f->heap, 1);
    for (size_t align = 1; align <= ARENA_PAGES * 2; align *= 2) {
        for (size_t pages = 1; pages <= 9; pages += 4) {
            struct mheap_stats before = mheap_stats_read(&f->heap);
            struct span *s = take_aligned(&f->heap, pages, align);
            assert_non_null(s);
            assert_int_equal(s->base % (align * PAGE_BYTES), 0);
            assert_int_equal(s->pages, pages);
            assert_sound(walk_mheap(&f->heap));
            assert_int_equal(mheap_stats_read(&f->heap).in_use.n, before.in_use.n + pages);
            give(&f->heap, s);
        }
    }
}

static void a_run_with_room_has_free_pages_behind_it(void **state)
{
    struct fixture *f = *state;
    /* A hole that fits without the room is passed over. */
    const size_t lengths[] = { 10, 40 };
    uintptr_t bases[2];
    make_holes(&f->heap, lengths, 2, bases);
    struct run_request want = request(10);
    want.room.n = 20;
    struct span *s = mheap_alloc(&f->heap, want, SPAN_MANUAL);
    assert_int_equal(s->base, bases[1]);
    assert_true(extend(&f->heap, s, 30));
}

static void room_that_cannot_be_had_is_only_a_wish(void **state)
{
    struct fixture *f = *state;
    take(&f->heap, 1);
    os_fake_refuse_all(OS_RESERVE);
    struct run_request want = request(10);
    want.room.n = ARENA_PAGES * 4;
    struct span *s = mheap_alloc(&f->heap, want, SPAN_MANUAL);
    assert_non_null(s);
    assert_int_equal(s->pages, 10);
}

/* ---- in place ---- */

static void a_span_grows_into_the_free_pages_behind_it(void **state)
{
    struct fixture *f = *state;
    struct span *s = take(&f->heap, 4), *next = take(&f->heap, 6), *guard = take(&f->heap, 1);
    give(&f->heap, next);
    assert_true(extend(&f->heap, s, 8));
    assert_int_equal(s->pages, 8);
    assert_sound(walk_mheap(&f->heap));
    /* All that is left, then not a page more. */
    assert_true(extend(&f->heap, s, 10));
    assert_int_equal(end_of(s), guard->base);
    assert_false(extend(&f->heap, s, 11));
    assert_int_equal(s->pages, 10);
    assert_int_equal(mheap_stats_read(&f->heap).in_use.n, 11);
    give(&f->heap, s);
    assert_int_equal(take(&f->heap, 10)->base, s->base);
}

static void a_span_does_not_grow_over_its_neighbour(void **state)
{
    struct fixture *f = *state;
    struct span *s = take(&f->heap, 4), *next = take(&f->heap, 1);
    struct mheap_stats before = mheap_stats_read(&f->heap);
    assert_false(extend(&f->heap, s, 5));
    give(&f->heap, next);
    struct span *far = take(&f->heap, 1);
    assert_ptr_equal(far, next);
    assert_false(extend(&f->heap, s, 5));
    struct mheap_stats after = mheap_stats_read(&f->heap);
    after.spans_created = before.spans_created;
    assert_memory_equal(&before, &after, sizeof before);
}

static void a_span_at_the_end_of_the_heap_grows_by_committing_more(void **state)
{
    struct fixture *f = *state;
    struct span *s = take(&f->heap, 1);
    /* Beyond what is committed, within the arena. */
    assert_true(extend(&f->heap, s, ARENA_PAGES / 2));
    assert_sound(walk_mheap(&f->heap));
    assert_true(extend(&f->heap, s, ARENA_PAGES));
    assert_int_equal(mheap_stats_read(&f->heap).in_use.n, ARENA_PAGES);
    assert_int_equal(mheap_stats_read(&f->heap).peak.n, ARENA_PAGES);
    assert_false(extend(&f->heap, s, (size_t)UINT32_MAX + 1));
}

static void a_refused_commit_leaves_a_growing_span_as_it_was(void **state)
{
    struct fixture *f = *state;
    struct span *s = take(&f->heap, 1);
    struct mheap_stats before = mheap_stats_read(&f->heap);
    os_fake_refuse_all(OS_COMMIT);
    assert_false(extend(&f->heap, s, ARENA_PAGES / 2));
    struct mheap_stats after = mheap_stats_read(&f->heap);
    assert_memory_equal(&before, &after, sizeof before);
    assert_int_equal(s->pages, 1);
    os_fake_refuse(OS_COMMIT, 0);
    assert_true(extend(&f->heap, s, ARENA_PAGES / 2));
}

static void a_span_that_shrinks_gives_its_tail_to_the_free_neighbour(void **state)
{
    struct fixture *f = *state;
    struct span *s = take(&f->heap, 20), *next = take(&f->heap, 5), *guard = take(&f->heap, 1);
    shrink(&f->heap, s, 15);
    assert_int_equal(s->pages, 15);
    assert_int_equal(mheap_stats_read(&f->heap).warm.n, 5);
    assert_sound(walk_mheap(&f->heap));
    give(&f->heap, next);
    shrink(&f->heap, s, 1);
    struct span *tail = take(&f->heap, 24);
    assert_int_equal(tail->base, s->base + PAGE_BYTES);
    assert_int_equal(end_of(tail), guard->base);
}

/* ---- regions ---- */

static void commits_start_small_and_double(void **state)
{
    struct fixture *f = *state;
    size_t n, commits = 0, sizes[64] = { 0 };
    while (os_fake_calls(OS_COMMIT) < 7)
        take(&f->heap, 16);
    const struct os_fake_call *log = os_fake_log(&n);
    for (size_t i = 0; i < n; i++)
        if (log[i].op == OS_COMMIT)
            sizes[commits++] = log[i].bytes;
    assert_true(sizes[0] <= MIB(1));
    for (size_t i = 1; i < commits; i++)
        assert_true(sizes[i] >= sizes[i - 1] && sizes[i] <= sizes[i - 1] * 2 && sizes[i] <= MIB(16));
    assert_true(sizes[commits - 1] >= MIB(4));
}

static void a_run_may_cross_from_arena_to_arena(void **state)
{
    struct fixture *f = *state;
    take(&f->heap, ARENA_PAGES - 5);
    struct span *s = take(&f->heap, 10);
    assert_int_equal(s->base, f->hint + (ARENA_PAGES - 5) * PAGE_BYTES);
    struct span *long_one = take(&f->heap, ARENA_PAGES * 3 + 7);
    assert_int_equal(long_one->base, end_of(s));
    give(&f->heap, s);
    assert_sound(walk_mheap(&f->heap));
    give(&f->heap, long_one);
    assert_sound(walk_mheap(&f->heap));
    struct span *whole = take(&f->heap, ARENA_PAGES * 3 + 17);
    assert_ptr_equal(whole, s);
}

static void a_run_may_be_longer_than_4_gib(void **state)
{
    struct fixture *f = *state;
    const size_t pages = ((size_t)5 << 30 >> PAGE_SHIFT) + 3;
    struct span *s = take(&f->heap, pages);
    assert_non_null(s);
    assert_int_equal(s->pages, pages);
    assert_true(s->zeroed);
    take(&f->heap, 1);
    give(&f->heap, s);
    assert_int_equal(mheap_stats_read(&f->heap).warm.n, pages);
    struct span *half = take(&f->heap, pages / 2);
    assert_int_equal(half->base, s->base);
    assert_true(extend(&f->heap, half, pages - 1));
    shrink(&f->heap, half, 1);
    assert_int_equal(mheap_stats_read(&f->heap).warm.n, pages - 1);
    assert_int_equal(mheap_stats_read(&f->heap).in_use.n, 2);
}

static void when_the_hint_is_not_followed_the_heap_grows_in_pieces(void **state)
{
    struct fixture *f = *state;
    struct span *spans[20];
    os_fake_memory(OS_INVENTED, OS_ELSEWHERE);
    for (size_t i = 0; i < COUNT(spans); i++) {
        spans[i] = take(&f->heap, ARENA_PAGES / 3);
        assert_non_null(spans[i]);
        assert_sound(walk_mheap(&f->heap));
    }
    for (size_t i = 0; i < COUNT(spans); i++)
        for (size_t j = 0; j < i; j++)
            assert_true(spans[i]->base >= end_of(spans[j]) || spans[j]->base >= end_of(spans[i]));
    for (size_t i = 0; i < COUNT(spans); i++)
        give(&f->heap, spans[i]);
    assert_int_equal(mheap_stats_read(&f->heap).warm.n, COUNT(spans) * (ARENA_PAGES / 3));
}

static void the_end_of_a_region_that_cannot_grow_is_used(void **state)
{
    struct fixture *f = *state;
    struct span *first = take(&f->heap, 1);
    os_fake_memory(OS_INVENTED, OS_ELSEWHERE);
    struct span *far = take(&f->heap, ARENA_PAGES);
    assert_true(far->base != end_of(first));
    /* The first region's pages are all free for smaller runs. */
    assert_int_equal(mheap_stats_read(&f->heap).cold.n, ARENA_PAGES - 1);
    assert_true(take(&f->heap, ARENA_PAGES - 1)->base == end_of(first));
}

static void under_a_limit_a_region_is_as_small_as_it_must_be(void **state)
{
    struct fixture *f = *state;
    os_fake_limit(f->reserved_before + MIB(3));
    struct span *s = take(&f->heap, pages_of_mib(2));
    assert_non_null(s);
    assert_true(mheap_stats_read(&f->heap).reserved_bytes < ARENA_BYTES);
    assert_null(take(&f->heap, pages_of_mib(2)));
    give(&f->heap, s);
    assert_ptr_equal(take(&f->heap, pages_of_mib(2)), s);
}

static void regions_that_happen_to_touch_become_one(void **state)
{
    struct fixture *f = *state;
    os_fake_memory(OS_INVENTED, OS_ELSEWHERE);
    uintptr_t upper = f->hint + 8 * ARENA_BYTES, lower = upper - ARENA_BYTES;
    os_fake_place_next(upper);
    struct span *first = take(&f->heap, ARENA_PAGES);
    assert_int_equal(first->base, upper);
    /* The system is asked for an arena and what it takes to align it; that ends where the first
       region starts. */
    os_fake_place_next(lower - ARENA_BYTES + os_page_size());
    struct span *second = take(&f->heap, ARENA_PAGES);
    assert_int_equal(second->base, lower);
    give(&f->heap, first);
    give(&f->heap, second);
    assert_ptr_equal(take(&f->heap, 2 * ARENA_PAGES), second);
}

static void a_region_beyond_the_page_map_is_given_back(void **state)
{
    struct fixture *f = *state;
    os_fake_memory(OS_INVENTED, OS_ELSEWHERE);
    os_fake_place_next((uintptr_t)1 << ADDRESS_BITS);
    assert_null(take(&f->heap, 1));
    assert_int_equal(mheap_stats_read(&f->heap).reserved_bytes, 0);
    assert_non_null(take(&f->heap, 1));
}

/* ---- larger pages of the system's ---- */

static void large_system_pages_are_committed_whole(void **state)
{
    struct fixture *f = *state;
    static const size_t sizes[] = { KIB(4), KIB(16), KIB(64) };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        os_fake_reset();
        os_fake_memory(OS_INVENTED, i % 2 == 0 ? OS_FOLLOW : OS_ELSEWHERE);
        os_fake_page_size(sizes[i]);
        fixture_start(f);
        /* os_fake ends the program if a call is not in whole pages. */
        for (size_t pages = 1; pages < ARENA_PAGES; pages = pages * 3 + 1)
            assert_non_null(take(&f->heap, pages));
        struct span *s = take(&f->heap, 3);
        assert_true(extend(&f->heap, s, 1111) || s->pages == 3);
        assert_int_equal(fixture_teardown(state), 0);
    }
}

/* ---- surplus ---- */

static struct mheap *surplus_heap;
static unsigned surplus_calls;

static void note_surplus(void)
{
    surplus_calls++;
    /* No lock of the heap's is held: this would wait for ever, which os_fake reports. */
    mheap_stats_read(surplus_heap);
}

static void a_surplus_of_warm_pages_is_reported_with_no_lock_held(void **state)
{
    struct fixture *f = *state;
    surplus_heap = &f->heap;
    surplus_calls = 0;
    f->heap.surplus_bytes = MIB(1);
    f->heap.on_surplus = note_surplus;
    struct span *half = take(&f->heap, pages_of_mib(1)), *more = take(&f->heap, 1);
    give(&f->heap, half);
    assert_int_equal(surplus_calls, 0);
    give(&f->heap, more);
    assert_int_equal(surplus_calls, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(a_new_heap_asks_the_system_for_nothing),
        fixture_test(the_first_run_lies_at_the_hint_and_is_zeroed),
        fixture_test(a_freed_run_is_taken_again_and_not_called_zeroed),
        fixture_test(pages_that_nobody_touched_go_back_cold),
        fixture_test(a_run_that_is_part_warm_is_not_called_zeroed),
        fixture_test(a_managed_span_says_so),
        fixture_test(freed_neighbours_merge_in_whatever_order),
        fixture_test(the_shortest_run_that_fits_is_taken),
        fixture_test(a_long_run_is_found_although_its_bin_is_not_sorted),
        fixture_test(warm_runs_go_before_cold_ones_that_fit_better),
        fixture_test(the_peak_is_the_most_there_ever_was),
        fixture_test(an_impossible_length_is_refused_without_a_system_call),
        fixture_test(an_aligned_run_starts_at_its_multiple_and_the_rest_stays_free),
        fixture_test(a_run_with_room_has_free_pages_behind_it),
        fixture_test(room_that_cannot_be_had_is_only_a_wish),
        fixture_test(a_span_grows_into_the_free_pages_behind_it),
        fixture_test(a_span_does_not_grow_over_its_neighbour),
        fixture_test(a_span_at_the_end_of_the_heap_grows_by_committing_more),
        fixture_test(a_refused_commit_leaves_a_growing_span_as_it_was),
        fixture_test(a_span_that_shrinks_gives_its_tail_to_the_free_neighbour),
        fixture_test(commits_start_small_and_double),
        fixture_test(a_run_may_cross_from_arena_to_arena),
        fixture_test(a_run_may_be_longer_than_4_gib),
        fixture_test(when_the_hint_is_not_followed_the_heap_grows_in_pieces),
        fixture_test(the_end_of_a_region_that_cannot_grow_is_used),
        fixture_test(under_a_limit_a_region_is_as_small_as_it_must_be),
        fixture_test(regions_that_happen_to_touch_become_one),
        fixture_test(a_region_beyond_the_page_map_is_given_back),
        fixture_test(large_system_pages_are_committed_whole),
        fixture_test(a_surplus_of_warm_pages_is_reported_with_no_lock_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
