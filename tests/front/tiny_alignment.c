/* Every block is aligned to 16, the smallest too: code compiled for glibc uses movaps on them. */
#include "front.h"

int main(void)
{
    enum { BLOCKS = 64 };
    for (size_t size = 0; size <= 2100; size++) {
        void *blocks[BLOCKS];
        for (size_t i = 0; i < BLOCKS; i++) {
            blocks[i] = hidep(i % 3 == 0   ? malloc(hide(size))
                              : i % 3 == 1 ? calloc(1, hide(size))
                                           : realloc(NULL, hide(size)));
            CHECK((uintptr_t)blocks[i] % 16 == 0, "block %zu of %zu bytes is aligned to 16", i, size);
        }
        for (size_t i = 0; i < BLOCKS; i++)
            free(blocks[i]);
    }
    for (size_t size = 2100; size < 3 * MIB; size += size / 20) {
        void *p = hidep(malloc(hide(size)));
        CHECK((uintptr_t)p % 16 == 0, "a block of %zu bytes is aligned to 16", size);
        free(p);
    }
    return front_result();
}
