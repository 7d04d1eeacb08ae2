/* A request for nothing gives a block of its own that can be freed, as with glibc. */
#include "front.h"

enum { MANY = 1000 };

static void zero_sized_blocks_are_distinct(void)
{
    static void *blocks[MANY];
    for (size_t i = 0; i < MANY; i++) {
        blocks[i] = hidep(malloc(hide(0)));
        CHECK(blocks[i] != NULL, "malloc(0) gives a block");
        for (size_t k = i > 16 ? i - 16 : 0; k < i; k++)
            CHECK(blocks[k] != blocks[i], "two live blocks of size 0 have different addresses");
    }
    for (size_t i = 0; i < MANY; i++)
        free(blocks[i]);
}

static void check_and_free(void *p, const char *call)
{
    CHECK(p != NULL, "%s gives a block", call);
    CHECK((uintptr_t)p % 16 == 0, "%s: the block is aligned to 16", call);
    memset(p, 0x5a, malloc_usable_size(p));
    free(p);
}

static void every_entry_takes_zero(void)
{
    void *p = NULL;
    check_and_free(hidep(malloc(hide(0))), "malloc(0)");
    check_and_free(hidep(calloc(hide(0), 8)), "calloc(0, 8)");
    check_and_free(hidep(calloc(8, hide(0))), "calloc(8, 0)");
    check_and_free(hidep(calloc(hide(0), SIZE_MAX)), "calloc(0, SIZE_MAX)");
    check_and_free(hidep(realloc(NULL, hide(0))), "realloc(NULL, 0)");
    check_and_free(hidep(reallocarray(NULL, hide(0), 8)), "reallocarray(NULL, 0, 8)");
    check_and_free(hidep(aligned_alloc(64, hide(0))), "aligned_alloc(64, 0)");
    check_and_free(hidep(memalign(4096, hide(0))), "memalign(4096, 0)");
    check_and_free(hidep(valloc(hide(0))), "valloc(0)");
    check_and_free(hidep(pvalloc(hide(0))), "pvalloc(0)");
    CHECK(posix_memalign(&p, 64, hide(0)) == 0, "posix_memalign(&p, 64, 0) succeeds");
    check_and_free(hidep(p), "posix_memalign(&p, 64, 0)");
}

static void realloc_to_zero_frees(void)
{
    static const size_t sizes[] = { 1, 100, 5000, 100000, 5000000 };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        void *p = hidep(malloc(hide(sizes[i])));
        errno = 4711;
        CHECK(realloc(p, hide(0)) == NULL, "realloc(p, 0) gives NULL");
        CHECK(errno == 4711, "realloc(p, 0) is no failure and leaves errno alone");
    }

    size_t before = resident_bytes();
    for (int i = 0; i < 20000; i++) {
        void *p = hidep(malloc(hide(20000)));
        memset(p, 1, 20000);
        p = hidep(realloc(p, hide(0)));
    }
    CHECK(resident_bytes() < before + 16 * MIB, "realloc(p, 0) gives the block back (no leak)");
}

static void null_is_harmless(void)
{
    errno = 4711;
    free(hidep(NULL));
    CHECK(malloc_usable_size(hidep(NULL)) == 0, "malloc_usable_size(NULL) is 0");
    CHECK(errno == 4711, "calls with NULL leave errno alone");
}

int main(void)
{
    zero_sized_blocks_are_distinct();
    every_entry_takes_zero();
    realloc_to_zero_frees();
    null_is_harmless();
    return front_result();
}
