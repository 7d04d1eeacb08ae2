/* What no machine can give is refused with NULL and ENOMEM by every entry, and the heap
   is as good as before. */
#include "front.h"

static const size_t huge[] = {
    SIZE_MAX,
    SIZE_MAX - 1,
    SIZE_MAX - 7,
    SIZE_MAX - 15,
    SIZE_MAX - 16,
    SIZE_MAX - 31,
    SIZE_MAX - 4095,
    SIZE_MAX - 4096,
    SIZE_MAX - 8191,
    SIZE_MAX - 65535,
    SIZE_MAX - ((size_t)64 << 20),
    SIZE_MAX / 2,
    SIZE_MAX / 2 + 1,
    SIZE_MAX / 2 - 4095,
    (size_t)1 << 62,
    (size_t)1 << 56,
    (size_t)1 << 48,
};

static void refused(void *p, const char *call, size_t size)
{
    CHECK(p == NULL, "%s of %#zx bytes gives NULL", call, size);
    CHECK(errno == ENOMEM, "%s of %#zx bytes sets errno to ENOMEM (it is %d)", call, size, errno);
    errno = 0;
}

static void one_size(size_t n)
{
    void *p = hidep((void *)8);
    errno = 0;
    refused(malloc(hide(n)), "malloc", n);
    refused(calloc(1, hide(n)), "calloc(1, n)", n);
    refused(calloc(hide(n), 1), "calloc(n, 1)", n);
    refused(realloc(NULL, hide(n)), "realloc(NULL, n)", n);
    refused(reallocarray(NULL, 1, hide(n)), "reallocarray(NULL, 1, n)", n);
    refused(valloc(hide(n)), "valloc", n);
    refused(pvalloc(hide(n)), "pvalloc", n);
    for (size_t alignment = 8; alignment <= 64 * MIB; alignment *= 8) {
        refused(memalign(alignment, hide(n)), "memalign", n);
        refused(aligned_alloc(alignment, hide(n)), "aligned_alloc", n);
        CHECK(posix_memalign(&p, alignment, hide(n)) == ENOMEM, "posix_memalign of %#zx bytes says ENOMEM",
              n);
        CHECK(p == (void *)8, "a failing posix_memalign leaves its result alone");
        errno = 0;
    }
}

static void realloc_failure_keeps_the_block(size_t old, size_t n)
{
    char *p = hidep(malloc(hide(old)));
    pattern_fill(p, old, n);
    errno = 0;
    refused(hidep(realloc(p, hide(n))), "realloc(p, n)", n);
    refused(hidep(reallocarray(p, 1, hide(n))), "reallocarray(p, 1, n)", n);
    CHECK(pattern_holds(p, old, n), "a block of %zu bytes is intact after a realloc that failed", old);
    free(p);
}

static void impossible_alignments(void)
{
    for (unsigned shift = 48; shift < 64; shift++) {
        void *p = NULL;
        errno = 0;
        CHECK(posix_memalign(&p, (size_t)1 << shift, 8) == ENOMEM, "posix_memalign(2^%u) says ENOMEM", shift);
        CHECK(hidep(memalign(hide((size_t)1 << shift), 8)) == NULL, "memalign(2^%u) gives NULL", shift);
        CHECK(errno == ENOMEM || errno == EINVAL, "memalign(2^%u) sets errno", shift);
    }
}

int main(void)
{
    for (size_t i = 0; i < COUNT(huge); i++) {
        one_size(huge[i]);
        realloc_failure_keeps_the_block(24, huge[i]);
        realloc_failure_keeps_the_block(5000, huge[i]);
        realloc_failure_keeps_the_block(3000000, huge[i]);
    }
    impossible_alignments();

    for (size_t n = 1; n < 4 * MIB; n += n / 2 + 1) {
        char *p = hidep(malloc(hide(n)));
        CHECK(p != NULL, "after all refusals a block of %zu bytes is still to be had", n);
        memset(p, 1, n);
        free(p);
    }
    return front_result();
}
