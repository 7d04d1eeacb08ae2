/* grey_move, grey_copy and grey_clear: as libc's, at every alignment, length and overlap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gc/writes.h"

enum { BYTES = 256 };

struct area {
    union {
        unsigned char bytes[BYTES];
        uintptr_t words[BYTES / sizeof(uintptr_t)];
    };
};

static void fill(struct area *a, struct area *model)
{
    for (size_t i = 0; i < BYTES; i++)
        a->bytes[i] = model->bytes[i] = (unsigned char)(i * 7 + 1);
}

static void moves_are_memmove_at_every_alignment(void **state)
{
    struct area a, model;
    (void)state;
    for (size_t from = 0; from < 40; from++)
        for (size_t to = 0; to < 40; to++)
            for (size_t n = 0; n < 100; n += n < 34 ? 1 : 11) {
                fill(&a, &model);
                grey_move(a.bytes + to, a.bytes + from, n);
                memmove(model.bytes + to, model.bytes + from, n);
                assert_memory_equal(a.bytes, model.bytes, BYTES);
            }
}

static void copies_are_memcpy_between_areas(void **state)
{
    struct area a, b, model;
    (void)state;
    fill(&b, &model);
    for (size_t from = 0; from < 16; from++)
        for (size_t to = 0; to < 16; to++)
            for (size_t n = 0; n < 80; n++) {
                memset(&a, 0xee, sizeof a);
                memset(&model, 0xee, sizeof model);
                grey_copy(a.bytes + to, b.bytes + from, n);
                memcpy(model.bytes + to, b.bytes + from, n);
                assert_memory_equal(a.bytes, model.bytes, BYTES);
            }
}

static void clears_are_memset(void **state)
{
    struct area a, model;
    (void)state;
    for (size_t to = 0; to < 24; to++)
        for (size_t n = 0; n < 100; n++) {
            fill(&a, &model);
            grey_clear(a.bytes + to, n);
            memset(model.bytes + to, 0, n);
            assert_memory_equal(a.bytes, model.bytes, BYTES);
        }
}

/* Longer than what is copied between two polls. */
static void long_moves_overlap_right(void **state)
{
    enum { LONG = 300000 };
    unsigned char *a = malloc(LONG + 64), *model = malloc(LONG + 64);
    static const size_t offsets[] = { 0, 1, 8, 16, 23, 64 };
    (void)state;
    for (size_t i = 0; i < 6; i++)
        for (size_t k = 0; k < 6; k++) {
            for (size_t n = 0; n < LONG + 64; n++)
                a[n] = model[n] = (unsigned char)(n % 251);
            grey_move(a + offsets[i], a + offsets[k], LONG);
            memmove(model + offsets[i], model + offsets[k], LONG);
            assert_memory_equal(a, model, LONG + 64);
        }
    free(a);
    free(model);
}

static void the_slow_forms_do_what_the_inline_ones_do(void **state)
{
    void *slot = NULL, *expected;
    int x, y;
    (void)state;
    grey_write_slow(&slot, &x);
    assert_ptr_equal(slot, &x);
    grey_init_slow(&slot, &y);
    assert_ptr_equal(slot, &y);
    assert_ptr_equal(grey_exchange_slow(&slot, &x), &y);
    assert_ptr_equal(slot, &x);
    expected = &y;
    assert_false(grey_compare_exchange_slow(&slot, &expected, NULL));
    assert_ptr_equal(expected, &x);
    assert_ptr_equal(slot, &x);
    assert_true(grey_compare_exchange_slow(&slot, &expected, NULL));
    assert_null(slot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_are_memmove_at_every_alignment),
        cmocka_unit_test(copies_are_memcpy_between_areas),
        cmocka_unit_test(clears_are_memset),
        cmocka_unit_test(long_moves_overlap_right),
        cmocka_unit_test(the_slow_forms_do_what_the_inline_ones_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
