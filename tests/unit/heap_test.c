/* The heap through its calls, in one thread: what a program may count on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "alloc/heap.h"
#include "alloc/memcheck.h"
#include "alloc/options.h"
#include "tests/unit/walk.h"

/* Sizes around every edge there is. */
static const size_t sizes[] = {
    0,     1,     8,     15,    16,     17,     24,      100,        128,    129,        1000,        1024,
    1025,  2047,  2048,  4096,  5000,   8192,   8193,    16384,      20000,  32767,      32768,       32769,
    40960, 65536, 70000, 99999, 262144, 300000, 1000000, MIB(1) - 1, MIB(1), MIB(1) + 1, MIB(2) + 77, MIB(5),
};

static int setup(void **state)
{
    (void)state;
    heap_init();
    options.scavenge = 0; /* nobody works in the background while a test counts pages */
    memcheck_on = false;  /* the heap itself, also under valgrind */
    errno = EDOM;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(errno, EDOM); /* success does not touch it */
    assert_sound(walk_heap(&heap_pages));
    mheap_check(&heap_pages);
    return 0;
}

static unsigned char *take(size_t size)
{
    unsigned char *p = heap_malloc(size, "malloc");
    assert_non_null(p);
    return p;
}

static void give(void *p)
{
    heap_free(p, "free");
}

static size_t usable(const void *p)
{
    return heap_usable(p, "malloc_usable_size");
}

/* Bytes that tell where in which block they are, in a row of 256 that repeats: what is longer is left to
   memcpy and memcmp, which are fast under sanitizers, too. */
enum { ROW = 256 };

static void fill(unsigned char *p, size_t n, size_t number)
{
    for (size_t i = 0; i < n && i < ROW; i++)
        p[i] = (unsigned char)(number * 31 + i * 7 + 1);
    for (size_t done = ROW; done < n; done *= 2)
        memcpy(p + done, p, done < n - done ? done : n - done);
}

static void assert_filled(const unsigned char *p, size_t n, size_t number)
{
    for (size_t i = 0; i < n && i < ROW; i++)
        if (p[i] != (unsigned char)(number * 31 + i * 7 + 1))
            fail_msg("byte %zu of %zu is not what was written", i, n);
    if (n > ROW && memcmp(p, p + ROW, n - ROW) != 0)
        fail_msg("a byte of %zu is not what was written", n);
}

static bool is_zero(const unsigned char *p, size_t n)
{
    return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

static void assert_no_memory(const void *p)
{
    assert_null(p);
    assert_int_equal(errno, ENOMEM);
    errno = EDOM;
}

/* ---- malloc and free ---- */

static void blocks_hold_their_size_aligned_and_all_of_it_is_writable(void **state)
{
    (void)state;
    unsigned char *blocks[COUNT(sizes)];
    for (size_t i = 0; i < COUNT(sizes); i++) {
        blocks[i] = take(sizes[i]);
        assert_int_equal((uintptr_t)blocks[i] % MIN_ALIGN, 0);
        assert_true(usable(blocks[i]) >= sizes[i]);
        fill(blocks[i], usable(blocks[i]), i);
    }
    for (size_t i = 0; i < COUNT(sizes); i++) {
        assert_filled(blocks[i], usable(blocks[i]), i);
        give(blocks[i]);
    }
}

static void blocks_of_no_bytes_are_blocks(void **state)
{
    (void)state;
    unsigned char *a = take(0), *b = take(0), *c = heap_calloc(0, 8, "calloc"),
                  *d = heap_calloc(8, 0, "calloc");
    assert_true(a != b && a != c && a != d && c != d);
    assert_true(usable(a) > 0);
    give(a);
    give(b);
    give(c);
    give(d);
    give(NULL);
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    static const size_t impossible[] = { (size_t)PTRDIFF_MAX + 1, SIZE_MAX,
                                         SIZE_MAX - 15,           SIZE_MAX - PAGE_BYTES,
                                         (size_t)PTRDIFF_MAX,     (size_t)1 << 60,
                                         (size_t)1 << 48 };
    unsigned char *p = take(100);
    fill(p, 100, 1);
    for (size_t i = 0; i < COUNT(impossible); i++) {
        assert_no_memory(heap_malloc(impossible[i], "malloc"));
        assert_no_memory(heap_calloc(1, impossible[i], "calloc"));
        assert_no_memory(heap_realloc(p, impossible[i], "realloc"));
        assert_no_memory(heap_realloc(NULL, impossible[i], "realloc"));
        assert_no_memory(heap_aligned(64, impossible[i], "memalign"));
        assert_no_memory(heap_aligned(MIB(1), impossible[i], "memalign"));
        assert_null(heap_raw_alloc(impossible[i], 16, true));
    }
    assert_filled(p, 100, 1);
    give(p);
}

/* ---- calloc ---- */

static void calloc_zeroes_what_was_used_before(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < COUNT(sizes); i++) {
            unsigned char *p = heap_calloc(1, sizes[i], "calloc");
            assert_true(is_zero(p, sizes[i]));
            memset(p, 0xff, usable(p));
            give(p);
        }
}

static void calloc_knows_when_the_product_overflows(void **state)
{
    (void)state;
    assert_no_memory(heap_calloc(SIZE_MAX, 2, "calloc"));
    assert_no_memory(heap_calloc(2, SIZE_MAX, "calloc"));
    assert_no_memory(heap_calloc((size_t)1 << 33, (size_t)1 << 33, "calloc"));
    assert_no_memory(heap_calloc(((size_t)1 << 32) + 1, (size_t)1 << 32, "calloc"));
}

/* ---- realloc ---- */

static void realloc_keeps_the_bytes_from_any_size_to_any(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (size_t j = 0; j < COUNT(sizes); j++) {
            size_t from = sizes[i], to = sizes[j] == 0 ? 3 : sizes[j];
            if (from > MIB(2) && to > MIB(2) && i != j)
                continue; /* long, and nothing new */
            unsigned char *p = take(from);
            fill(p, from, i);
            p = heap_realloc(p, to, "realloc");
            assert_non_null(p);
            assert_true(usable(p) >= to);
            assert_filled(p, from < to ? from : to, i);
            p[to - 1] = 1;
            give(p);
        }
}

static void realloc_of_null_allocates_and_to_nothing_frees(void **state)
{
    (void)state;
    unsigned char *p = heap_realloc(NULL, 100, "realloc");
    assert_non_null(p);
    assert_null(heap_realloc(p, 0, "realloc"));
    assert_int_equal(heap_raw_usable(p), 0); /* it is free */
    p = heap_realloc(NULL, 0, "realloc");
    assert_non_null(p);
    give(p);
}

static void a_block_that_changes_little_stays_where_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        unsigned char *p = take(sizes[i]);
        size_t most = usable(p);
        assert_ptr_equal(heap_realloc(p, most, "realloc"), p);
        assert_ptr_equal(heap_realloc(p, most / 2 + 1, "realloc"), p);
        give(p);
    }
}

static void a_large_block_with_room_behind_it_grows_in_place(void **state)
{
    (void)state;
    size_t size = MIB(2), moves = 0;
    unsigned char *p = take(size);
    fill(p, MIB(2), 3);
    for (; size < MIB(40); size += KIB(300)) {
        unsigned char *q = heap_realloc(p, size, "realloc");
        assert_non_null(q);
        moves += q != p;
        p = q;
        p[size - 1] = 1;
    }
    assert_filled(p, MIB(2) - 1, 3);
    assert_in_range(moves, 0, 8); /* at most with each doubling, and then some */
    give(p);
}

static void a_block_of_pages_grows_and_shrinks_through_its_classes(void **state)
{
    (void)state;
    unsigned char *p = take(40000);
    fill(p, 40000, 9);
    for (size_t size = 40000; size <= MIB(3); size = size * 5 / 4) {
        p = heap_realloc(p, size, "realloc");
        assert_non_null(p);
        assert_filled(p, 40000, 9);
        assert_true(usable(p) >= size);
        assert_sound(walk_heap(&heap_pages));
    }
    for (size_t size = MIB(3); size >= 40000; size = size * 2 / 5) {
        p = heap_realloc(p, size, "realloc");
        assert_non_null(p);
        assert_filled(p, 40000, 9);
        assert_true(usable(p) >= size && usable(p) <= 2 * size + PAGE_BYTES);
        assert_sound(walk_heap(&heap_pages));
    }
    /* What the shrinking gave back belongs to others now. */
    unsigned char *others[50];
    for (size_t i = 0; i < COUNT(others); i++) {
        others[i] = take(60000);
        fill(others[i], 60000, i);
    }
    assert_filled(p, 40000, 9);
    give(p);
    for (size_t i = 0; i < COUNT(others); i++) {
        assert_filled(others[i], 60000, i);
        give(others[i]);
    }
}

static void a_small_block_may_become_large_and_small_again(void **state)
{
    (void)state;
    unsigned char *p = take(10);
    fill(p, 10, 4);
    for (int round = 0; round < 5; round++) {
        p = heap_realloc(p, MIB(4), "realloc");
        assert_filled(p, 10, 4);
        p = heap_realloc(p, 10, "realloc");
        assert_filled(p, 10, 4);
        assert_true(usable(p) < MIB(1));
    }
    give(p);
}

/* ---- alignment ---- */

static void aligned_blocks_are_aligned_and_hold_their_size(void **state)
{
    (void)state;
    static const size_t some[] = { 0, 1, 16, 100, 255, 1024, 4097, 33000, MIB(1) + 5 };
    unsigned char *blocks[COUNT(some)];
    for (size_t alignment = 1; alignment <= MIB(64); alignment *= 2) {
        for (size_t i = 0; i < COUNT(some); i++) {
            blocks[i] = heap_aligned(alignment, some[i], "memalign");
            assert_non_null(blocks[i]);
            assert_int_equal((uintptr_t)blocks[i] % alignment, 0);
            assert_int_equal((uintptr_t)blocks[i] % MIN_ALIGN, 0);
            assert_true(usable(blocks[i]) >= some[i]);
            fill(blocks[i], some[i], i);
        }
        for (size_t i = 0; i < COUNT(some); i++) {
            assert_filled(blocks[i], some[i], i);
            give(blocks[i]);
        }
    }
}

static void multiples_of_the_alignment_are_aligned_too(void **state)
{
    (void)state;
    for (size_t alignment = 16; alignment <= 4096; alignment *= 2)
        for (size_t times = 1; times <= 12; times++) {
            unsigned char *a = heap_aligned(alignment, alignment * times, "aligned_alloc");
            unsigned char *b = heap_aligned(alignment, alignment * times, "aligned_alloc");
            assert_int_equal((uintptr_t)a % alignment, 0);
            assert_int_equal((uintptr_t)b % alignment, 0);
            give(a);
            give(b);
        }
}

static void an_aligned_block_can_be_resized_like_any_other(void **state)
{
    (void)state;
    for (size_t alignment = 64; alignment <= MIB(1); alignment *= 8) {
        unsigned char *p = heap_aligned(alignment, 5000, "memalign");
        fill(p, 5000, 2);
        p = heap_realloc(p, MIB(2), "realloc");
        assert_filled(p, 5000, 2);
        p = heap_realloc(p, 100, "realloc");
        assert_filled(p, 100, 2);
        give(p);
    }
}

static void an_alignment_beyond_the_address_space_is_refused(void **state)
{
    (void)state;
    for (size_t alignment = (size_t)1 << 45; alignment != 0; alignment *= 2)
        assert_no_memory(heap_aligned(alignment, 1, "memalign"));
    for (size_t alignment = (size_t)1 << 47; alignment != 0; alignment *= 2)
        assert_null(heap_raw_alloc(1, alignment, false));
}

/* ---- the raw calls ---- */

static void the_raw_calls_say_what_is_a_block(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        unsigned char *p = heap_raw_alloc(sizes[i], 16, true);
        assert_non_null(p);
        assert_true(is_zero(p, sizes[i]));
        assert_true(heap_raw_usable(p) >= sizes[i]);
        assert_int_equal(heap_raw_usable(p + 1), 0);
        assert_int_equal(heap_raw_usable(p + 8), 0);
        assert_true(heap_contains(p));
        heap_raw_free(p);
        assert_int_equal(heap_raw_usable(p), 0);
        heap_raw_free(p); /* in silence */
    }
    assert_int_equal(heap_raw_usable(&setup), 0);
    assert_int_equal(heap_raw_usable((void *)UINTPTR_MAX), 0);
    assert_false(heap_contains(&state));
    assert_false(heap_contains(NULL));
}

/* ---- statistics and trim ---- */

static void assert_identities(const struct heap_stats *s)
{
    assert_int_equal(s->committed, s->in_use + s->warm);
    assert_true(s->mapped >= s->committed + s->released);
    assert_true(s->peak >= s->committed);
    assert_true(s->large_bytes <= s->in_use);
    assert_true(s->metadata > 0);
    assert_true(s->spans_created >= s->spans);
    assert_true(s->cached <= s->in_use);
    assert_int_equal(s->class_count, CLASS_COUNT);
    size_t spans = 0;
    for (unsigned code = CLASS_SMALL_FIRST; code < CLASS_COUNT; code++) {
        assert_int_equal(s->classes[code].size, size_classes[code].size);
        assert_int_equal(s->classes[code].slots, s->classes[code].spans * size_classes[code].slots);
        assert_true(s->classes[code].used <= s->classes[code].slots);
        spans += s->classes[code].spans;
    }
    assert_true(spans <= s->spans);
}

static void statistics_add_up_and_follow_what_happens(void **state)
{
    (void)state;
    static void *blocks[1000];
    struct heap_stats before, during, after;
    heap_trim();
    heap_stats_read(&before);
    assert_identities(&before);
    for (size_t i = 0; i < COUNT(blocks); i++)
        blocks[i] = take(200);
    void *run = take(50000), *large = take(MIB(7));
    heap_stats_read(&during);
    assert_identities(&during);
    unsigned code = sizeclass_of(200), run_code = sizeclass_of(50000);
    assert_true(during.classes[code].used >= before.classes[code].used + COUNT(blocks));
    assert_int_equal(during.classes[run_code].used, before.classes[run_code].used + 1);
    assert_int_equal(during.large_blocks, before.large_blocks + 2);
    assert_int_equal(during.large_bytes, before.large_bytes + size_classes[run_code].size + MIB(7));
    assert_true(during.in_use >= before.in_use + COUNT(blocks) * 200 + 50000 + MIB(7));
    for (size_t i = 0; i < COUNT(blocks); i++)
        give(blocks[i]);
    give(run);
    give(large);
    heap_stats_read(&after);
    assert_identities(&after);
    assert_true(after.cached > before.cached);
    heap_trim();
    heap_stats_read(&after);
    assert_identities(&after);
    assert_int_equal(after.cached, 0);
    assert_int_equal(after.in_use, before.in_use);
    assert_int_equal(after.warm, 0);
    assert_true(after.scavenged_total >= before.scavenged_total + MIB(7));
    assert_true(after.peak >= during.committed);
}

static void trim_gives_everything_back_and_the_heap_goes_on(void **state)
{
    (void)state;
    static unsigned char *blocks[300];
    for (int round = 0; round < 2; round++) {
        size_t bytes = 0;
        for (size_t i = 0; i < COUNT(blocks); i++) {
            size_t size = i * i * 7;
            bytes += size;
            blocks[i] = take(size);
            memset(blocks[i], 1, size);
        }
        assert_true(heap_trim() < bytes); /* nothing of what is in use */
        for (size_t i = 0; i < COUNT(blocks); i++) {
            assert_true(i == 0 || blocks[i][i * i * 7 - 1] == 1);
            give(blocks[i]);
        }
        assert_true(heap_trim() >= bytes);
        assert_int_equal(heap_trim(), 0);
    }
}

/* ---- all at random ---- */

static size_t random_size(unsigned r)
{
    size_t size = (size_t)1 << (r % 19);
    return size + (r >> 8) % size;
}

/* Of long blocks only the start is filled: time. */
static size_t looked_at(size_t size)
{
    return size < 3000 ? size : 3000;
}

static void random_calls_agree_with_what_was_written(void **state)
{
    (void)state;
    enum { BLOCKS = 200, STEPS = 4000 };
    static struct {
        unsigned char *p;
        size_t size;
    } blocks[BLOCKS];
    unsigned seed = 42;
    for (size_t step = 0; step < STEPS; step++) {
        seed = seed * 1664525u + 1013904223u;
        size_t i = (seed >> 10) % BLOCKS, size = random_size(seed >> 5);
        if (blocks[i].p != NULL) {
            assert_filled(blocks[i].p, looked_at(blocks[i].size), i);
            if (seed >> 30 != 0) {
                give(blocks[i].p);
                blocks[i].p = NULL;
                continue;
            }
            blocks[i].p = heap_realloc(blocks[i].p, size, "realloc");
            assert_filled(blocks[i].p, looked_at(blocks[i].size < size ? blocks[i].size : size), i);
        } else if (seed >> 29 == 0) {
            blocks[i].p = heap_aligned((size_t)16 << (seed >> 20) % 10, size, "memalign");
        } else if (seed >> 29 == 1) {
            blocks[i].p = heap_calloc(1, size, "calloc");
            assert_true(is_zero(blocks[i].p, looked_at(size)));
        } else {
            blocks[i].p = take(size);
        }
        assert_non_null(blocks[i].p);
        blocks[i].size = size;
        fill(blocks[i].p, looked_at(size), i);
        if (step % 100 == 0)
            assert_sound(walk_heap(&heap_pages));
    }
    for (size_t i = 0; i < BLOCKS; i++)
        give(blocks[i].p);
}

#define heap_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        heap_test(blocks_hold_their_size_aligned_and_all_of_it_is_writable),
        heap_test(blocks_of_no_bytes_are_blocks),
        heap_test(impossible_sizes_are_refused),
        heap_test(calloc_zeroes_what_was_used_before),
        heap_test(calloc_knows_when_the_product_overflows),
        heap_test(realloc_keeps_the_bytes_from_any_size_to_any),
        heap_test(realloc_of_null_allocates_and_to_nothing_frees),
        heap_test(a_block_that_changes_little_stays_where_it_is),
        heap_test(a_large_block_with_room_behind_it_grows_in_place),
        heap_test(a_block_of_pages_grows_and_shrinks_through_its_classes),
        heap_test(a_small_block_may_become_large_and_small_again),
        heap_test(aligned_blocks_are_aligned_and_hold_their_size),
        heap_test(multiples_of_the_alignment_are_aligned_too),
        heap_test(an_aligned_block_can_be_resized_like_any_other),
        heap_test(an_alignment_beyond_the_address_space_is_refused),
        heap_test(the_raw_calls_say_what_is_a_block),
        heap_test(statistics_add_up_and_follow_what_happens),
        heap_test(trim_gives_everything_back_and_the_heap_goes_on),
        heap_test(random_calls_agree_with_what_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
