/* C23's free_sized and free_aligned_sized take what malloc, calloc, realloc and aligned_alloc gave. */
#include "front.h"

int main(void)
{
    void (*free_sized)(void *, size_t) = (void (*)(void *, size_t))symbol("free_sized");
    void (*free_aligned_sized)(void *, size_t, size_t) =
        (void (*)(void *, size_t, size_t))symbol("free_aligned_sized");
    REQUIRE(free_sized != NULL, "free_sized exists");
    REQUIRE(free_aligned_sized != NULL, "free_aligned_sized exists");

    size_t before = resident_bytes();
    for (size_t n = 0; n < 4 * MIB; n += n / 16 + 1) {
        for (int repeat = 0; repeat < 20; repeat++) {
            char *p = hidep(malloc(hide(n)));
            touch(p, n);
            errno = 4711;
            free_sized(p, n);
            free_sized(hidep(calloc(1, hide(n))), n);
            free_sized(hidep(realloc(hidep(malloc(hide(7))), hide(n + 1))), n + 1);
            free_sized(NULL, n);
            CHECK(errno == 4711, "free_sized leaves errno alone");
        }
        for (size_t alignment = 1; alignment <= 65536; alignment *= 4) {
            char *p = hidep(aligned_alloc(alignment, hide(n)));
            touch(p, n);
            errno = 4711;
            free_aligned_sized(p, alignment, n);
            free_aligned_sized(NULL, alignment, n);
            CHECK(errno == 4711, "free_aligned_sized leaves errno alone");
        }
    }
    CHECK(resident_bytes() < before + 64 * MIB, "both give the memory back");
    return front_result();
}
