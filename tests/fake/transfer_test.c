/* Batches on their way: whole, each once, bounded, and refused without harm. Addresses are numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "alloc/heap.h"
#include "alloc/transfer.h"
#include "tests/fake/os_fake.h"

static int setup(void **state)
{
    (void)state;
    os_fake_reset();
    heap_init();
    assert_int_equal(transfer_bytes(), 0);
    return 0;
}

static int teardown(void **state)
{
    uintptr_t out[TRANSFER_BATCH];
    (void)state;
    for (unsigned code = CLASS_SMALL_FIRST; code <= CLASS_SMALL_LAST; code++)
        while (transfer_drain(code, out))
            ;
    assert_int_equal(transfer_bytes(), 0);
    return 0;
}

/* The batch with this number. */
static void make_batch(unsigned code, size_t number, uintptr_t *blocks)
{
    for (size_t i = 0; i < transfer_size(code); i++)
        blocks[i] = number * 1000 + i + 1;
}

static void assert_batch(unsigned code, size_t number, const uintptr_t *blocks)
{
    uintptr_t expected[TRANSFER_BATCH];
    make_batch(code, number, expected);
    assert_memory_equal(blocks, expected, transfer_size(code) * sizeof *blocks);
}

static bool put(unsigned code, unsigned shard, size_t number)
{
    uintptr_t blocks[TRANSFER_BATCH];
    make_batch(code, number, blocks);
    return transfer_put(code, shard, blocks);
}

static void batches_of_every_class_come_out_whole(void **state)
{
    (void)state;
    uintptr_t out[TRANSFER_BATCH];
    for (unsigned code = CLASS_SMALL_FIRST; code <= CLASS_SMALL_LAST; code++) {
        assert_in_range(transfer_size(code), 1, TRANSFER_BATCH);
        assert_true(put(code, 0, code));
        assert_int_equal(transfer_bytes(), transfer_size(code) * size_classes[code].size);
        assert_false(
            transfer_get(code == CLASS_SMALL_LAST ? code - 1 : code + 1, 0, out)); /* another class */
        assert_true(transfer_get(code, 0, out));
        assert_batch(code, code, out);
        assert_false(transfer_get(code, 0, out));
    }
}

static void the_newest_batch_comes_out_first_and_each_once(void **state)
{
    (void)state;
    uintptr_t out[TRANSFER_BATCH];
    for (size_t i = 0; i < 5; i++)
        assert_true(put(9, 0, i));
    for (size_t i = 5; i-- > 0;) {
        assert_true(transfer_get(9, 0, out));
        assert_batch(9, i, out);
    }
    assert_false(transfer_get(9, 0, out));
}

static void a_shard_without_batches_takes_anothers(void **state)
{
    (void)state;
    uintptr_t out[TRANSFER_BATCH];
    assert_true(put(9, 0, 1));
    assert_true(put(9, 1, 2));
    assert_true(transfer_get(9, 1, out));
    assert_batch(9, 2, out); /* its own first */
    assert_true(transfer_get(9, 1, out));
    assert_batch(9, 1, out);
}

static void what_is_on_its_way_is_bounded(void **state)
{
    (void)state;
    for (unsigned shard = 0; shard < 2; shard++) {
        size_t before = transfer_bytes();
        for (unsigned code = CLASS_SMALL_FIRST; code <= CLASS_SMALL_LAST; code++) {
            size_t n = 0;
            while (put(code, shard, n))
                assert_in_range(++n, 1, 10000);
        }
        assert_in_range(transfer_bytes() - before, TRANSFER_BYTES / 2, TRANSFER_BYTES);
    }
}

static void a_batch_that_cannot_be_noted_is_refused(void **state)
{
    (void)state;
    uintptr_t out[TRANSFER_BATCH];
    size_t n = 0;
    os_fake_refuse_all(OS_MAP);
    while (put(3, 0, n)) /* until the records at hand are used up */
        assert_in_range(++n, 1, 10000);
    size_t bytes = transfer_bytes();
    assert_false(put(3, 1, n));
    assert_int_equal(transfer_bytes(), bytes);
    os_fake_refuse(OS_MAP, 0);
    while (n-- > 0) {
        assert_true(transfer_get(3, 0, out));
        assert_batch(3, n, out);
    }
}

#define transfer_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        transfer_test(a_batch_that_cannot_be_noted_is_refused), /* first: nothing is at hand yet */
        transfer_test(batches_of_every_class_come_out_whole),
        transfer_test(the_newest_batch_comes_out_first_and_each_once),
        transfer_test(a_shard_without_batches_takes_anothers),
        transfer_test(what_is_on_its_way_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
