/* A product or a rounding that overflows is refused with ENOMEM, never wrapped into a small
   block. */
#include "front.h"

static const struct {
    size_t count, size;
} pairs[] = {
    { SIZE_MAX, 2 },
    { SIZE_MAX, SIZE_MAX },
    { (size_t)1 << 32, (size_t)1 << 32 },
    { ((size_t)1 << 32) + 1, (size_t)1 << 32 },
    { SIZE_MAX / 16 + 1, 16 },
    { 16, SIZE_MAX / 16 + 2 },
    { SIZE_MAX / 3 + 1, 3 },
    { (size_t)1 << 63, 2 },
    { (size_t)1 << 61, 8 },
};

int main(void)
{
    for (size_t i = 0; i < COUNT(pairs); i++) {
        size_t count = hide(pairs[i].count), size = hide(pairs[i].size);
        errno = 0;
        CHECK(calloc(count, size) == NULL, "calloc(%#zx, %#zx) is refused", count, size);
        CHECK(errno == ENOMEM, "calloc(%#zx, %#zx) sets ENOMEM", count, size);

        errno = 0;
        CHECK(reallocarray(NULL, count, size) == NULL, "reallocarray(NULL, %#zx, %#zx) is refused", count,
              size);
        CHECK(errno == ENOMEM, "reallocarray(NULL, %#zx, %#zx) sets ENOMEM", count, size);

        char *p = hidep(malloc(hide(100)));
        pattern_fill(p, 100, i);
        errno = 0;
        CHECK(hidep(reallocarray(p, count, size)) == NULL, "reallocarray(p, %#zx, %#zx) is refused", count,
              size);
        CHECK(errno == ENOMEM, "reallocarray(p, %#zx, %#zx) sets ENOMEM", count, size);
        CHECK(pattern_holds(p, 100, i), "the block is intact after a reallocarray that overflowed");
        free(p);
    }

    /* pvalloc rounds up to a page: the largest sizes wrap to 0 there. */
    for (size_t below = 0; below < 70000; below += 97) {
        errno = 0;
        CHECK(pvalloc(hide(SIZE_MAX - below)) == NULL, "pvalloc(SIZE_MAX - %zu) is refused", below);
        CHECK(errno == ENOMEM, "pvalloc(SIZE_MAX - %zu) sets ENOMEM", below);
    }

    /* Size plus alignment may wrap as well. */
    for (size_t alignment = 16; alignment <= (size_t)1 << 40; alignment *= 2) {
        errno = 0;
        CHECK(memalign(alignment, hide(SIZE_MAX - alignment + 1)) == NULL, "memalign(%#zx, -%#zx) is refused",
              alignment, alignment);
        CHECK(errno == ENOMEM, "memalign(%#zx, -%#zx) sets ENOMEM", alignment, alignment);
        CHECK(memalign(alignment, hide(SIZE_MAX - alignment - 100)) == NULL,
              "memalign(%#zx, less) is refused", alignment);
    }
    return front_result();
}
