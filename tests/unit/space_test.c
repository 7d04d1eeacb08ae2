/* space, central, object: allocation, looking up, sweeping, without a cycle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "gc/collector.h"
#include "gc/kind.h"
#include "gc/mutator.h"
#include "gc/object.h"

static struct mutator *self;

static int start(void **state)
{
    (void)state;
    self = mutator_enter("test");
    return self == NULL ? -1 : 0;
}

static int end(void **state)
{
    (void)state;
    mutator_leave(self);
    return 0;
}

static bool is_zero(const void *p, size_t n)
{
    const char *c = p;
    for (size_t i = 0; i < n; i++)
        if (c[i] != 0)
            return false;
    return true;
}

static void the_inline_tables_are_those_of_the_size_classes(void **state)
{
    (void)state;
    assert_int_equal(COUNT(grey_size_class8), TABLE8_MAX / 8 + 1);
    for (size_t i = 0; i < COUNT(grey_size_class8); i++)
        assert_int_equal(i == 0 ? CLASS_SMALL_FIRST : grey_size_class8[i], size_to_class8[i]);
    for (unsigned c = CLASS_SMALL_FIRST; c <= CLASS_SMALL_LAST; c++)
        assert_int_equal(grey_class_size[c], size_classes[c].size);
    for (size_t n = 1; n <= 128; n++)
        assert_int_equal((n + 15) / 16, sizeclass_of(n));
}

static void objects_of_all_sizes_are_zero_aligned_and_apart(void **state)
{
    (void)state;
    for (size_t size = 0; size < KIB(300); size = size < 2000 ? size + 1 : size + size / 9) {
        char *a = space_alloc(self, GREY_CONSERVATIVE, size, MIN_ALIGN);
        char *b = space_alloc(self, GREY_CONSERVATIVE, size, MIN_ALIGN);
        assert_true(a != NULL && b != NULL && a != b);
        assert_int_equal((uintptr_t)a % MIN_ALIGN, 0);
        assert_true(is_zero(a, size) && is_zero(b, size));
        memset(a, 0xaa, size);
        assert_true(is_zero(b, size));
        struct object o;
        assert_true(object_find((uintptr_t)a, &o));
        assert_int_equal(o.base, (uintptr_t)a);
        assert_true(o.size >= size);
    }
}

static void every_byte_of_an_object_leads_to_it_and_no_other(void **state)
{
    (void)state;
    for (unsigned c = CLASS_SMALL_FIRST; c <= CLASS_SMALL_LAST; c++) {
        size_t size = size_classes[c].size;
        uintptr_t p = (uintptr_t)space_alloc(self, GREY_CONSERVATIVE, size, MIN_ALIGN);
        struct object o;
        for (size_t i = 0; i < size; i += size > 512 ? 61 : 1) {
            assert_true(object_find(p + i, &o));
            assert_int_equal(o.base, p);
            assert_int_equal(o.size, size);
        }
        assert_true(object_find(p + size - 1, &o));
        assert_int_equal(o.base, p);
    }
}

static void what_is_no_object_is_not_found(void **state)
{
    (void)state;
    struct object o;
    void *manual = grey_malloc(100);
    uintptr_t p = (uintptr_t)space_alloc(self, GREY_NOSCAN, 3000, MIN_ALIGN);
    uintptr_t words[] = { 0, 1, 15, (uintptr_t)&o, (uintptr_t)manual, UINTPTR_MAX, UINTPTR_MAX - 7, (uintptr_t)1 << 47,
                          p | (uintptr_t)1 << 63, p ^ (uintptr_t)1 << 50 };
    for (size_t i = 0; i < COUNT(words); i++)
        assert_false(object_find(words[i], &o));
    assert_true(object_find(p, &o));
    assert_true(space_free(&o));
    assert_false(object_find(p, &o));
    grey_free(manual);
}

static void the_end_of_a_span_that_no_slot_covers_is_nobodys(void **state)
{
    (void)state;
    for (unsigned c = CLASS_SMALL_FIRST; c <= CLASS_SMALL_LAST; c++) {
        struct object o;
        uintptr_t p = (uintptr_t)space_alloc(self, GREY_NOSCAN, size_classes[c].size, MIN_ALIGN);
        assert_true(object_find(p, &o));
        uintptr_t end = o.span->base + o.span->pages * PAGE_BYTES, last = o.span->base + o.span->slots * o.size;
        for (uintptr_t q = last; q < end; q += 8)
            assert_false(object_find(q, &o));
    }
}

static void an_object_is_freed_once(void **state)
{
    (void)state;
    struct object o;
    size_t sizes[] = { 16, 32, 512, 5000, KIB(40), MIB(2) };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        uintptr_t p = (uintptr_t)space_alloc(self, GREY_CONSERVATIVE, sizes[i], MIN_ALIGN);
        assert_true(object_find(p, &o));
        assert_true(space_free(&o));
        assert_false(sizes[i] < KIB(32) && space_free(&o));
    }
}

static void freed_slots_are_used_again_and_zero(void **state)
{
    (void)state;
    enum { N = 3000 };
    static uintptr_t first[N];
    for (int i = 0; i < N; i++) {
        first[i] = (uintptr_t)space_alloc(self, GREY_CONSERVATIVE, 48, MIN_ALIGN);
        memset((void *)first[i], 0x5a, 48);
    }
    space_cache_flush(self);
    for (int i = 0; i < N; i++) {
        struct object o;
        assert_true(object_find(first[i], &o));
        assert_true(space_free(&o));
    }
    for (int i = 0; i < 2 * N; i++)
        assert_true(is_zero(space_alloc(self, GREY_CONSERVATIVE, 48, MIN_ALIGN), 48));
}

/* ---- typed ---- */

struct found {
    struct grey_tracer tracer;
    void *slot[4096];
    size_t count;
};

static void note_edge(struct grey_tracer *t, void *slot, void *value)
{
    struct found *f = (struct found *)t;
    (void)value;
    assert_true(f->count < COUNT(f->slot));
    f->slot[f->count++] = slot;
}

static void check_edges(const grey_type *type, size_t bytes)
{
    static struct found f;
    uintptr_t *p = space_alloc_typed(self, type, bytes);
    struct object o;
    assert_non_null(p);
    assert_true(is_zero(p, bytes));
    for (size_t i = 0; i < bytes / 8; i++)
        p[i] = (uintptr_t)p;
    assert_true(object_find((uintptr_t)p, &o));
    f = (struct found){ .tracer = { note_edge, NULL } };
    object_trace(&o, &f.tracer);
    size_t n = 0;
    for (size_t i = 0; i < bytes / 8; i++)
        if (type->pointers[i % type->words / 64] >> (i % type->words % 64) & 1)
            assert_ptr_equal(f.slot[n++], &p[i]);
    assert_int_equal(f.count, n);
}

static void typed_objects_show_the_pointers_of_their_type(void **state)
{
    (void)state;
    for (size_t words = 1; words <= 70; words += words < 20 ? 1 : 7) {
        uint64_t map[2] = { UINT64_C(0x9e3779b97f4a7c15) | 1, UINT64_C(0x2545f4914f6cdd1d) };
        struct grey_type_info info = { .name = "t", .size = words * 8, .pointers = map };
        const grey_type *type = kind_type_create(&info);
        assert_non_null(type);
        /* Neighbours of several lengths, so that bits are not those of the slot's last owner. */
        for (size_t n = 1; n <= 40; n += n < 8 ? 1 : 5)
            check_edges(type, words * n * 8);
    }
}

static void the_bitmap_is_copied_and_cut_to_the_size(void **state)
{
    (void)state;
    uint64_t map = UINT64_MAX;
    struct grey_type_info info = { .name = "cut", .size = 24, .pointers = &map };
    const grey_type *type = kind_type_create(&info);
    map = 0;
    assert_int_equal(type->pointers[0], 7);
    struct grey_type_info bad[] = { { "none", 0, &map }, { "null", 64, NULL } };
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_null(kind_type_create(&bad[i]));
}

/* ---- sweeping ---- */

static void mark(uintptr_t p)
{
    struct object o;
    assert_true(object_find(p, &o));
    aw_or_relaxed(mark_word_of(o.span->base, o.slot), (uintptr_t)1 << (o.slot % 64));
}

/* As a cycle does it, with this test's threads: one. */
static void flip(void)
{
    space_mark_cached_stopped(self);
    while (space_sweep_some(SIZE_MAX))
        ;
    space_flip_stopped();
    space_sweep_cached_stopped(self);
}

static void sweeping_keeps_what_is_marked(void **state)
{
    (void)state;
    enum { N = 4000 };
    static uintptr_t p[N];
    size_t sizes[] = { 16, 32, 80, 1000, 8000, KIB(40) };
    for (int i = 0; i < N; i++)
        p[i] = (uintptr_t)space_alloc(self, GREY_CONSERVATIVE, sizes[i % COUNT(sizes)], MIN_ALIGN);
    for (int i = 0; i < N; i += 3)
        mark(p[i]);
    flip();
    struct object o;
    /* Before it is swept, and after. */
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < N; i++)
            if (i % 3 == 0)
                assert_true(object_find(p[i], &o));
        for (int i = 1; i < N; i += 3)
            assert_false(object_find(p[i], &o) && o.base == p[i]);
        while (space_sweep_some(7))
            ;
        assert_true(space_is_swept());
    }
    for (int i = 0; i < N; i += 3)
        assert_false(object_find(p[i], &o) && object_is_marked(&o));
    assert_true(space_check_stopped());
}

static void a_cached_run_survives_a_flip(void **state)
{
    (void)state;
    char *p = space_alloc(self, GREY_CONSERVATIVE, 64, MIN_ALIGN);
    struct grey_bin *bin = &self->local.bins[GREY_CONSERVATIVE]->bin[sizeclass_of(64)];
    assert_true(bin->cursor - bin->floor >= 64);
    uintptr_t next = bin->cursor - 64;
    mark((uintptr_t)p);
    flip();
    assert_ptr_equal(grey_alloc(GREY_CONSERVATIVE, 64), (void *)next);
    struct object o;
    assert_true(object_find(next, &o));
    while (space_sweep_some(SIZE_MAX))
        ;
    assert_true(object_find(next, &o));
}

static void tiny_objects_share_a_block(void **state)
{
    (void)state;
    char *a = space_alloc(self, GREY_NOSCAN, 3, 1), *b = space_alloc(self, GREY_NOSCAN, 3, 1);
    char *c = space_alloc(self, GREY_NOSCAN, 8, 8);
    struct object o;
    assert_true(object_find((uintptr_t)a, &o));
    assert_true((uintptr_t)b - o.base < 16 || ((uintptr_t)a & 15) == 8);
    assert_int_equal((uintptr_t)c % 8, 0);
    flip(); /* marks the block in use */
    assert_true(object_find((uintptr_t)c, &o));
}

static void a_very_large_object_is_found_by_all_of_its_bytes(void **state)
{
    (void)state;
    /* Beyond 2 GiB pages tell in another way where their object begins. memcheck needs memory for each byte. */
    const size_t size = memcheck_on ? MIB(2100) : (size_t)9 << 30;
    if (SIZE_MAX >> 32 == 0)
        skip();
    char *p = space_alloc(self, GREY_NOSCAN, size, MIN_ALIGN);
    if (p == NULL)
        skip();
    struct object o;
    for (size_t i = 0; i < size; i += MIB(37) + 13) {
        assert_true(object_find((uintptr_t)p + i, &o));
        assert_ptr_equal((void *)o.base, p);
    }
    assert_true(object_find((uintptr_t)p + size - 1, &o));
    assert_ptr_equal((void *)o.base, p);
    assert_true(space_free(&o));
}

/* Who looks a word up while another thread frees the object comes upon entries of which the first are gone. */
static void a_very_large_object_may_go_meanwhile(void **state)
{
    (void)state;
    const size_t size = ((size_t)2 << 30) + MIB(100);
    char *p = SIZE_MAX >> 32 == 0 ? NULL : space_alloc(self, GREY_NOSCAN, size, MIN_ALIGN);
    if (p == NULL)
        skip();
    struct object o;
    struct atomic32 *first = &pagemap_arena((uintptr_t)p)->entry[arena_page((uintptr_t)p)];
    uint32_t entry = a32_load_relaxed(first);
    assert_true(object_find((uintptr_t)p + size - 1, &o));
    a32_store_relaxed(first, 0);
    assert_false(object_find((uintptr_t)p + size - 1, &o));
    /* Its first page is manual memory already. */
    a32_store_relaxed(first, (entry & ENTRY_BASE) | (uint32_t)CLASS_SMALL_FIRST << ENTRY_CODE_SHIFT);
    assert_false(object_find((uintptr_t)p + size - 1, &o));
    a32_store_relaxed(first, entry);
    assert_true(object_find((uintptr_t)p + size - 1, &o));
    assert_true(space_free(&o));
}

#define space_test(f) cmocka_unit_test_setup_teardown(f, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        space_test(the_inline_tables_are_those_of_the_size_classes),
        space_test(objects_of_all_sizes_are_zero_aligned_and_apart),
        space_test(every_byte_of_an_object_leads_to_it_and_no_other),
        space_test(what_is_no_object_is_not_found),
        space_test(the_end_of_a_span_that_no_slot_covers_is_nobodys),
        space_test(an_object_is_freed_once),
        space_test(freed_slots_are_used_again_and_zero),
        space_test(typed_objects_show_the_pointers_of_their_type),
        space_test(the_bitmap_is_copied_and_cut_to_the_size),
        space_test(sweeping_keeps_what_is_marked),
        space_test(a_cached_run_survives_a_flip),
        space_test(tiny_objects_share_a_block),
        space_test(a_very_large_object_is_found_by_all_of_its_bytes),
        space_test(a_very_large_object_may_go_meanwhile),
    };
    return cmocka_run_group_tests_name("space", tests, NULL, NULL);
}
