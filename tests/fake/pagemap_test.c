/* The page map over invented addresses: find() for whatever bit pattern, inside and outside the
   window, in spans as long as an entry can say, and when there is no memory for records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "alloc/pagemap.h"
#include "tests/fake/os_fake.h"

#define TERABYTE ((uintptr_t)1 << 40)

static uint64_t random_word(void)
{
    static uint64_t x = 88172645463325252u;
    x ^= x << 13;
    x ^= x >> 7;
    return x ^= x << 17;
}

/* A map that knows nothing. The tree outside the window keeps its arenas, so every test takes
   terabytes that no other test had. */
static int setup(void **state)
{
    (void)state;
    os_fake_reset();
    memset(pagemap_window, 0, sizeof pagemap_window);
    aw_store_relaxed(&pagemap_first, 0);
    return 0;
}

static struct span *make_span(uintptr_t base, size_t pages, unsigned code)
{
    assert_true(pagemap_add(base, pages * PAGE_BYTES));
    struct span *s = pagemap_record(base);
    s->base = base;
    s->pages = (uint32_t)pages;
    s->code = (uint8_t)code;
    return s;
}

static void an_empty_map_finds_nothing_for_any_bits(void **state)
{
    (void)state;
    for (size_t i = 0; i < 100000; i++) {
        uintptr_t p = random_word() >> (i % 64);
        assert_null(pagemap_find(p));
        assert_null(pagemap_arena(p));
    }
}

static const uintptr_t edges[] = {
    0, 1, PAGE_BYTES - 1, PAGE_BYTES, ARENA_BYTES - 1, ARENA_BYTES, ARENA_BYTES + 1,
    ((uintptr_t)1 << ADDRESS_BITS) - 1, (uintptr_t)1 << ADDRESS_BITS, ((uintptr_t)1 << ADDRESS_BITS) + 1,
    UINTPTR_MAX, UINTPTR_MAX - ARENA_BYTES, (uintptr_t)1 << 63, (uintptr_t)INTPTR_MAX,
    ~(((uintptr_t)1 << 47) - 1),
};

static void words_at_the_edges_are_in_no_span(void **state)
{
    (void)state;
    make_span(os_fake_fresh_hint(), 3, 1);
    for (size_t i = 0; i < COUNT(edges); i++)
        assert_null(pagemap_find(edges[i]));
}

static void every_byte_of_a_span_leads_to_it_and_no_other(void **state)
{
    (void)state;
    uintptr_t base = os_fake_fresh_hint() + 5 * PAGE_BYTES;
    struct span *s = make_span(base, 8, 3);
    assert_null(pagemap_find(base)); /* not before it is set */
    pagemap_set(s);
    for (uintptr_t p = base; p < base + 8 * PAGE_BYTES; p += 61)
        assert_ptr_equal(pagemap_find(p), s);
    assert_ptr_equal(pagemap_find(base + 8 * PAGE_BYTES - 1), s);
    assert_null(pagemap_find(base - 1));
    assert_null(pagemap_find(base + 8 * PAGE_BYTES));
    pagemap_clear(s);
    for (uintptr_t p = base; p < base + 8 * PAGE_BYTES; p += PAGE_BYTES)
        assert_null(pagemap_find(p));
}

static void an_offset_in_an_entry_is_the_distance_from_the_start(void **state)
{
    (void)state;
    uintptr_t base = os_fake_fresh_hint() + ARENA_BYTES - 3 * PAGE_BYTES;
    struct span *s = make_span(base, 8, 5); /* across two arenas */
    pagemap_set(s);
    for (uintptr_t p = base; p < base + 8 * PAGE_BYTES; p += 1001) {
        uint32_t entry = arena_entry(pagemap_arena(p), p);
        assert_int_equal(entry_offset(entry, p), p - base);
        assert_int_equal(entry_code(entry), 5);
        assert_ptr_equal(pagemap_find(p), s);
    }
}

static void of_a_large_manual_block_only_the_first_page_is_known(void **state)
{
    (void)state;
    uintptr_t base = os_fake_fresh_hint();
    static const unsigned codes[] = { CLASS_LARGE, CLASS_RUN_LAST, CLASS_SMALL_LAST + 1 };
    for (size_t i = 0; i < COUNT(codes); i++) {
        struct span *s = make_span(base + i * ARENA_BYTES, 200, codes[i]);
        pagemap_set(s);
        assert_ptr_equal(pagemap_find(s->base), s);
        assert_ptr_equal(pagemap_find(s->base + PAGE_BYTES - 1), s);
        assert_null(pagemap_find(s->base + PAGE_BYTES));
        pagemap_clear(s);
        assert_null(pagemap_find(s->base));
    }
}

static void a_span_of_almost_4_gib_is_found_from_its_last_byte(void **state)
{
    (void)state;
    const size_t pages = ((size_t)1 << (32 - PAGE_SHIFT)) - 1;
    struct span *s = make_span(os_fake_fresh_hint() + 7 * PAGE_BYTES, pages, 1);
    pagemap_set(s);
    for (size_t i = 0; i < 10000; i++)
        assert_ptr_equal(pagemap_find(s->base + random_word() % (pages * PAGE_BYTES)), s);
    assert_ptr_equal(pagemap_find(s->base + pages * PAGE_BYTES - 1), s);
    assert_null(pagemap_find(s->base + pages * PAGE_BYTES));
    assert_null(pagemap_find(s->base - 1));
    pagemap_clear(s);
    assert_null(pagemap_find(s->base + pages * PAGE_BYTES - 1));
}

static void of_those_who_free_a_block_at_once_one_gets_it(void **state)
{
    (void)state;
    struct span *s = make_span(os_fake_fresh_hint(), 200, CLASS_LARGE);
    pagemap_set(s);
    assert_false(pagemap_claim(s->base, CLASS_RUN_LAST)); /* it is not what the caller took it for */
    assert_ptr_equal(pagemap_find(s->base), s);
    assert_true(pagemap_claim(s->base, CLASS_LARGE));
    assert_false(pagemap_claim(s->base, CLASS_LARGE));
    assert_null(pagemap_find(s->base));
}

static void arenas_outside_the_window_are_found_through_the_tree(void **state)
{
    (void)state;
    uintptr_t home = os_fake_fresh_hint();
    struct span *spans[8] = { make_span(home, 2, 1) };
    size_t n = 1;
    uintptr_t first = aw_load_relaxed(&pagemap_first) << ARENA_SHIFT;
    uintptr_t last = first + WINDOW_SLOTS * ARENA_BYTES;
    assert_true(first <= home && home < last);
    /* The window's two ends, and right outside of them. */
    spans[n++] = make_span(first, 2, 1);
    spans[n++] = make_span(last - ARENA_BYTES, 2, 1);
    spans[n++] = make_span(last, 2, 1);
    spans[n++] = make_span(first - ARENA_BYTES, 2, 1);
    spans[n++] = make_span(home + 4 * TERABYTE, 2, 1);
    spans[n++] = make_span(((uintptr_t)1 << ADDRESS_BITS) - ARENA_BYTES, 2, 1);
    spans[n++] = make_span(3 * ARENA_BYTES, 2, 1);
    for (size_t i = 0; i < n; i++)
        pagemap_set(spans[i]);
    for (size_t i = 0; i < n; i++) {
        assert_ptr_equal(pagemap_find(spans[i]->base + PAGE_BYTES + 5), spans[i]);
        assert_null(pagemap_find(spans[i]->base + 2 * PAGE_BYTES));
    }
    for (size_t i = 0; i < n; i++)
        pagemap_clear(spans[i]);
    for (size_t i = 0; i < 8; i++)
        os_fake_fresh_hint(); /* nobody else comes here */
}

static void find_of_random_words_agrees_with_a_search(void **state)
{
    (void)state;
    enum { SPANS = 60 };
    static struct span *spans[SPANS];
    uintptr_t home = os_fake_fresh_hint();
    for (size_t i = 0; i < SPANS; i++) {
        spans[i] =
            make_span(home + i * 1000 * PAGE_BYTES, 1 + i * 13 % 400, 1 + (unsigned)i % CLASS_SMALL_LAST);
        pagemap_set(spans[i]);
    }
    for (size_t i = 0; i < 200000; i++) {
        uintptr_t p = random_word();
        if (i % 4 != 0) /* most words near the heap, some with bits flipped */
            p = home + p % (SPANS * 1000 * PAGE_BYTES);
        if (i % 16 == 3)
            p ^= (uintptr_t)1 << (i / 16 % 64);
        const struct span *expected = NULL;
        size_t k = (p - home) / (1000 * PAGE_BYTES);
        if (p >= home && k < SPANS && p - spans[k]->base < spans[k]->pages * PAGE_BYTES)
            expected = spans[k];
        assert_ptr_equal(pagemap_find(p), expected);
    }
    for (size_t i = 0; i < SPANS; i++)
        pagemap_clear(spans[i]);
}

static void a_free_runs_ends_are_marked_and_lead_to_it(void **state)
{
    (void)state;
    struct span *run = make_span(os_fake_fresh_hint(), 9, 1);
    uintptr_t last = run->base + 8 * PAGE_BYTES;
    pagemap_set_run(run);
    assert_int_equal(arena_entry(pagemap_arena(run->base), run->base), ENTRY_EDGE);
    assert_int_equal(arena_entry(pagemap_arena(last), last), ENTRY_EDGE);
    assert_int_equal(pagemap_record(last)->base, run->base);
    assert_null(pagemap_find(run->base)); /* free pages are in no span */
    assert_null(pagemap_find(last));
    pagemap_clear_run(run);
    assert_int_equal(arena_entry(pagemap_arena(last), last), 0);
}

static void refused_metadata_adds_no_arena_and_can_be_tried_again(void **state)
{
    (void)state;
    uintptr_t home = os_fake_fresh_hint(), outside = home + 3 * TERABYTE;
    uintptr_t places[] = { home, outside };
    for (size_t i = 0; i < COUNT(places); i++) {
        size_t nth = 1;
        for (;; nth++) {
            os_fake_refuse(OS_MAP, nth);
            if (pagemap_add(places[i] + nth * 8 * ARENA_BYTES, 3 * ARENA_BYTES))
                break;
            os_fake_refuse(OS_MAP, 0);
            assert_null(pagemap_arena(places[i] + nth * 8 * ARENA_BYTES + 2 * ARENA_BYTES));
            assert_true(pagemap_add(places[i] + nth * 8 * ARENA_BYTES, 3 * ARENA_BYTES));
            assert_non_null(pagemap_arena(places[i] + nth * 8 * ARENA_BYTES + 2 * ARENA_BYTES));
        }
        assert_true(nth > 3); /* three records at least were refused in turn */
        os_fake_refuse(OS_MAP, 0);
    }
    for (size_t i = 0; i < 3; i++)
        os_fake_fresh_hint();
}

static void addresses_beyond_the_map_are_refused(void **state)
{
    (void)state;
    uintptr_t end = (uintptr_t)1 << ADDRESS_BITS;
    assert_false(pagemap_add(end, PAGE_BYTES));
    assert_false(pagemap_add(end - ARENA_BYTES, 2 * ARENA_BYTES));
    assert_false(pagemap_add((uintptr_t)1 << 60, PAGE_BYTES));
}

static void count_arena(struct arena *a, void *context)
{
    size_t *seen = context;
    assert_non_null(a);
    (*seen)++;
}

static void the_walk_visits_each_arena_once(void **state)
{
    (void)state;
    size_t before = 0, after = 0;
    pagemap_each_arena(count_arena, &before);
    uintptr_t home = os_fake_fresh_hint();
    assert_true(pagemap_add(home, 5 * ARENA_BYTES));
    assert_true(pagemap_add(home + 2 * ARENA_BYTES, 5 * ARENA_BYTES)); /* three known, two new */
    assert_true(pagemap_add(home + 3 * TERABYTE, ARENA_BYTES));
    pagemap_each_arena(count_arena, &after);
    assert_int_equal(after - before, 8);
    for (size_t i = 0; i < 3; i++)
        os_fake_fresh_hint();
}

#define pagemap_test(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        pagemap_test(an_empty_map_finds_nothing_for_any_bits),
        pagemap_test(words_at_the_edges_are_in_no_span),
        pagemap_test(every_byte_of_a_span_leads_to_it_and_no_other),
        pagemap_test(an_offset_in_an_entry_is_the_distance_from_the_start),
        pagemap_test(of_a_large_manual_block_only_the_first_page_is_known),
        pagemap_test(a_span_of_almost_4_gib_is_found_from_its_last_byte),
        pagemap_test(of_those_who_free_a_block_at_once_one_gets_it),
        pagemap_test(arenas_outside_the_window_are_found_through_the_tree),
        pagemap_test(find_of_random_words_agrees_with_a_search),
        pagemap_test(a_free_runs_ends_are_marked_and_lead_to_it),
        pagemap_test(refused_metadata_adds_no_arena_and_can_be_tried_again),
        pagemap_test(addresses_beyond_the_map_are_refused),
        pagemap_test(the_walk_visits_each_arena_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
