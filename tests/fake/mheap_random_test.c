/* Random calls on the page heap, held page by page against a model after each one. */
#include "tests/fake/mheap_fixture.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the model: what each page is ---- */

enum page { PAGE_UNKNOWN, PAGE_COLD, PAGE_WARM, PAGE_USED, PAGE_HELD };

enum { SHADOWS_MAX = 64, LIVE_MAX = 200 };
struct shadow {
    uintptr_t base;
    uint8_t page[ARENA_PAGES]; /* enum page */
};

struct model {
    struct mheap *heap;
    uint64_t random;
    struct shadow *shadows[SHADOWS_MAX];
    size_t shadow_count;
    size_t pages[PAGE_HELD + 1]; /* how many of each */
    struct span *live[LIVE_MAX];
    size_t live_count;
    struct span *held;
};

static uint8_t *page_at(struct model *m, uintptr_t address)
{
    uintptr_t base = round_down(address, ARENA_BYTES);
    for (size_t i = 0; i < m->shadow_count; i++)
        if (m->shadows[i]->base == base)
            return &m->shadows[i]->page[arena_page(address)];
    assert_in_range(m->shadow_count, 0, SHADOWS_MAX - 1);
    struct shadow *s = calloc(1, sizeof *s);
    s->base = base;
    m->shadows[m->shadow_count++] = s;
    return &s->page[arena_page(address)];
}

static void turn(struct model *m, uintptr_t address, enum page to)
{
    uint8_t *page = page_at(m, address);
    m->pages[*page]--;
    m->pages[to]++;
    *page = (uint8_t)to;
}

static void turn_all(struct model *m, uintptr_t base, size_t pages, enum page to)
{
    for (size_t i = 0; i < pages; i++)
        turn(m, base + i * PAGE_BYTES, to);
}

/* Free pages become used; says how many were warm. */
static size_t use(struct model *m, uintptr_t base, size_t pages, enum page to)
{
    size_t warm = 0;
    for (size_t i = 0; i < pages; i++) {
        enum page was = *page_at(m, base + i * PAGE_BYTES);
        assert_true(was != PAGE_USED && was != PAGE_HELD);
        warm += was == PAGE_WARM;
        turn(m, base + i * PAGE_BYTES, to);
    }
    return warm;
}

static void compare_bins(struct model *m, const struct bins *bins)
{
    for (unsigned b = 0; b < BIN_COUNT; b++)
        for (const struct span *run = bins->run[b]; run != NULL; run = run->next)
            for (uintptr_t at = run->base; at < end_of(run); at += PAGE_BYTES) {
                enum page page = *page_at(m, at);
                if (page == PAGE_UNKNOWN) {
                    page = PAGE_COLD; /* the heap has grown */
                    turn(m, at, page);
                }
                if ((page == PAGE_COLD) != walk_returned_bit(at) || page > PAGE_WARM)
                    fail_msg("page 0x%zx is not what it should be", (size_t)at);
            }
}

static void compare(struct model *m)
{
    struct mheap_stats stats = mheap_stats_read(m->heap);
    assert_sound(walk_mheap(m->heap));
    compare_bins(m, &m->heap->warm);
    compare_bins(m, &m->heap->cold);
    assert_int_equal(stats.warm.n, m->pages[PAGE_WARM]);
    assert_int_equal(stats.cold.n, m->pages[PAGE_COLD]);
    assert_int_equal(stats.in_use.n, m->pages[PAGE_USED] + m->pages[PAGE_HELD]);
    assert_int_equal(stats.spans, m->live_count);
    assert_true(stats.peak.n >= m->pages[PAGE_USED]);
    for (size_t i = 0; i < m->live_count; i++)
        assert_int_equal(m->live[i]->state, SPAN_MANUAL);
}

/* ---- the steps ---- */

static size_t below(struct model *m, size_t n)
{
    /* xorshift64* */
    m->random ^= m->random >> 12;
    m->random ^= m->random << 25;
    m->random ^= m->random >> 27;
    return (size_t)((m->random * 0x2545f4914f6cdd1du) >> 33) % n;
}

/* Short runs mostly, long ones at times. */
static size_t some_pages(struct model *m)
{
    switch (below(m, 10)) {
    case 0:
        return 1 + below(m, 1500);
    case 1:
    case 2:
        return 1 + below(m, 200);
    default:
        return 1 + below(m, 20);
    }
}

static void step_alloc(struct model *m)
{
    struct run_request want = request(some_pages(m));
    if (m->live_count == LIVE_MAX)
        return;
    if (below(m, 6) == 0)
        want.align = (size_t)1 << below(m, 8);
    if (below(m, 6) == 0)
        want.room.n = some_pages(m);
    struct span *s = mheap_alloc(m->heap, want, SPAN_MANUAL);
    if (s == NULL)
        return; /* only in a world that refuses; compare() sees that nothing changed */
    assert_int_equal(s->pages, want.pages.n);
    assert_int_equal(s->base % (want.align * PAGE_BYTES), 0);
    assert_int_equal(s->zeroed, use(m, s->base, s->pages, PAGE_USED) == 0);
    m->live[m->live_count++] = s;
}

static struct span *some_span(struct model *m, size_t *index)
{
    *index = below(m, m->live_count);
    return m->live[*index];
}

static void step_free(struct model *m)
{
    size_t i;
    if (m->live_count == 0)
        return;
    struct span *s = some_span(m, &i);
    /* Of zeroed memory not all may have been used. */
    size_t untouched = s->zeroed && below(m, 2) == 0 ? below(m, s->pages + 1) : 0,
           touched = s->pages - untouched;
    turn_all(m, s->base, touched, PAGE_WARM);
    turn_all(m, s->base + touched * PAGE_BYTES, untouched, PAGE_COLD);
    m->live[i] = m->live[--m->live_count];
    mheap_free(m->heap, s, (struct pages){ untouched });
}

static void step_extend(struct model *m)
{
    size_t i;
    if (m->live_count == 0)
        return;
    struct span *s = some_span(m, &i);
    size_t before = s->pages, more = some_pages(m);
    bool extended = extend(m->heap, s, before + more);
    assert_int_equal(s->pages, before + (extended ? more : 0));
    if (extended && use(m, s->base + before * PAGE_BYTES, more, PAGE_USED) > 0)
        s->zeroed = false; /* so that step_free() says nothing wrong; only spans of one block grow */
}

static void step_shrink(struct model *m)
{
    size_t i;
    if (m->live_count == 0)
        return;
    struct span *s = some_span(m, &i);
    if (s->pages == 1)
        return;
    size_t before = s->pages, after = 1 + below(m, before - 1);
    shrink(m->heap, s, after);
    assert_int_equal(s->pages, after);
    turn_all(m, s->base + after * PAGE_BYTES, before - after, PAGE_WARM);
}

/* The scavenger takes a run out in one step and puts it back in another. */
static void step_hold(struct model *m)
{
    size_t unit = os_page_size() > PAGE_BYTES ? os_page_size() : PAGE_BYTES;
    if (m->held != NULL)
        return;
    uint64_t before = below(m, 3) == 0 ? UINT64_MAX : m->heap->clock;
    m->held = mheap_hold_warm(m->heap, before, (struct pages){ round_up(1 + below(m, 300), 8) });
    if (m->held == NULL)
        return;
    assert_int_equal(m->held->base % unit, 0);
    assert_int_equal(m->held->pages * PAGE_BYTES % unit, 0);
    for (uintptr_t at = m->held->base; at < end_of(m->held); at += unit)
        if (use(m, at, unit >> PAGE_SHIFT, PAGE_HELD) == 0)
            fail_msg("there is nothing to give back at 0x%zx", (size_t)at);
}

static void step_release(struct model *m)
{
    bool given = below(m, 4) != 0;
    if (m->held == NULL)
        return;
    turn_all(m, m->held->base, m->held->pages, given ? PAGE_COLD : PAGE_WARM);
    mheap_release_held(m->heap, m->held, given);
    m->held = NULL;
}

static void step_clock(struct model *m)
{
    m->heap->clock++;
}

static void step_refuse(struct model *m)
{
    static const enum os_fake_op ops[] = { OS_RESERVE, OS_COMMIT, OS_MAP };
    os_fake_refuse(ops[below(m, COUNT(ops))], 1);
}

static void run_steps(struct fixture *f, uint64_t seed, size_t steps, bool refuse)
{
    typedef void move(struct model *);
    move *const moves[] = { step_alloc,  step_alloc,  step_alloc, step_free,    step_free,
                            step_extend, step_shrink, step_hold,  step_release, step_clock };
    struct model m = { .heap = &f->heap, .random = seed };
    print_message("seed %zu\n", (size_t)seed);
    for (size_t i = 0; i < steps; i++) {
        if (refuse && below(&m, 4) == 0)
            step_refuse(&m);
        moves[below(&m, COUNT(moves))](&m);
        compare(&m);
    }
    for (int op = 0; op < OS_OP_COUNT; op++)
        os_fake_refuse((enum os_fake_op)op, 0);
    step_release(&m);
    while (m.live_count > 0)
        step_free(&m);
    compare(&m);
    assert_int_equal(mheap_stats_read(&f->heap).in_use.n, 0);
    for (size_t i = 0; i < m.shadow_count; i++)
        free(m.shadows[i]);
}

/* ---- the worlds ---- */

static void random_calls_agree_with_the_model(void **state)
{
    run_steps(*state, 1, 700, false);
}

static void random_calls_agree_when_regions_lie_apart(void **state)
{
    os_fake_memory(OS_INVENTED, OS_ELSEWHERE);
    run_steps(*state, 2, 500, false);
}

static void random_calls_agree_when_the_system_refuses_at_random(void **state)
{
    run_steps(*state, 3, 700, true);
    os_fake_memory(OS_INVENTED, OS_ELSEWHERE);
    assert_int_equal(fixture_teardown(state), 0);
    fixture_start(*state);
    run_steps(*state, 4, 500, true);
}

static void random_calls_agree_with_16_kib_system_pages(void **state)
{
    os_fake_page_size(KIB(16));
    run_steps(*state, 5, 500, true);
}

static void random_calls_agree_with_64_kib_system_pages(void **state)
{
    os_fake_page_size(KIB(64));
    os_fake_memory(OS_INVENTED, OS_ELSEWHERE);
    run_steps(*state, 6, 500, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(random_calls_agree_with_the_model),
        fixture_test(random_calls_agree_when_regions_lie_apart),
        fixture_test(random_calls_agree_when_the_system_refuses_at_random),
        fixture_test(random_calls_agree_with_16_kib_system_pages),
        fixture_test(random_calls_agree_with_64_kib_system_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
