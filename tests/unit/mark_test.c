/* mark, queue: graphs of known shape, marked by one marker and by several, with and without memory for the
   queue. The graphs hang on a root range, and nothing else knows of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "gc/collector.h"
#include "gc/mark.h"
#include "gc/mutator.h"
#include "gc/object.h"
#include "gc/queue.h"

static uintptr_t *roots[64]; /* .bss of the test: a root by itself */

/* Under memcheck and the sanitizers, where all takes many times as long, graphs are smaller; not so small
   that one marker is done before the others have begun. */
static size_t scaled(size_t n)
{
#if defined(__SANITIZE_THREAD__)
    return n / 25;
#elif defined(GREY_SANITIZED)
    return n / 8;
#else
    return memcheck_on ? n / 25 : n;
#endif
}

static bool is_scaled(void)
{
    return scaled(1000) != 1000;
}

static int start(void **state)
{
    (void)state;
    heap_init();
    memset(roots, 0, sizeof roots);
    grey_set(GREY_SET_VERIFY, 1);
    return 0;
}

static int end(void **state)
{
    (void)state;
    queue_limit(0);
    grey_set(GREY_SET_WORKERS, 0);
    memset(roots, 0, sizeof roots);
    return 0;
}

static uint64_t marked_objects(void)
{
    struct grey_gc_stats s;
    assert_true(grey_gc_stats(&s, sizeof s));
    return s.objects_live;
}

/* A chain whose links are to_next words apart in objects of so many words. */
static uintptr_t *chain(size_t n, size_t words, size_t to_next)
{
    uintptr_t *first = NULL;
    for (size_t i = 0; i < n; i++) {
        uintptr_t *o = grey_alloc(GREY_CONSERVATIVE, words * sizeof *o);
        assert_non_null(o);
        o[to_next] = (uintptr_t)first;
        o[to_next == 0 ? 1 : 0] = i + 1; /* a number: 1 at the chain's end */
        first = o;
    }
    return first;
}

static size_t length(const uintptr_t *o, size_t to_next)
{
    size_t n = 0;
    for (; o != NULL; o = (const uintptr_t *)o[to_next])
        assert_int_equal(o[to_next == 0 ? 1 : 0], (++n, o[to_next == 0 ? 1 : 0]));
    return n;
}

/* A vector that points to n small objects, each to one more. */
static uintptr_t **fan(size_t n)
{
    uintptr_t **v = grey_alloc(GREY_CONSERVATIVE, n * sizeof *v);
    assert_non_null(v);
    roots[63] = (uintptr_t *)v; /* while it grows */
    for (size_t i = 0; i < n; i++) {
        uintptr_t *o = grey_alloc(GREY_CONSERVATIVE, 32);
        assert_non_null(o);
        grey_write(&v[i], o);
        o[0] = i;
        grey_write(&o[1], grey_alloc(GREY_CONSERVATIVE, 16));
        ((uintptr_t *)o[1])[1] = ~i;
    }
    roots[63] = NULL;
    return v;
}

static void check_fan(uintptr_t **v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(v[i][0], i);
        assert_int_equal(((uintptr_t *)v[i][1])[1], ~i);
    }
}

static void churn(void)
{
    for (size_t i = 0; i < scaled(50000); i++)
        memset(grey_alloc(GREY_NOSCAN, 16 + i % 50), 0xee, 16);
}

static void a_chain_of_a_million_is_marked_to_its_end(void **state)
{
    (void)state;
    roots[0] = chain(scaled(1000000), 4, 3);
    grey_collect();
    churn();
    grey_collect();
    assert_int_equal(length(roots[0], 3), scaled(1000000));
}

static void wide_and_deep(unsigned workers, size_t queue_packets)
{
    grey_set(GREY_SET_WORKERS, workers);
    for (int i = 0; i < 8; i++)
        roots[i] = (uintptr_t *)fan(scaled(40000));
    for (int i = 8; i < 16; i++)
        roots[i] = chain(scaled(20000), 2 + (size_t)i * 7, 1);
    grey_collect(); /* packets that the graphs do not need any more are there already */
    if (queue_packets != 0)
        queue_limit(queue_packets);
    for (int round = 0; round < 3; round++) {
        churn();
        grey_collect();
        for (int i = 0; i < 8; i++)
            check_fan((uintptr_t **)roots[i], scaled(40000));
        for (int i = 8; i < 16; i++)
            assert_int_equal(length(roots[i], 1), scaled(20000));
    }
}

static void one_marker_finds_everything(void **state)
{
    (void)state;
    wide_and_deep(1, 0);
}

static void several_markers_find_everything(void **state)
{
    (void)state;
    wide_and_deep(2, 0);
    wide_and_deep(7, 0);
}

static void markers_count_alike(void **state)
{
    (void)state;
    uint64_t live[3];
    wide_and_deep(1, 0);
    for (unsigned i = 0; i < COUNT(live); i++) {
        grey_set(GREY_SET_WORKERS, i * 2 + 1);
        grey_collect();
        live[i] = marked_objects();
    }
    /* Nothing but what a stack or a cache happens to name differs. */
    assert_true(live[1] + 100 > live[0] && live[1] < live[0] + 100);
    assert_true(live[2] + 100 > live[0] && live[2] < live[0] + 100);
}

static uint64_t overflows(void)
{
    struct grey_gc_stats s;
    assert_true(grey_gc_stats(&s, sizeof s));
    return s.mark_overflows;
}

/* The queue is full after some thousand words: whatever is dropped is found again. */
static void nothing_is_lost_when_the_queue_has_no_memory(void **state)
{
    (void)state;
    const size_t n = scaled(150000);
    if (is_scaled())
        skip(); /* smaller graphs fit any queue */
    queue_limit(6);
    uint64_t before = overflows();
    for (int i = 0; i < 4; i++)
        roots[i] = (uintptr_t *)fan(n);
    uintptr_t **all = grey_alloc(GREY_CONSERVATIVE, 4 * n * sizeof *all);
    assert_non_null(all);
    for (size_t i = 0; i < 4 * n; i++)
        grey_write(&all[i], ((uintptr_t **)roots[i % 4])[i / 4]);
    memset(roots, 0, sizeof roots);
    roots[5] = (uintptr_t *)all;
    for (unsigned workers = 1; workers <= 3; workers++) {
        grey_set(GREY_SET_WORKERS, workers);
        churn();
        grey_collect();
        churn();
        for (size_t i = 0; i < 4 * n; i++)
            assert_int_equal(((uintptr_t *)all[i][1])[1], ~all[i][0]);
    }
    assert_true(overflows() > before);
}

/* References in every piece of a large object, up to its last word. */
static void large_objects_are_scanned_to_their_ends(void **state)
{
    (void)state;
    size_t sizes[] = { KIB(32) + 8, KIB(128), KIB(128) + 8, KIB(128) + 16, KIB(300), MIB(1), MIB(5) + 24 };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        size_t words = sizes[i] / sizeof(void *);
        uintptr_t **o = grey_alloc(GREY_CONSERVATIVE, sizes[i]);
        assert_non_null(o);
        roots[i] = (uintptr_t *)o;
        for (size_t k = 0; k < words; k += k + 300 < words ? 257 : 1) {
            grey_write(&o[k], grey_alloc(GREY_CONSERVATIVE, 48));
            o[k][3] = k;
        }
    }
    for (int round = 0; round < 2; round++) {
        grey_collect();
        churn();
    }
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (size_t k = 0; k < sizes[i] / sizeof(void *); k++)
            if (((uintptr_t **)roots[i])[k] != NULL)
                assert_int_equal(((uintptr_t **)roots[i])[k][3], k);
}

static void large_typed_arrays_are_scanned_by_their_type(void **state)
{
    (void)state;
    uint64_t map[2] = { 5, 0 }; /* the first and the third word of each 7 */
    struct grey_type_info info = { .name = "seven", .size = 56, .pointers = map };
    const grey_type *type = grey_type_create(&info);
    const size_t n = 20000;
    uintptr_t **o = grey_alloc_array(type, n);
    assert_non_null(o);
    roots[0] = (uintptr_t *)o;
    for (size_t i = 0; i < n; i++) {
        grey_write(&o[i * 7 + (i & 1) * 2], grey_alloc(GREY_CONSERVATIVE, 24));
        o[i * 7 + (i & 1) * 2][2] = i;
        o[i * 7 + 1] = grey_alloc(GREY_NOSCAN, 64); /* not seen */
    }
    grey_collect();
    churn();
    grey_collect();
    for (size_t i = 0; i < n; i++)
        assert_int_equal(o[i * 7 + (i & 1) * 2][2], i);
    size_t seen = 0;
    struct grey_object found;
    for (size_t i = 0; i < n; i++)
        seen += grey_object_at(o[i * 7 + 1], &found) && found.size == 64;
    assert_true(seen < n / 2); /* most were collected; the addresses of some hold something else by now */
}

#define mark_test(f) cmocka_unit_test_setup_teardown(f, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        mark_test(a_chain_of_a_million_is_marked_to_its_end),
        mark_test(one_marker_finds_everything),
        mark_test(several_markers_find_everything),
        mark_test(markers_count_alike),
        mark_test(nothing_is_lost_when_the_queue_has_no_memory),
        mark_test(large_objects_are_scanned_to_their_ends),
        mark_test(large_typed_arrays_are_scanned_by_their_type),
    };
    return cmocka_run_group_tests_name("mark", tests, NULL, NULL);
}
