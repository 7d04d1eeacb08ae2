/* The size classes and their tables, each size and each offset there is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "alloc/sizeclass.h"

static int setup(void **state)
{
    (void)state;
    sizeclass_init();
    return 0;
}

static bool is_class(unsigned code)
{
    return code >= CLASS_SMALL_FIRST && code < CLASS_COUNT;
}

static void every_size_has_the_smallest_class_that_holds_it(void **state)
{
    (void)state;
    unsigned code = CLASS_SMALL_FIRST; /* by plain search: the sizes rise */
    for (size_t size = 0; size <= RUN_MAX; size++) {
        while (size_classes[code].size < size)
            code++;
        if (sizeclass_of(size) != code)
            fail_msg("%zu bytes: class %u, not %u", size, sizeclass_of(size), code);
    }
    assert_int_equal(code, CLASS_COUNT - 1);
}

static void the_tables_have_an_answer_in_every_cell(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(size_to_class8); i++)
        assert_true(is_class(size_to_class8[i]) && size_classes[size_to_class8[i]].size >= i * 8);
    for (size_t i = 0; i < COUNT(size_to_class128); i++)
        assert_true(is_class(size_to_class128[i])
                    && size_classes[size_to_class128[i]].size >= TABLE8_MAX + i * 128);
    for (size_t i = (SMALL_MAX >> PAGE_SHIFT) + 1; i < COUNT(pages_to_class); i++)
        assert_true(is_class(pages_to_class[i]) && size_classes[pages_to_class[i]].size >= i * PAGE_BYTES);
}

static void sizes_rise_and_are_aligned(void **state)
{
    (void)state;
    assert_int_equal(size_classes[CLASS_SMALL_FIRST].size, MIN_ALIGN);
    assert_int_equal(size_classes[CLASS_SMALL_LAST].size, SMALL_MAX);
    assert_int_equal(size_classes[CLASS_RUN_LAST].size, RUN_MAX);
    for (unsigned code = CLASS_SMALL_FIRST; code < CLASS_COUNT; code++) {
        assert_int_equal(size_classes[code].size % (sizeclass_is_run(code) ? PAGE_BYTES : MIN_ALIGN), 0);
        if (code > CLASS_SMALL_FIRST)
            assert_true(size_classes[code].size > size_classes[code - 1].size);
    }
}

static void at_most_an_eighth_of_a_block_is_lost_to_rounding(void **state)
{
    (void)state;
    for (size_t size = 129; size <= SMALL_MAX; size++) {
        size_t lost = size_classes[sizeclass_of(size)].size - size;
        if (lost * 8 > size_classes[sizeclass_of(size)].size)
            fail_msg("%zu bytes lose %zu", size, lost);
    }
    /* Runs are whole pages, so that the first of them lose up to one. */
    for (size_t size = SMALL_MAX + 1; size <= RUN_MAX; size += 17) {
        size_t block = size_classes[sizeclass_of(size)].size, lost = block - size;
        assert_true(lost < PAGE_BYTES || lost * 8 <= block);
    }
}

static void a_span_has_whole_slots_within_its_bitmap_and_loses_little(void **state)
{
    (void)state;
    for (unsigned code = CLASS_SMALL_FIRST; code < CLASS_COUNT; code++) {
        const struct size_class *c = &size_classes[code];
        size_t bytes = c->pages * PAGE_BYTES, used = (size_t)c->slots * c->size;
        assert_in_range(c->slots, 1, SLOTS_MAX);
        assert_true(used <= bytes && bytes - used < c->size);
        assert_true((bytes - used) * 8 <= bytes);
        if (sizeclass_is_run(code)) {
            assert_int_equal(c->slots, 1);
            assert_int_equal(bytes, c->size);
        }
    }
}

/* magic gives the slot, and says whether the offset is a slot's start, for every offset of every span
   of small blocks. */
static void the_magic_number_divides_every_offset(void **state)
{
    (void)state;
    for (unsigned code = CLASS_SMALL_FIRST; code <= CLASS_SMALL_LAST; code++) {
        size_t size = size_classes[code].size, bytes = size_classes[code].pages * PAGE_BYTES;
        uint64_t magic = class_magic[code];
        size_t slot = 0, within = 0;
        for (size_t offset = 0; offset < bytes; offset++) {
            bool starts = offset * magic < magic;
            if (sizeclass_slot(code, offset) != slot || starts != (within == 0))
                fail_msg("class %u (%zu bytes), offset %zu", code, size, offset);
            if (++within == size) {
                within = 0;
                slot++;
            }
        }
    }
}

static void the_magic_number_of_a_run_accepts_its_start_alone(void **state)
{
    (void)state;
    for (unsigned code = CLASS_SMALL_LAST + 1; code <= CLASS_RUN_LAST; code++) {
        uint64_t magic = class_magic[code];
        assert_true(0 * magic < magic);
        for (size_t offset = 1; offset < size_classes[code].size; offset += offset < PAGE_BYTES ? 1 : 61)
            assert_false(offset * magic < magic);
    }
}

static void codes_that_no_cache_takes_fail_the_magic_test_always(void **state)
{
    (void)state;
    for (unsigned code = 0; code < CODE_COUNT; code++) {
        if (is_class(code))
            continue;
        uint64_t magic = class_magic[code];
        for (uint64_t offset = 0; offset < UINT64_C(1) << 33; offset = offset * 3 + 1)
            assert_false(offset * magic < magic);
    }
}

static void an_aligned_class_holds_the_size_at_multiples_of_the_alignment(void **state)
{
    (void)state;
    for (size_t alignment = MIN_ALIGN; alignment <= PAGE_BYTES; alignment *= 2) {
        for (size_t size = 0; size <= SMALL_MAX + 5 * PAGE_BYTES; size += size < 2000 ? 1 : 129) {
            unsigned code = sizeclass_aligned(size, alignment), search = CLASS_SMALL_FIRST;
            while (size_classes[search].size < size || size_classes[search].size % alignment != 0)
                search++;
            if (code != search)
                fail_msg("%zu bytes at %zu: class %u, not %u", size, alignment, code, search);
        }
    }
}

static void no_class_is_aligned_for_a_size_beyond_all(void **state)
{
    (void)state;
    for (size_t alignment = MIN_ALIGN; alignment <= PAGE_BYTES; alignment *= 2) {
        assert_int_equal(sizeclass_aligned(RUN_MAX + 1, alignment), CLASS_NONE);
        assert_int_equal(sizeclass_aligned(SIZE_MAX, alignment), CLASS_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_has_the_smallest_class_that_holds_it),
        cmocka_unit_test(the_tables_have_an_answer_in_every_cell),
        cmocka_unit_test(sizes_rise_and_are_aligned),
        cmocka_unit_test(at_most_an_eighth_of_a_block_is_lost_to_rounding),
        cmocka_unit_test(a_span_has_whole_slots_within_its_bitmap_and_loses_little),
        cmocka_unit_test(the_magic_number_divides_every_offset),
        cmocka_unit_test(the_magic_number_of_a_run_accepts_its_start_alone),
        cmocka_unit_test(codes_that_no_cache_takes_fail_the_magic_test_always),
        cmocka_unit_test(an_aligned_class_holds_the_size_at_multiples_of_the_alignment),
        cmocka_unit_test(no_class_is_aligned_for_a_size_beyond_all),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
