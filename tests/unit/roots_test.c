/* Roots: what the tables keep, what the loader's list shows, what is left out, and handles. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <sys/mman.h>

#include "alloc/image.h"
#include "gc/mutator.h"
#include "gc/root_table.h"
#include "tests/unit/child.h"

/* ---- a sink that remembers ---- */

enum { SEEN_MAX = 4096 };

static struct root_range seen[SEEN_MAX];
static size_t seen_count, edges;

static void see_range(struct root_sink *sink, const struct root_range *r)
{
    (void)sink;
    assert_true(seen_count < SEEN_MAX);
    assert_true(r->from < r->to && (uintptr_t)r->from % 8 == 0 && (uintptr_t)r->to % 8 == 0);
    seen[seen_count++] = *r;
}

static void see_exact(struct root_sink *sink, enum root_class class, void *slot, uintptr_t value)
{
    (void)sink;
    (void)class;
    (void)slot;
    (void)value;
    fail();
}

static void see_edge(struct grey_tracer *t, void *slot, void *value)
{
    (void)t;
    assert_null(slot);
    edges += (size_t)value;
}

static void visit(void)
{
    struct grey_tracer tracer = { .edge = see_edge };
    struct root_sink sink = { see_range, see_exact, &tracer };
    seen_count = edges = 0;
    assert_true(roots_prepare());
    assert_true(roots_are_current_stopped());
    roots_visit_stopped(&sink);
    roots_finish();
}

/* How many ranges of the class hold all of the bytes. */
static size_t seen_holding(enum root_class class, const void *p, size_t bytes)
{
    size_t n = 0;
    for (size_t i = 0; i < seen_count; i++) {
        uintptr_t from = (uintptr_t)seen[i].from, to = (uintptr_t)seen[i].to;
        if (seen[i].origin != NULL) {
            to = (uintptr_t)seen[i].origin + (to - from);
            from = (uintptr_t)seen[i].origin;
        }
        n += seen[i].class == class && (uintptr_t)p >= from && (uintptr_t)p + bytes <= to;
    }
    return n;
}

static size_t seen_bytes(enum root_class class)
{
    size_t n = 0;
    for (size_t i = 0; i < seen_count; i++)
        if (seen[i].class == class)
            n += (size_t)((const char *)seen[i].to - (const char *)seen[i].from);
    return n;
}

/* ---- the bag of pairs ---- */

static void a_table_agrees_with_a_model(void **state)
{
    (void)state;
    enum { KEYS = 300, STEPS = 100000 };
    static uint32_t model[KEYS];
    struct root_table t = { 0 };
    uint64_t seed = 42;
    size_t total = 0;
    for (int i = 0; i < STEPS; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        size_t key = (seed >> 33) % KEYS;
        if ((seed >> 60) % 2 == 0) {
            assert_true(root_table_add(&t, key * 64, key % 7, key % 2));
            model[key]++;
        } else {
            assert_int_equal(root_table_remove(&t, key * 64, key % 7), model[key] > 0);
            model[key] -= model[key] > 0;
        }
        assert_false(root_table_remove(&t, key * 64, 7 + key));
    }
    for (size_t i = 0; i < t.count; i++) {
        const struct root_pair *p = &t.pairs[i];
        assert_int_equal(p->times, model[p->a / 64]);
        assert_int_equal(p->b, p->a / 64 % 7);
        assert_int_equal(p->flag, p->a / 64 % 2);
        total += p->times;
        model[p->a / 64] = 0;
    }
    for (size_t i = 0; i < KEYS; i++)
        assert_int_equal(model[i], 0);
    assert_true(total > 0);
}

/* ---- ranges, slots, callbacks ---- */

static void a_range_is_visited_in_whole_words(void **state)
{
    (void)state;
    char *block = aligned_alloc(8, 64);
    assert_true(grey_root_add(block + 1, 40));
    visit();
    assert_int_equal(seen_holding(ROOT_RANGE, block + 8, 32), 1);
    assert_int_equal(seen_bytes(ROOT_RANGE), 32);
    assert_true(grey_root_remove(block + 1, 40));
    visit();
    assert_int_equal(seen_bytes(ROOT_RANGE), 0);
    /* No whole word in it holds no pointer. */
    assert_true(grey_root_add(block + 1, 14));
    visit();
    assert_int_equal(seen_bytes(ROOT_RANGE), 0);
    assert_true(grey_root_remove(block + 1, 14));
    free(block);
}

static void overlapping_ranges_are_counted_separately(void **state)
{
    (void)state;
    static uintptr_t block[8];
    assert_true(grey_root_add(block, 64));
    assert_true(grey_root_add(block, 64));
    assert_true(grey_root_add(block + 2, 16));
    assert_true(grey_root_remove(block, 64));
    visit();
    assert_int_equal(seen_holding(ROOT_RANGE, block, 64), 1);
    assert_int_equal(seen_holding(ROOT_RANGE, block + 2, 16), 2);
    assert_true(grey_root_remove(block, 64));
    visit();
    assert_int_equal(seen_holding(ROOT_RANGE, block + 2, 16), 1);
    assert_true(grey_root_remove(block + 2, 16));
    errno = 0;
    assert_false(grey_root_remove(block, 64));
    assert_int_equal(errno, EINVAL);
}

static void impossible_ranges_are_refused(void **state)
{
    (void)state;
    static uintptr_t block[8];
    const struct {
        void *from;
        size_t bytes;
    } bad[] = {
        { NULL, 64 },
        { block, 0 },
        { block, SIZE_MAX },
        { block, SIZE_MAX / 2 },
        { block, (size_t)1 << 60 },
        { (void *)(UINTPTR_MAX - 7), 64 },
        { (void *)(uintptr_t)0xffff800000000000u, 8 },
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        errno = 0;
        assert_false(grey_root_add(bad[i].from, bad[i].bytes));
        assert_int_equal(errno, EINVAL);
        errno = 0;
        assert_false(grey_slots_add(bad[i].from, bad[i].bytes / 8));
        assert_int_equal(errno, EINVAL);
    }
    assert_false(grey_slots_add((char *)block + 1, 2));
    assert_false(grey_slots_add(block, ((size_t)1 << 61) + 1)); /* 8 bytes, when it wraps */
    assert_false(grey_slots_remove(block, ((size_t)1 << 61) + 1));
    assert_false(grey_slots_remove(block, 1));
    assert_false(grey_root_callback_add(NULL, NULL));
    assert_false(grey_root_callback_remove(NULL, NULL));
    visit();
    assert_int_equal(seen_bytes(ROOT_RANGE) + seen_bytes(ROOT_SLOTS), 0);
}

static void slots_are_visited(void **state)
{
    (void)state;
    static void *slots[3];
    assert_true(grey_slots_add(slots, 3));
    visit();
    assert_int_equal(seen_holding(ROOT_SLOTS, slots, sizeof slots), 1);
    assert_int_equal(seen_bytes(ROOT_SLOTS), sizeof slots);
    assert_true(grey_slots_remove(slots, 3));
    visit();
    assert_int_equal(seen_bytes(ROOT_SLOTS), 0);
}

static void tell_number(void *data, struct grey_tracer *tracer)
{
    grey_trace_value(tracer, data);
}

static void callbacks_are_called(void **state)
{
    (void)state;
    assert_true(grey_root_callback_add(tell_number, (void *)5));
    assert_true(grey_root_callback_add(tell_number, (void *)700));
    visit();
    assert_int_equal(edges, 705);
    assert_false(grey_root_callback_remove(tell_number, (void *)6));
    assert_true(grey_root_callback_remove(tell_number, (void *)5));
    visit();
    assert_int_equal(edges, 700);
    assert_true(grey_root_callback_remove(tell_number, (void *)700));
    visit();
    assert_int_equal(edges, 0);
}

static void removal_does_not_slow_down_with_many_ranges(void **state)
{
    (void)state;
    enum { MANY = 200000 }; /* a search would take 2 * 10^10 steps */
    static uintptr_t block[MANY];
    for (size_t i = 0; i < MANY; i++)
        assert_true(grey_root_add(&block[i], 8));
    for (size_t i = 0; i < MANY; i++)
        assert_true(grey_root_remove(&block[i], 8));
    visit();
    assert_int_equal(seen_bytes(ROOT_RANGE), 0);
}

/* ---- data ---- */

static void *in_bss;
static void *in_data = &in_bss;
static void *const in_relro = &in_bss;
static char large_bss[16 << 20];

static void writable_data_of_the_program_are_visited(void **state)
{
    (void)state;
    in_bss = &in_data;
    visit();
    assert_int_equal(seen_holding(ROOT_DATA, &in_bss, 8), 1);
    assert_int_equal(seen_holding(ROOT_DATA, &in_data, 8), 1);
    assert_int_equal(seen_holding(ROOT_DATA, &in_relro, 8), 0);
    /* libc's, by a variable of it */
    assert_int_equal(seen_holding(ROOT_DATA, &stdout, 8), 1);
    for (size_t i = 0; i < seen_count; i++)
        assert_true(seen[i].class != ROOT_DATA || seen[i].name != NULL);
}

static void what_nobody_touched_is_left_out(void **state)
{
    (void)state;
    large_bss[5 << 20] = 1;
    visit();
    if (seen_holding(ROOT_DATA, &large_bss[9 << 20], 1) > 0)
        skip(); /* the system does not tell */
    assert_int_equal(seen_holding(ROOT_DATA, &large_bss[5 << 20], 1), 1);
    assert_true(seen_bytes(ROOT_DATA) < sizeof large_bss);
}

static void exact_roots_are_those_told_of(void **state)
{
    (void)state;
    static uintptr_t block[8];
    options.roots = GREY_ROOTS_EXACT;
    assert_true(grey_root_add(block, sizeof block));
    visit();
    assert_int_equal(seen_bytes(ROOT_DATA), 0);
    assert_int_equal(seen_bytes(ROOT_RANGE), sizeof block);
    assert_true(grey_root_remove(block, sizeof block));
    options.roots = GREY_ROOTS_AUTO;
}

/* ---- the image ---- */

static size_t run_count, run_bytes;
static uintptr_t run_first;

static void count_run(uintptr_t from, uintptr_t to, void *context)
{
    assert_null(context);
    assert_true(from < to);
    if (run_count++ == 0)
        run_first = from;
    run_bytes += to - from;
}

static void count_runs(const char *from, const char *to)
{
    run_count = run_bytes = 0;
    image_each_touched((uintptr_t)from, (uintptr_t)to, count_run, NULL);
}

static void touched_pages_come_in_runs(void **state)
{
    (void)state;
    size_t page = os_page_size(), bytes = 3000 * page; /* more than is asked for at once */
    char *p = os_map(bytes);
    madvise(p, bytes, MADV_NOHUGEPAGE);
    count_runs(p, p + bytes);
    assert_int_equal(run_count, 1); /* not open: the whole */
    assert_int_equal(run_bytes, bytes);

    image_touched_open();
    count_runs(p, p + bytes);
    if (run_bytes > 0)
        skip(); /* the system does not tell */
    p[7 * page] = 1;
    for (size_t i = 500; i < 1100; i++)
        p[i * page] = 1;
    p[2999 * page] = 1;
    count_runs(p, p + bytes);
    assert_int_equal(run_first, p + 7 * page);
    assert_int_equal(run_count, 3);
    assert_int_equal(run_bytes, 602 * page);
    /* parts of pages */
    count_runs(p + 7 * page + 24, p + 7 * page + 64);
    assert_int_equal(run_first, p + 7 * page + 24);
    assert_int_equal(run_bytes, 40);
    count_runs(p + 6 * page + 8, p + 9 * page - 8);
    assert_int_equal(run_bytes, page);
    count_runs(p + 499 * page + 8, p + 500 * page + 16);
    assert_int_equal(run_bytes, 16);
    image_touched_close();
    os_release(p, bytes);
}

static void private_memory_is_told_from_shared(void **state)
{
    (void)state;
    size_t page = os_page_size();
    char *p = os_map(4 * page);
    uintptr_t at = (uintptr_t)p;
    assert_true(image_is_private(at, at + 4 * page));
    assert_true(image_is_private(at + 5, at + 7));
    int flags = MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED;
    assert_ptr_equal(mmap(p + page, page, PROT_READ | PROT_WRITE, flags, -1, 0), p + page);
    assert_true(image_is_private(at, at + page));
    assert_true(image_is_private(at + 2 * page, at + 4 * page));
    assert_false(image_is_private(at, at + 4 * page));
    assert_false(image_is_private(at + page, at + 4 * page));
    os_release(p + 3 * page, page);
    assert_false(image_is_private(at + 2 * page, at + 4 * page));
    os_release(p, 3 * page);
    assert_true(image_is_private((uintptr_t)large_bss, (uintptr_t)large_bss + sizeof large_bss));
}

static void shared_memory_is_visited_whole(void **state)
{
    (void)state;
    size_t bytes = MIB(1);
    char *shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *private = os_map(bytes);
    madvise(private, bytes, MADV_NOHUGEPAGE);
    assert_true(grey_root_add(shared, bytes));
    assert_true(grey_root_add(private, bytes));
    private[bytes / 2] = 1;
    visit();
    assert_int_equal(seen_holding(ROOT_RANGE, shared, bytes), 1);
    assert_int_equal(seen_holding(ROOT_RANGE, &private[bytes / 2], 1), 1);
    if (seen_bytes(ROOT_RANGE) != 2 * bytes) /* the system tells */
        assert_int_equal(seen_bytes(ROOT_RANGE), bytes + os_page_size());
    assert_true(grey_root_remove(shared, bytes));
    assert_true(grey_root_remove(private, bytes));
    os_release(private, bytes);
    munmap(shared, bytes);
}

static void a_copy_ends_where_nothing_is_mapped(void **state)
{
    (void)state;
    size_t page = os_page_size();
    char *p = os_map(4 * page), *copy = os_map(4 * page);
    memset(p, 7, 4 * page);
    ptrdiff_t n = image_copy(copy, (uintptr_t)p, 4 * page);
    if (n < 0)
        skip(); /* the system has no such call */
    assert_int_equal(n, 4 * page);
    assert_memory_equal(copy, p, 4 * page);
    os_release(p + 2 * page, page);
    assert_int_equal(image_copy(copy, (uintptr_t)p + 8, 4 * page - 8), 2 * page - 8);
    assert_int_equal(image_copy(copy, (uintptr_t)p + 2 * page, 8), 0);
    assert_int_equal(mprotect(p, page, PROT_NONE), 0);
    assert_int_equal(image_copy(copy, (uintptr_t)p, 8), 0);
    os_release(p, 2 * page);
    os_release(p + 3 * page, page);
    os_release(copy, 4 * page);
}

/* A library that hardly any program has in memory. */
static void *open_another(void)
{
    static const char *const names[] = { "libanl.so.1", "libutil.so.1", "librt.so.1", "libnsl.so.1" };
    for (size_t i = 0; i < COUNT(names); i++)
        if (dlopen(names[i], RTLD_NOW | RTLD_NOLOAD) == NULL) {
            void *handle = dlopen(names[i], RTLD_NOW);
            if (handle != NULL)
                return handle;
        }
    skip();
    return NULL;
}

static const struct image_data *find_data(const char *part)
{
    for (size_t i = 0; i < image_data_count(); i++)
        if (strstr(image_data(i)->name, part) != NULL)
            return image_data(i);
    return NULL;
}

static void a_module_opened_after_the_reading_is_noticed(void **state)
{
    (void)state;
    assert_true(image_read());
    assert_true(image_is_current());
    size_t before = image_data_count();
    void *handle = open_another();
    assert_false(image_is_current());
    assert_true(image_read());
    assert_true(image_is_current());
    assert_true(image_data_count() >= before);
    dlclose(handle);
    assert_false(image_is_current()); /* the last one is gone: nobody knows what came instead */
    assert_true(image_read());
    assert_true(image_is_current());
    assert_int_equal(image_data_count(), before);
}

static void needed_libraries_last_and_opened_ones_need_not(void **state)
{
    (void)state;
    void *handle = open_another();
    struct link_map_start {
        uintptr_t address;
        const char *name;
    } *opened = handle;
    visit();
    assert_true(find_data("the program")->lasting);
    assert_true(find_data("/libc.")->lasting);
    const struct image_data *d = find_data(opened->name);
    if (d != NULL) {
        assert_false(d->lasting);
        if (image_copy(&(uintptr_t){ 0 }, d->from, 8) == 8)
            for (size_t i = 0; i < seen_count; i++)
                assert_true(seen[i].name == NULL || strcmp(seen[i].name, opened->name) != 0
                            || seen[i].origin != NULL);
    }
    dlclose(handle);
}

static __thread volatile char thread_local_bytes[1234];

static void thread_local_storage_has_its_size(void **state)
{
    (void)state;
    size_t largest = 0;
    thread_local_bytes[largest] = 1;
    assert_true(image_read());
    assert_true(image_tls_modules() >= 1);
    for (size_t id = 0; id <= image_tls_modules() + 2; id++)
        if (image_tls_bytes(id) > largest)
            largest = image_tls_bytes(id);
    assert_true(largest >= sizeof thread_local_bytes);
    assert_int_equal(image_tls_bytes(0), 0);
    assert_int_equal(image_tls_bytes(image_tls_modules() + 1), 0);
}

/* ---- handles ---- */

/* The values of all words of handles, each found as often as it should be. */
static size_t seen_in_handles(uintptr_t value)
{
    size_t n = 0;
    for (size_t i = 0; i < seen_count; i++)
        for (const uintptr_t *w = seen[i].from; seen[i].class == ROOT_HANDLE && w < seen[i].to; w++)
            n += *w == value;
    return n;
}

static void handles_are_roots_until_released(void **state)
{
    (void)state;
    enum { MANY = 100000 };
    static grey_handle *h[MANY];
    for (uintptr_t i = 0; i < MANY; i++)
        assert_non_null(h[i] = grey_handle_create((void *)(0x1111000000000000u + i)));
    visit();
    assert_int_equal(seen_in_handles(0x1111000000000000u + 77777), 1);
    for (uintptr_t i = 0; i < MANY; i++)
        assert_int_equal(grey_handle_get(h[i]), 0x1111000000000000u + i);
    grey_handle_set(h[77777], (void *)0x2222000000000000u);
    for (uintptr_t i = 0; i < MANY; i += 2)
        grey_handle_release(h[i]);
    visit();
    assert_int_equal(seen_in_handles(0x2222000000000000u), 1);
    assert_int_equal(seen_in_handles(0x1111000000000000u + 77777), 0);
    assert_int_equal(seen_in_handles(0x1111000000000000u + 77779), 1);
    assert_int_equal(seen_in_handles(0x1111000000000000u + 77778), 0);
    for (uintptr_t i = 1; i < MANY; i += 2)
        grey_handle_release(h[i]);
    visit();
    size_t bytes = seen_bytes(ROOT_HANDLE);
    for (uintptr_t i = 0; i < MANY; i++)
        assert_non_null(h[i] = grey_handle_create(NULL));
    visit();
    assert_int_equal(seen_bytes(ROOT_HANDLE), bytes); /* all were used again */
    for (uintptr_t i = 0; i < MANY; i++) {
        assert_null(grey_handle_get(h[i]));
        grey_handle_release(h[i]);
    }
}

static int release_twice(void *unused)
{
    (void)unused;
    grey_handle *h = grey_handle_create(NULL);
    grey_handle_release(h);
    grey_handle_release(h);
    return 0;
}

static int get_released(void *unused)
{
    (void)unused;
    grey_handle *h = grey_handle_create(NULL);
    grey_handle_release(h);
    return grey_handle_get(h) != NULL;
}

static int set_wild(void *p)
{
    grey_handle_set(p, NULL);
    return 0;
}

static void misuse_of_handles_ends_in_a_sentence(void **state)
{
    (void)state;
    static uintptr_t word;
    grey_handle *h = grey_handle_create(NULL);
    const struct {
        int (*act)(void *);
        void *argument;
        const char *call, *sentence;
    } cases[] = {
        { release_twice, NULL, "grey_handle_release(0x", "the handle was released" },
        { get_released, NULL, "grey_handle_get(0x", "the handle was released" },
        { set_wild, &word, "grey_handle_set(0x", "not a handle" },
        { set_wild, NULL, "grey_handle_set(0x0)", "not a handle" },
        { set_wild, (void *)8, "grey_handle_set(0x8)", "not a handle" },
        { set_wild, (char *)h + 1, "grey_handle_set(0x", "not a handle" },
        { set_wild, (char *)h + 8 * 400, "grey_handle_set(0x", "not a handle" }, /* never given out */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct child_end end = child_run(cases[i].act, cases[i].argument);
        if (!child_aborted(&end) || strstr(end.said, cases[i].call) == NULL
            || strstr(end.said, cases[i].sentence) == NULL)
            fail_msg("case %zu: status %x: %s", i, end.status, end.said);
        options.on_error = ON_ERROR_IGNORE;
        assert_child_passed(cases[i].act, cases[i].argument);
        options.on_error = ON_ERROR_ABORT;
    }
    grey_handle_release(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(misuse_of_handles_ends_in_a_sentence),
        cmocka_unit_test(a_table_agrees_with_a_model),
        cmocka_unit_test(a_range_is_visited_in_whole_words),
        cmocka_unit_test(overlapping_ranges_are_counted_separately),
        cmocka_unit_test(impossible_ranges_are_refused),
        cmocka_unit_test(slots_are_visited),
        cmocka_unit_test(callbacks_are_called),
        cmocka_unit_test(removal_does_not_slow_down_with_many_ranges),
        cmocka_unit_test(writable_data_of_the_program_are_visited),
        cmocka_unit_test(what_nobody_touched_is_left_out),
        cmocka_unit_test(exact_roots_are_those_told_of),
        cmocka_unit_test(touched_pages_come_in_runs),
        cmocka_unit_test(private_memory_is_told_from_shared),
        cmocka_unit_test(shared_memory_is_visited_whole),
        cmocka_unit_test(a_copy_ends_where_nothing_is_mapped),
        cmocka_unit_test(a_module_opened_after_the_reading_is_noticed),
        cmocka_unit_test(needed_libraries_last_and_opened_ones_need_not),
        cmocka_unit_test(thread_local_storage_has_its_size),
        cmocka_unit_test(handles_are_roots_until_released),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
