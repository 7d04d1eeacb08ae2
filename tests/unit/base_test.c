/* The words every module uses, at their edges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "alloc/assert.h"
#include "tests/unit/child.h"

static void powers_of_two_are_told_from_others(void **state)
{
    (void)state;
    assert_false(is_pow2(0));
    for (unsigned i = 0; i < 64; i++) {
        size_t n = (size_t)1 << i;
        assert_true(is_pow2(n));
        if (i > 0)
            assert_false(is_pow2(n | 1));
        if (i > 1)
            assert_false(is_pow2(n - 1));
    }
    assert_false(is_pow2(SIZE_MAX));
}

static void rounding_ends_at_multiples(void **state)
{
    (void)state;
    for (size_t to = 1; to != 0; to *= 2) {
        assert_int_equal(round_up(0, to), 0);
        assert_int_equal(round_up(1, to), to);
        assert_int_equal(round_up(to, to), to);
        assert_int_equal(round_down(to, to), to);
        assert_int_equal(round_down(to - 1, to), 0);
        assert_int_equal(round_down(SIZE_MAX, to) % to, 0);
        if (to < (size_t)1 << 62)
            assert_int_equal(round_up(2 * to + 1, to), to == 1 ? 3 : 3 * to);
    }
}

static void bytes_become_whole_pages(void **state)
{
    (void)state;
    assert_int_equal(pages_for(0).n, 0);
    assert_int_equal(pages_for(1).n, 1);
    assert_int_equal(pages_for(PAGE_BYTES).n, 1);
    assert_int_equal(pages_for(PAGE_BYTES + 1).n, 2);
    assert_int_equal(pages_for(PTRDIFF_MAX).n, ((size_t)PTRDIFF_MAX >> PAGE_SHIFT) + 1);
    assert_int_equal(pages_bytes(pages_for(12345)), 2 * PAGE_BYTES);
}

static void the_lowest_and_the_highest_bit_are_found(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 64; i++) {
        uint64_t bit = UINT64_C(1) << i;
        assert_int_equal(lowest_bit(bit), i);
        assert_int_equal(highest_bit(bit), i);
        assert_int_equal(lowest_bit(bit | UINT64_C(1) << 63), i);
        assert_int_equal(highest_bit(bit | 1), i);
    }
}

static void masks_have_as_many_bits_as_asked(void **state)
{
    (void)state;
    assert_int_equal(low_mask(0), 0);
    assert_int_equal(low_mask(1), 1);
    assert_int_equal(low_mask(63), UINT64_MAX >> 1);
    assert_true(low_mask(64) == UINT64_MAX);
    for (unsigned n = 0; n <= 64; n++)
        assert_int_equal(__builtin_popcountll(low_mask(n)), n);
}

enum { BITS = 64 * 5 };

static size_t count_bits(const uint64_t *map)
{
    size_t n = 0;
    for (size_t i = 0; i < BITS / 64; i++)
        n += (size_t)__builtin_popcountll(map[i]);
    return n;
}

static bool bit_of(const uint64_t *map, size_t i)
{
    return map[i / 64] >> (i % 64) & 1;
}

static void a_range_of_bits_is_set_and_no_other(void **state)
{
    (void)state;
    for (size_t from = 0; from < BITS; from += 7)
        for (size_t count = 0; from + count <= BITS; count += 13) {
            uint64_t map[BITS / 64] = { 0 };
            bits_set_range(map, from, count);
            assert_int_equal(count_bits(map), count);
            assert_true(count == 0 || (bit_of(map, from) && bit_of(map, from + count - 1)));
            assert_true(from == 0 || !bit_of(map, from - 1));
            assert_true(from + count == BITS || !bit_of(map, from + count));
        }
}

static void a_range_of_bits_is_taken_and_counted(void **state)
{
    (void)state;
    for (size_t from = 0; from < BITS; from += 5)
        for (size_t count = 0; from + count <= BITS; count += 11) {
            uint64_t map[BITS / 64], before[BITS / 64];
            for (size_t i = 0; i < COUNT(map); i++)
                before[i] = map[i] = 0x9e3779b97f4a7c15u * (i + from);
            size_t expected = 0;
            for (size_t i = from; i < from + count; i++)
                expected += bit_of(before, i);
            assert_int_equal(bits_take_range(map, from, count), expected);
            for (size_t i = 0; i < BITS; i++)
                assert_int_equal(bit_of(map, i), i >= from && i < from + count ? 0 : bit_of(before, i));
        }
}

static void setting_the_whole_map_and_taking_it_gives_all(void **state)
{
    (void)state;
    uint64_t map[BITS / 64] = { 0 };
    bits_set_range(map, 0, BITS);
    assert_int_equal(count_bits(map), BITS);
    assert_int_equal(bits_take_range(map, 0, BITS), BITS);
    assert_int_equal(count_bits(map), 0);
}

static int fail_an_assertion(void *unused)
{
    (void)unused;
    assert_failed("left == right", "alloc/some.c", 120);
}

static void a_failed_assertion_says_which_and_ends_the_program(void **state)
{
    (void)state;
    struct child_end end = child_run(fail_an_assertion, NULL);
    assert_true(child_aborted(&end));
    assert_string_equal(end.said, "greyspan: internal error: alloc/some.c:120: left == right\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(powers_of_two_are_told_from_others),
        cmocka_unit_test(rounding_ends_at_multiples),
        cmocka_unit_test(bytes_become_whole_pages),
        cmocka_unit_test(the_lowest_and_the_highest_bit_are_found),
        cmocka_unit_test(masks_have_as_many_bits_as_asked),
        cmocka_unit_test(a_range_of_bits_is_set_and_no_other),
        cmocka_unit_test(a_range_of_bits_is_taken_and_counted),
        cmocka_unit_test(setting_the_whole_map_and_taking_it_gives_all),
        cmocka_unit_test(a_failed_assertion_says_which_and_ends_the_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
