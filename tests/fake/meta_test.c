/* Metadata memory: zeroed, aligned, apart, counted; refused; records that come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "alloc/meta.h"
#include "tests/fake/os_fake.h"

static int setup(void **state)
{
    (void)state;
    os_fake_reset();
    return 0;
}

static bool is_zero(const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != 0)
            return false;
    return true;
}

static void pieces_are_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    enum { PIECES = 500 };
    static unsigned char *pieces[PIECES];
    size_t sizes[PIECES];
    for (size_t i = 0; i < PIECES; i++) {
        sizes[i] = 1 + i * i % 5000;
        pieces[i] = meta_alloc(sizes[i]);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 64, 0);
        assert_true(is_zero(pieces[i], sizes[i]));
        memset(pieces[i], (int)(i % 255 + 1), sizes[i]);
    }
    for (size_t i = 0; i < PIECES; i++)
        for (size_t j = 0; j < sizes[i]; j++)
            if (pieces[i][j] != (unsigned char)(i % 255 + 1))
                fail_msg("piece %zu was written to", i);
}

static void many_small_pieces_share_a_few_maps(void **state)
{
    (void)state;
    size_t calls = os_fake_calls(OS_MAP);
    for (size_t i = 0; i < 1000; i++)
        assert_non_null(meta_alloc(64));
    assert_true(os_fake_calls(OS_MAP) - calls <= 2);
}

static void a_large_piece_has_a_map_of_its_own(void **state)
{
    (void)state;
    size_t calls = os_fake_calls(OS_MAP);
    unsigned char *p = meta_alloc(MIB(3) + 1);
    assert_non_null(p);
    assert_int_equal(os_fake_calls(OS_MAP), calls + 1);
    assert_true(is_zero(p, MIB(3) + 1));
}

static void what_is_mapped_is_counted(void **state)
{
    (void)state;
    static const size_t pages[] = { KIB(4), KIB(16), KIB(64) };
    for (size_t i = 0; i < COUNT(pages); i++) {
        os_fake_reset();
        os_fake_page_size(pages[i]);
        size_t before = meta_bytes(), n, mapped = 0;
        /* os_fake ends the program when a map is not in whole pages. */
        for (size_t size = 1; size < MIB(1); size = size * 3 + 7)
            assert_non_null(meta_alloc(size));
        const struct os_fake_call *log = os_fake_log(&n);
        for (size_t j = 0; j < n; j++)
            mapped += log[j].op == OS_MAP ? log[j].bytes : 0;
        assert_int_equal(meta_bytes() - before, mapped);
    }
}

static void a_refused_map_gives_no_piece_and_can_be_tried_again(void **state)
{
    (void)state;
    static const size_t sizes[] = { 64, KIB(16), MIB(1) };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        size_t before = meta_bytes(), pieces = 0;
        os_fake_refuse_all(OS_MAP);
        while (meta_alloc(sizes[i]) != NULL) /* what is left of the chunk */
            pieces++;
        assert_true(pieces <= KIB(512) / sizes[i]);
        assert_null(meta_alloc(sizes[i]));
        assert_int_equal(meta_bytes(), before);
        os_fake_refuse(OS_MAP, 0);
        assert_non_null(meta_alloc(sizes[i]));
    }
}

static void a_record_given_back_is_taken_again_and_zeroed(void **state)
{
    (void)state;
    struct fixalloc f = { .size = 200 };
    unsigned char *a = fixalloc_take(&f), *b = fixalloc_take(&f);
    assert_true(a != b && is_zero(a, 200) && is_zero(b, 200));
    memset(a, 0xa5, 200);
    memset(b, 0x5a, 200);
    fixalloc_give(&f, a);
    fixalloc_give(&f, b);
    unsigned char *c = fixalloc_take(&f), *d = fixalloc_take(&f);
    assert_true((c == a && d == b) || (c == b && d == a));
    assert_true(is_zero(a, 200) && is_zero(b, 200));
    unsigned char *e = fixalloc_take(&f);
    assert_true(e != a && e != b);
}

static void a_dirty_record_is_any_record(void **state)
{
    (void)state;
    struct fixalloc f = { .size = 512 };
    void *a = fixalloc_take_dirty(&f);
    assert_non_null(a);
    memset(a, 1, 512);
    fixalloc_give(&f, a);
    assert_ptr_equal(fixalloc_take_dirty(&f), a);
    os_fake_refuse_all(OS_MAP);
    while (fixalloc_take_dirty(&f) != NULL) /* until what is left of the chunk is used up */
        ;
    assert_null(fixalloc_take_dirty(&f));
}

static void records_of_different_sizes_are_kept_apart(void **state)
{
    (void)state;
    struct fixalloc small = { .size = 64 }, large = { .size = 640 };
    void *s = fixalloc_take(&small);
    fixalloc_give(&small, s);
    assert_ptr_not_equal(fixalloc_take(&large), s);
    assert_ptr_equal(fixalloc_take(&small), s);
}

static void a_record_is_refused_when_there_is_no_memory_unless_one_came_back(void **state)
{
    (void)state;
    struct fixalloc f = { .size = KIB(60) };
    void *a = fixalloc_take(&f);
    assert_non_null(a);
    os_fake_refuse_all(OS_MAP);
    assert_null(fixalloc_take(&f));
    fixalloc_give(&f, a);
    assert_ptr_equal(fixalloc_take(&f), a);
    assert_null(fixalloc_take(&f));
}

#define meta_test(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        meta_test(pieces_are_zeroed_aligned_and_apart),
        meta_test(many_small_pieces_share_a_few_maps),
        meta_test(a_large_piece_has_a_map_of_its_own),
        meta_test(what_is_mapped_is_counted),
        meta_test(a_refused_map_gives_no_piece_and_can_be_tried_again),
        meta_test(a_record_given_back_is_taken_again_and_zeroed),
        meta_test(a_dirty_record_is_any_record),
        meta_test(records_of_different_sizes_are_kept_apart),
        meta_test(a_record_is_refused_when_there_is_no_memory_unless_one_came_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
