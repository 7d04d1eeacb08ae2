/* The contract of posix_memalign, and of its relatives for alignments that are no power of two. */
#include "front.h"

static void invalid_alignments(void)
{
    static const size_t wrong[] = { 0, 1, 2, 3, 4, 5, 7, 12, 24, 40, 48, 100, 4097, SIZE_MAX, SIZE_MAX / 2 };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        void *p = hidep((void *)8);
        errno = 4711;
        CHECK(posix_memalign(&p, hide(wrong[i]), 64) == EINVAL, "alignment %#zx is refused with EINVAL",
              wrong[i]);
        CHECK(p == (void *)8, "a refusal leaves the result alone");
        CHECK(errno == 4711, "a refusal is told by the return value, errno is left alone");
    }
}

static void valid_alignments(void)
{
    for (size_t alignment = sizeof(void *); alignment <= 64 * MIB; alignment *= 2) {
        void *p = NULL;
        CHECK(posix_memalign(&p, alignment, hide(100)) == 0, "alignment %zu is taken", alignment);
        CHECK(p != NULL && (uintptr_t)p % alignment == 0, "the block is aligned to %zu", alignment);
        memset(hidep(p), 1, 100);
        free(p);
    }
}

/* memalign and aligned_alloc may refuse (EINVAL) or round up, but give nothing misaligned. */
static void odd_alignments_elsewhere(void)
{
    static const size_t odd[] = { 0, 3, 5, 24, 100, 3000, 4097 };
    for (size_t i = 0; i < COUNT(odd); i++) {
        void *(*entries[])(size_t, size_t) = { memalign, aligned_alloc };
        for (size_t e = 0; e < COUNT(entries); e++) {
            errno = 0;
            char *p = hidep(entries[e](hide(odd[i]), hide(100)));
            if (p == NULL) {
                CHECK(errno == EINVAL, "refusing the alignment %zu sets EINVAL", odd[i]);
                continue;
            }
            size_t up = 16;
            while (up < odd[i])
                up *= 2;
            CHECK((uintptr_t)p % up == 0, "alignment %zu is rounded up to %zu", odd[i], up);
            memset(p, 1, 100);
            free(p);
        }
    }
}

int main(void)
{
    invalid_alignments();
    valid_alignments();
    odd_alignments_elsewhere();

    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t n = 1; n < 20 * page; n += 1237) {
        char *v = hidep(valloc(hide(n))), *w = hidep(pvalloc(hide(n)));
        CHECK((uintptr_t)v % page == 0, "valloc gives whole pages' alignment");
        CHECK((uintptr_t)w % page == 0, "pvalloc gives whole pages' alignment");
        CHECK(malloc_usable_size(w) >= (n + page - 1) / page * page,
              "pvalloc rounds the size up to whole pages");
        memset(v, 1, n);
        memset(w, 1, (n + page - 1) / page * page);
        free(v);
        free(w);
    }
    return front_result();
}
