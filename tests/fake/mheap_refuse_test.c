/* The page heap when the system refuses: each call of each kind in turn, and always the same demand:
   either the request succeeds all the same, or the heap is as it was and the next one succeeds. */
#include "tests/fake/mheap_fixture.h"

/* What a test does once with the nth call refused. False when it was told so. */
struct request {
    const char *name;
    void (*prepare)(struct mheap *h, struct span **s); /* may be NULL */
    bool (*act)(struct mheap *h, struct span *s);
};

static bool first_run(struct mheap *h, struct span *s)
{
    (void)s;
    return take(h, 3) != NULL;
}

static bool run_of_several_arenas(struct mheap *h, struct span *s)
{
    (void)s;
    return take(h, 3 * ARENA_PAGES + 1) != NULL;
}

static bool aligned_run(struct mheap *h, struct span *s)
{
    (void)s;
    return take_aligned(h, 5, 4096) != NULL;
}

static void almost_an_arena(struct mheap *h, struct span **s)
{
    *s = take(h, ARENA_PAGES - 10);
}

static bool run_behind_the_region(struct mheap *h, struct span *s)
{
    (void)s;
    return take(h, ARENA_PAGES) != NULL;
}

static void one_page(struct mheap *h, struct span **s)
{
    *s = take(h, 1);
}

static bool longer_in_place(struct mheap *h, struct span *s)
{
    return extend(h, s, ARENA_PAGES / 2);
}

static bool longer_than_the_region(struct mheap *h, struct span *s)
{
    extend(h, s, 2 * ARENA_PAGES);
    return true; /* may fail in any world: it is a wish */
}

static const struct request requests[] = {
    { "the first run", NULL, first_run },
    { "a run of several arenas", NULL, run_of_several_arenas },
    { "an aligned run", NULL, aligned_run },
    { "a run behind a region that is nearly full", almost_an_arena, run_behind_the_region },
    { "more pages in place", one_page, longer_in_place },
    { "more pages than the region has", one_page, longer_than_the_region },
};

/* What a refused request may not change. Address space and cold pages that were got on the way may
   stay: they are there for the next request. */
static void assert_unchanged(const struct mheap_stats *before, const struct mheap_stats *after)
{
    assert_int_equal(after->in_use.n, before->in_use.n);
    assert_int_equal(after->warm.n, before->warm.n);
    assert_int_equal(after->peak.n, before->peak.n);
    assert_int_equal(after->spans, before->spans);
    assert_int_equal(after->spans_created, before->spans_created);
    assert_int_equal(after->given_back.n, before->given_back.n);
    assert_true(after->cold.n >= before->cold.n);
}

/* False when there was no nth call. */
static bool refuse_nth(void **state, const struct request *r, enum os_fake_op op, size_t nth)
{
    struct fixture *f = *state;
    struct span *s = NULL;
    fixture_start(f);
    if (r->prepare != NULL)
        r->prepare(&f->heap, &s);
    size_t pages = s == NULL ? 0 : s->pages;
    struct mheap_stats before = mheap_stats_read(&f->heap);
    size_t refusals = os_fake_refusals(op);

    os_fake_refuse(op, nth);
    bool done = r->act(&f->heap, s);
    bool refused = os_fake_refusals(op) > refusals;
    os_fake_refuse(op, 0);

    assert_sound(walk_mheap(&f->heap));
    if (!done) {
        struct mheap_stats after = mheap_stats_read(&f->heap);
        assert_unchanged(&before, &after);
        assert_true(s == NULL || s->pages == pages);
        if (!r->act(&f->heap, s))
            fail_msg("%s: the second attempt failed, after refusal %zu", r->name, nth);
    }
    fixture_teardown(state);
    return refused;
}

static void refuse_each(void **state, enum os_fake_op op)
{
    static const enum os_fake_placement placements[] = { OS_FOLLOW, OS_ELSEWHERE };
    for (size_t p = 0; p < COUNT(placements); p++) {
        os_fake_memory(OS_INVENTED, placements[p]);
        for (size_t i = 0; i < COUNT(requests); i++) {
            size_t nth = 1;
            while (refuse_nth(state, &requests[i], op, nth))
                nth++;
            assert_true(nth < 40);
        }
    }
}

static void each_refused_reservation_leaves_the_heap_as_it_was(void **state)
{
    refuse_each(state, OS_RESERVE);
}

static void each_refused_commit_leaves_the_heap_as_it_was(void **state)
{
    refuse_each(state, OS_COMMIT);
}

static void each_refused_page_of_metadata_leaves_the_heap_as_it_was(void **state)
{
    refuse_each(state, OS_MAP);
}

static void a_system_that_gives_nothing_more_is_asked_again_each_time(void **state)
{
    struct fixture *f = *state;
    struct span *s = take(&f->heap, 1);
    os_fake_refuse_all(OS_RESERVE);
    os_fake_refuse_all(OS_COMMIT);
    while (take(&f->heap, 1) != NULL)
        ;
    struct mheap_stats before = mheap_stats_read(&f->heap);
    for (int i = 0; i < 10; i++)
        assert_null(take(&f->heap, 1));
    struct mheap_stats after = mheap_stats_read(&f->heap);
    assert_memory_equal(&before, &after, sizeof before);
    /* What is freed can be had again. */
    give(&f->heap, s);
    assert_ptr_equal(take(&f->heap, 1), s);
    os_fake_refuse(OS_RESERVE, 0);
    os_fake_refuse(OS_COMMIT, 0);
    assert_non_null(take(&f->heap, 1));
}

static void a_refused_large_commit_is_tried_again_as_small_as_needed(void **state)
{
    struct fixture *f = *state;
    take(&f->heap, 1);
    os_fake_refuse(OS_COMMIT, 1);
    size_t calls = os_fake_calls(OS_COMMIT);
    assert_non_null(take(&f->heap, pages_of_mib(1)));
    assert_int_equal(os_fake_calls(OS_COMMIT), calls + 2);
}

static void a_refused_discard_leaves_the_run_warm(void **state)
{
    struct fixture *f = *state;
    give(&f->heap, take(&f->heap, 10));
    struct mheap_stats before = mheap_stats_read(&f->heap);
    struct span *held = mheap_hold_warm(&f->heap, UINT64_MAX, (struct pages){ 10 });
    assert_non_null(held);
    assert_int_equal(held->state, SPAN_HELD);
    mheap_release_held(&f->heap, held, false);
    struct mheap_stats after = mheap_stats_read(&f->heap);
    assert_unchanged(&before, &after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(each_refused_reservation_leaves_the_heap_as_it_was),
        fixture_test(each_refused_commit_leaves_the_heap_as_it_was),
        fixture_test(each_refused_page_of_metadata_leaves_the_heap_as_it_was),
        fixture_test(a_system_that_gives_nothing_more_is_asked_again_each_time),
        fixture_test(a_refused_large_commit_is_tried_again_as_small_as_needed),
        fixture_test(a_refused_discard_leaves_the_run_warm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
