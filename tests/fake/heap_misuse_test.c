/* What the heap says of pointers that are no blocks, and that it is whole afterwards. Sentences go to
   the faked system, which also catches the abort. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "alloc/heap.h"
#include "alloc/memcheck.h"
#include "alloc/options.h"
#include "alloc/thread.h"
#include "tests/fake/os_fake.h"
#include "tests/unit/walk.h"

static int setup(void **state)
{
    (void)state;
    os_fake_reset();
    heap_init();
    memcheck_on = false;
    options.on_error = ON_ERROR_IGNORE;
    errno = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(errno, 0); /* none of these touches it */
    options.on_error = ON_ERROR_ABORT;
    heap_trim();
    assert_sound(walk_heap(&heap_pages));
    return 0;
}

/* The line was said, and nothing else. */
static void assert_said(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void assert_said(const char *fmt, ...)
{
    char line[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    assert_string_equal(os_fake_written(), line);
}

static void *block_of(size_t size)
{
    void *p = heap_malloc(size, "malloc");
    assert_non_null(p);
    memset(p, 0x77, size);
    return p;
}

/* The compiler would complain of what it sees. */
static GREY_NOINLINE void free_stranger(void *volatile p)
{
    heap_free(p, "free");
}

static void an_address_outside_the_heap_is_not_a_block_of_it(void **state)
{
    (void)state;
    static char data[64];
    char stack[64];
    void *const end = (void *)((uintptr_t)1 << ADDRESS_BITS);
    void *const strangers[] = {
        data, data + 1, stack + 16, (void *)8, (void *)UINTPTR_MAX, (void *)INTPTR_MAX, end, (char *)end - 16,
    };
    heap_free(block_of(40), "free");
    for (size_t i = 0; i < COUNT(strangers); i++) {
        free_stranger(strangers[i]);
        assert_said("greyspan: free(%p): not a block of this heap\n", strangers[i]);
    }
}

static void an_address_in_a_free_part_of_the_heap_is_not_a_block_of_it(void **state)
{
    (void)state;
    char *p = block_of(MIB(2));
    char *far = p + MIB(40);
    heap_free(far, "free");
    assert_said("greyspan: free(%p): not a block of this heap\n", (void *)far);
    heap_free(p, "free");
}

static void an_address_inside_a_block_is_not_its_start(void **state)
{
    (void)state;
    static const size_t sizes[] = { 16,    48,    100,    1000,   3000,       20000,
                                    32768, 40000, 300000, MIB(1), MIB(1) + 1, MIB(7) };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        char *p = block_of(sizes[i]);
        const size_t inside[] = { 1, 8, 15, sizes[i] / 2 | 1, sizes[i] - 1 };
        for (size_t j = 0; j < COUNT(inside); j++) {
            heap_free(p + inside[j], "cfree");
            assert_said("greyspan: cfree(%p): not the start of a block\n", (void *)(p + inside[j]));
        }
        for (size_t at = 16; at < sizes[i]; at = at * 3 / 16 * 16 + 16) {
            heap_free(p + at, "cfree");
            assert_said("greyspan: cfree(%p): not the start of a block\n", (void *)(p + at));
        }
        heap_free(p, "free");
        assert_said("%s", "");
    }
}

static void a_block_freed_twice_in_a_row_is_found(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0,     16,    24,     100,    1024,       1025,   5000,
                                    32768, 32769, 300000, MIB(1), MIB(1) + 1, MIB(30) };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        void *p = block_of(sizes[i]);
        heap_free(p, "free");
        for (int again = 0; again < 3; again++) {
            heap_free(p, "free");
            assert_said("greyspan: free(%p): double free\n", p);
        }
    }
}

static void a_block_freed_twice_is_found_however_much_happened_between(void **state)
{
    (void)state;
    enum { BLOCKS = 3000 };
    static void *blocks[BLOCKS];
    static const size_t sizes[] = { 32, 700, 9000, 100000 };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        size_t n = sizes[i] > 1000 ? BLOCKS / 30 : BLOCKS;
        for (size_t j = 0; j < n; j++)
            blocks[j] = block_of(sizes[i]);
        for (size_t j = 0; j < n; j++)
            heap_free(blocks[j], "free");
        for (size_t j = 0; j < n; j += 7) { /* in caches, in transfer, in spans */
            heap_free(blocks[j], "free");
            assert_said("greyspan: free(%p): double free\n", blocks[j]);
        }
        heap_trim();
        for (size_t j = 0; j < n; j += 7) { /* their spans are gone, and perhaps what was known of them */
            heap_free(blocks[j], "free");
            const char *said = os_fake_written();
            assert_true(strstr(said, ": double free\n") != NULL
                        || strstr(said, ": not a block of this heap\n") != NULL);
        }
    }
}

static void a_double_free_is_found_after_the_blocks_memory_went_back(void **state)
{
    (void)state;
    enum { BLOCKS = 1000 };
    static char *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++)
        blocks[i] = block_of(640);
    for (size_t i = 0; i < BLOCKS; i++)
        if (i % 100 >= 7)
            heap_free(blocks[i], "free");
    thread_flush();
    size_t purged = 0;
    for (int call = 0; call < 2; call++)
        for (unsigned shard = 0; shard < MCENTRAL_SHARDS; shard++)
            purged += mcentral_purge(sizeclass_of(640), shard);
    assert_true(purged > 0);
    for (size_t i = 0; i < BLOCKS; i++) {
        if (i % 100 < 7) {
            assert_int_equal(heap_usable(blocks[i], "malloc_usable_size"), 640);
            heap_free(blocks[i] + 16, "free");
            assert_said("greyspan: free(%p): not the start of a block\n", (void *)(blocks[i] + 16));
            heap_free(blocks[i], "free");
            assert_said("%s", "");
        }
        heap_free(blocks[i], "free");
        assert_said("greyspan: free(%p): double free\n", (void *)blocks[i]);
    }
}

static void the_end_of_a_span_is_no_block(void **state)
{
    (void)state;
    for (unsigned code = CLASS_SMALL_FIRST; code <= CLASS_SMALL_LAST; code++) {
        const struct size_class *c = &size_classes[code];
        void *p = block_of(c->size);
        const struct span *s = pagemap_find((uintptr_t)p);
        char *end = (char *)s->base + (size_t)c->slots * c->size;
        if ((uintptr_t)end < s->base + s->pages * PAGE_BYTES) {
            /* First with slots before it that were never used, then with all of them used. */
            void *all[SLOTS_MAX];
            for (size_t i = 0; i + 1 < c->slots; i++)
                all[i] = block_of(c->size);
            heap_free(end, "free");
            assert_said("greyspan: free(%p): not the start of a block\n", (void *)end);
            for (size_t i = 0; i + 1 < c->slots; i++)
                heap_free(all[i], "free");
        }
        heap_free(p, "free");
    }
    assert_said("%s", "");
}

static void a_freed_block_that_was_written_to_is_reported_and_not_used_again(void **state)
{
    (void)state;
    char *a = block_of(48), *b = block_of(48);
    heap_free(b, "free");
    heap_free(a, "free");
    memset(a, 0xee, 48);
    void *c = heap_malloc(48, "malloc");
    assert_said("greyspan: malloc(48): block %p was written to after it was freed\n", (void *)a);
    assert_ptr_equal(c, b);
    for (int i = 0; i < 100; i++)
        assert_ptr_not_equal(heap_malloc(48, "malloc"), a);
    assert_said("%s", "");
}

/* Whoever overwrites the cookie and frees again is found when the block goes back to its span. */
static void a_double_free_hidden_by_a_write_is_found_at_the_flush(void **state)
{
    (void)state;
    enum { BLOCKS = 20000 };
    static void *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++)
        blocks[i] = block_of(64);
    heap_free(blocks[0], "free");
    memset(blocks[0], 0, 64);
    heap_free(blocks[0], "free");
    assert_said("%s", "");
    for (size_t i = 1; i < BLOCKS; i++)
        heap_free(blocks[i], "free");
    heap_trim();
    const char *said = os_fake_written();
    if (said[0] != '\0') { /* by a call that overflowed; a trim says nothing */
        char line[100];
        snprintf(line, sizeof line, "greyspan: free(%p): double free\n", blocks[0]);
        assert_string_equal(said, line);
    }
}

static void a_run_freed_twice_through_a_write_is_named_when_it_goes_back(void **state)
{
    (void)state;
    void *others[60];
    char *p = block_of(50000), line[100];
    for (size_t i = 0; i < COUNT(others); i++)
        others[i] = block_of(50000);
    heap_free(p, "free");
    memset(p, 0, 50000);
    heap_free(p, "free");
    for (size_t i = 0; i < COUNT(others); i++) /* more than the cache holds */
        heap_free(others[i], "free");
    snprintf(line, sizeof line, "greyspan: free(%p): double free\n", (void *)p);
    assert_string_equal(os_fake_written(), line);
}

static void sized_free_knows_the_size(void **state)
{
    (void)state;
    void *p = block_of(40);
    size_t usable = heap_usable(p, "malloc_usable_size");
    heap_free_sized(p, usable + 1, "free_sized");
    assert_said("greyspan: free_sized(%p, %zu): the block holds %zu bytes\n", p, usable + 1, usable);
    heap_free_sized(p, 40, "free_sized");
    assert_said("%s", "");
    heap_free_sized(p, 40, "free_sized");
    assert_said("greyspan: free_sized(%p): double free\n", p);
    heap_free_sized(NULL, 40, "free_sized");
    heap_free_sized((char *)p + 1, 4, "free_sized");
    assert_said("greyspan: free_sized(%p): not the start of a block\n", (void *)((char *)p + 1));
}

static void usable_size_and_realloc_want_an_allocated_block(void **state)
{
    (void)state;
    char *p = block_of(40);
    heap_free(p, "free");
    assert_int_equal(heap_usable(p, "malloc_usable_size"), 0);
    assert_said("greyspan: malloc_usable_size(%p): not an allocated block\n", (void *)p);
    assert_null(heap_realloc(p, 64, "realloc"));
    assert_said("greyspan: realloc(%p, 64): not an allocated block\n", (void *)p);
    assert_null(heap_realloc(p, 30, "realloc"));
    assert_said("greyspan: realloc(%p, 30): not an allocated block\n", (void *)p);
    assert_null(heap_realloc(p + 4, 64, "realloc"));
    assert_said("greyspan: realloc(%p, 64): not the start of a block\n", (void *)(p + 4));
    assert_null(heap_realloc(&p, 64, "realloc"));
    assert_said("greyspan: realloc(%p, 64): not a block of this heap\n", (void *)&p);
    assert_null(heap_realloc(p, 0, "realloc"));
    assert_said("greyspan: realloc(%p, 0): not an allocated block\n", (void *)p);
}

static void by_default_the_program_ends(void **state)
{
    (void)state;
    static jmp_buf after;
    void *p = block_of(40);
    options.on_error = ON_ERROR_ABORT;
    heap_free(p, "free");
    os_fake_catch_abort(&after);
    if (setjmp(after) == 0) {
        heap_free(p, "free");
        fail_msg("the program went on");
    }
    assert_said("greyspan: free(%p): double free\n", p);
}

static void null_is_freed_in_silence(void **state)
{
    (void)state;
    free_stranger(NULL);
    assert_null(heap_realloc(NULL, SIZE_MAX, "realloc"));
    assert_int_equal(errno, ENOMEM);
    errno = 0;
    assert_int_equal(heap_usable(NULL, "malloc_usable_size"), 0);
    assert_said("%s", "");
}

#define misuse_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        misuse_test(an_address_outside_the_heap_is_not_a_block_of_it),
        misuse_test(an_address_in_a_free_part_of_the_heap_is_not_a_block_of_it),
        misuse_test(an_address_inside_a_block_is_not_its_start),
        misuse_test(a_block_freed_twice_in_a_row_is_found),
        misuse_test(a_block_freed_twice_is_found_however_much_happened_between),
        misuse_test(a_double_free_is_found_after_the_blocks_memory_went_back),
        misuse_test(the_end_of_a_span_is_no_block),
        misuse_test(a_freed_block_that_was_written_to_is_reported_and_not_used_again),
        misuse_test(a_double_free_hidden_by_a_write_is_found_at_the_flush),
        misuse_test(a_run_freed_twice_through_a_write_is_named_when_it_goes_back),
        misuse_test(sized_free_knows_the_size),
        misuse_test(usable_size_and_realloc_want_an_allocated_block),
        misuse_test(by_default_the_program_ends),
        misuse_test(null_is_freed_in_silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
