/* A cache of the test's own: how its stacks grow, stay within the budget, overflow, and give all back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "alloc/heap.h"
#include "alloc/mcache.h"
#include "alloc/options.h"
#include "tests/unit/capture.h"
#include "tests/unit/walk.h"

static struct mcache cache;
static size_t in_use_at_start;
static uint64_t budget_at_start;

static size_t pages_in_use(void)
{
    return mheap_stats_read(&heap_pages).in_use.n;
}

static int setup(void **state)
{
    (void)state;
    heap_init();
    options.scavenge = 0; /* nobody works in the background while a test counts pages */
    budget_at_start = options.cache;
    mcentral_drop_kept();
    in_use_at_start = pages_in_use();
    memset(&cache, 0, sizeof cache);
    mcache_init(&cache, 0);
    return 0;
}

/* A test gives back its blocks to the cache; the flush must give back all the rest. */
static int teardown(void **state)
{
    (void)state;
    options.cache = budget_at_start;
    mcache_flush(&cache);
    for (unsigned code = CLASS_SMALL_FIRST; code < CLASS_COUNT; code++) {
        assert_int_equal(mcache_peek(&cache, code), 0);
        assert_true(code > CLASS_SMALL_LAST || cache.cached[code] == NULL);
    }
    assert_int_equal(cache.granted, 0);
    mcentral_drop_kept();
    assert_sound(walk_heap(&heap_pages));
    assert_int_equal(pages_in_use(), in_use_at_start);
    return 0;
}

/* As the heap does. */
static uintptr_t take(unsigned code)
{
    bool zeroed = false;
    uintptr_t block = mcache_peek(&cache, code);
    if (block == 0) {
        assert_true(mcache_refill(&cache, code, &block, &zeroed));
        if (block != 0)
            return block; /* past the stack */
        block = mcache_peek(&cache, code);
        assert_true(block != 0);
    }
    assert_int_equal(*cookie_at(block), cookie_of(block)); /* M3 */
    mcache_drop_top(&cache, code);
    *cookie_at(block) = 0;
    assert_int_equal(pagemap_find(block)->code, code);
    return block;
}

static void give(unsigned code, uintptr_t block)
{
    if (!mcache_push(&cache.bin[code], block))
        assert_int_equal(mcache_overflow(&cache, code, block), 0);
    assert_int_equal(*cookie_at(block), cookie_of(block));
}

static size_t depth(unsigned code)
{
    size_t blocks[CLASS_COUNT] = { 0 };
    mcache_bytes(&cache, blocks);
    return blocks[code];
}

/* What is true of a cache at any time. */
static void check_cache(void)
{
    size_t blocks[CLASS_COUNT] = { 0 }, bytes = 0;
    size_t counted = mcache_bytes(&cache, blocks);
    for (unsigned code = CLASS_SMALL_FIRST; code < CLASS_COUNT; code++) {
        assert_int_equal(blocks[code] == 0, mcache_peek(&cache, code) == 0); /* M1 */
        bytes += blocks[code] * size_classes[code].size;
    }
    assert_int_equal(counted, bytes);
    assert_true(counted <= cache.granted);
}

static void an_empty_cache_has_no_block_and_no_room(void **state)
{
    (void)state;
    struct mcache *caches[] = { &cache, &mcache_none };
    for (size_t i = 0; i < COUNT(caches); i++)
        for (unsigned code = 0; code < CLASS_COUNT; code++) {
            assert_int_equal(mcache_peek(caches[i], code), 0);
            assert_false(mcache_push(&caches[i]->bin[code], 0x1000));
        }
    check_cache();
}

static void a_refill_leaves_blocks_that_pop_in_rising_order(void **state)
{
    (void)state;
    static const unsigned codes[] = { 1, 2, 9, 33, 60, CLASS_SMALL_LAST };
    for (size_t i = 0; i < COUNT(codes); i++) {
        uintptr_t blocks[64], n = 0;
        blocks[n++] = take(codes[i]);
        while (n < COUNT(blocks) && mcache_peek(&cache, codes[i]) != 0)
            blocks[n++] = take(codes[i]);
        for (size_t j = 1; j < n; j++)
            assert_true(blocks[j] > blocks[j - 1]);
        check_cache();
        for (size_t j = n; j-- > 0;)
            give(codes[i], blocks[j]);
    }
}

static void the_newest_block_goes_out_first(void **state)
{
    (void)state;
    uintptr_t a = take(7), b = take(7);
    give(7, a);
    give(7, b);
    assert_int_equal(take(7), b);
    assert_int_equal(take(7), a);
    give(7, a);
    give(7, b);
}

/* Takes many blocks of the class and gives them back, so that its stack wants to be as large as it may. */
static void use_much(unsigned code)
{
    enum { MOST = 10000 };
    static uintptr_t blocks[MOST];
    size_t n = MIB(3) / size_classes[code].size;
    if (n > MOST)
        n = MOST;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < n; i++)
            blocks[i] = take(code);
        for (size_t i = 0; i < n; i++)
            give(code, blocks[i]);
        check_cache();
    }
}

static void stacks_grow_with_use(void **state)
{
    (void)state;
    uintptr_t block = take(5);
    size_t first = cache.granted;
    assert_true(first > 0);
    give(5, block);
    use_much(5);
    assert_true(cache.granted > 4 * first);
    assert_true(depth(5) * size_classes[5].size > first);
}

static void all_stacks_together_stay_within_the_budget(void **state)
{
    (void)state;
    static const uint64_t budgets[] = { 0, 64, 512, 4096 };
    for (size_t i = 0; i < COUNT(budgets); i++) {
        options.cache = budgets[i];
        size_t first_ones = 0;
        for (unsigned code = CLASS_SMALL_FIRST; code < CLASS_COUNT; code += 3) {
            size_t before = cache.granted;
            uintptr_t block = take(code);
            if (code <= CLASS_SMALL_LAST &&
                cache.granted > before) /* a small class has a small stack in any case */
                first_ones += cache.granted - before;
            give(code, block);
            use_much(code);
            assert_true(cache.granted <= budgets[i] * KIB(1) + first_ones);
        }
        mcache_flush(&cache);
    }
}

static void blocks_of_pages_make_room_for_each_other(void **state)
{
    (void)state;
    options.cache = 1024;
    static const unsigned codes[] = { CLASS_SMALL_LAST + 2, CLASS_SMALL_LAST + 5, CLASS_SMALL_LAST + 8 };
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < COUNT(codes); i++) {
            use_much(codes[i]);
            assert_true(depth(codes[i]) > 0); /* the one in use has a stack */
            assert_true(cache.granted <= MIB(1));
        }
}

static void an_overflow_keeps_the_newest_blocks(void **state)
{
    (void)state;
    static uintptr_t blocks[20000];
    const unsigned code = 20;
    size_t n = 0;
    options.cache = 64;
    for (; n < 2000; n++)
        blocks[n] = take(code);
    for (size_t i = 0; i < n; i++) {
        give(code, blocks[i]);
        assert_int_equal(mcache_peek(&cache, code), blocks[i]);
        if (i > 0 && depth(code) > 1) { /* the one before is still there, too */
            assert_int_equal(take(code), blocks[i]);
            assert_int_equal(mcache_peek(&cache, code), blocks[i - 1]);
            give(code, blocks[i]);
        }
    }
    assert_true(depth(code) < n);
    check_cache();
}

static void a_block_of_pages_known_to_be_zero_is_zero(void **state)
{
    (void)state;
    bool zeroed, seen[2] = { false, false };
    const unsigned code = CLASS_SMALL_LAST + 4;
    uintptr_t blocks[40];
    heap_trim(); /* what earlier tests touched is zero again */
    for (size_t i = 0; i < COUNT(blocks); i++) {
        zeroed = false;
        blocks[i] = 0;
        assert_true(mcache_refill(&cache, code, &blocks[i], &zeroed));
        assert_true(blocks[i] != 0);
        const char *p = (const char *)blocks[i];
        seen[zeroed] = true;
        for (size_t j = 0; zeroed && j < size_classes[code].size; j += 8)
            assert_int_equal(*(const uint64_t *)(p + j), 0);
        memset((void *)blocks[i], 0xff, size_classes[code].size);
        if (i % 2 == 1) { /* back to the page heap at once, not zero any more */
            pagemap_claim(blocks[i], code);
            mheap_free(&heap_pages, pagemap_record(blocks[i]), (struct pages){ 0 });
        }
    }
    for (size_t i = 0; i < COUNT(blocks); i += 2) {
        give(code, blocks[i]);
        mcache_flush(&cache);
    }
    assert_true(seen[true] && seen[false]);
}

static void a_block_that_is_in_a_stack_twice_is_named_by_the_flush_of_pages(void **state)
{
    (void)state;
    const unsigned code = CLASS_SMALL_LAST + 1;
    uintptr_t block = take(code);
    give(code, block);
    assert_true(mcache_push(&cache.bin[code], block) || mcache_overflow(&cache, code, block) == block);
    /* The flush gives it back once, and says so. */
    struct capture said;
    options.on_error = ON_ERROR_IGNORE;
    capture_begin(&said);
    mcache_flush(&cache);
    const char *text = capture_end(&said);
    options.on_error = ON_ERROR_ABORT;
    char wanted[80];
    snprintf(wanted, sizeof wanted, "greyspan: free(%p): double free\n", (void *)block);
    assert_string_equal(text, wanted);
}

#define mcache_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        mcache_test(an_empty_cache_has_no_block_and_no_room),
        mcache_test(a_refill_leaves_blocks_that_pop_in_rising_order),
        mcache_test(the_newest_block_goes_out_first),
        mcache_test(stacks_grow_with_use),
        mcache_test(all_stacks_together_stay_within_the_budget),
        mcache_test(blocks_of_pages_make_room_for_each_other),
        mcache_test(an_overflow_keeps_the_newest_blocks),
        mcache_test(a_block_of_pages_known_to_be_zero_is_zero),
        mcache_test(a_block_that_is_in_a_stack_twice_is_named_by_the_flush_of_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
