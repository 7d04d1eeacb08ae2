/* Programs that wrap malloc themselves call __libc_malloc and its kin: the same heap. */
#include "front.h"

typedef void *one_size_fn(size_t);
typedef void *two_sizes_fn(size_t, size_t);
typedef void *realloc_fn(void *, size_t);
typedef void free_fn(void *);

int main(void)
{
    one_size_fn *libc_malloc = (one_size_fn *)symbol("__libc_malloc");
    one_size_fn *libc_valloc = (one_size_fn *)symbol("__libc_valloc");
    one_size_fn *libc_pvalloc = (one_size_fn *)symbol("__libc_pvalloc");
    two_sizes_fn *libc_calloc = (two_sizes_fn *)symbol("__libc_calloc");
    two_sizes_fn *libc_memalign = (two_sizes_fn *)symbol("__libc_memalign");
    realloc_fn *libc_realloc = (realloc_fn *)symbol("__libc_realloc");
    free_fn *libc_free = (free_fn *)symbol("__libc_free");
    free_fn *cfree = (free_fn *)symbol("cfree");
    REQUIRE(libc_malloc && libc_valloc && libc_pvalloc && libc_calloc && libc_memalign && libc_realloc &&
                libc_free,
            "all of __libc_malloc ... __libc_free exist");

    static const size_t sizes[] = { 1, 16, 100, 3000, 70000, 2000000 };
    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < COUNT(sizes); i++) {
            size_t n = sizes[i];
            void *blocks[] = { libc_malloc(n), libc_calloc(1, n), libc_memalign(64, n),
                               libc_valloc(n), libc_pvalloc(n),   libc_realloc(NULL, n),
                               malloc(n),      memalign(128, n) };
            for (size_t k = 0; k < COUNT(blocks); k++) {
                CHECK(blocks[k] != NULL, "entry %zu of __libc_* gives %zu bytes", k, n);
                CHECK(malloc_usable_size(blocks[k]) >= n, "malloc_usable_size knows a block of __libc_*");
                memset(hidep(blocks[k]), 1, n);
                if (k % 2 == 0)
                    blocks[k] = realloc(blocks[k], n + n / 2);
                else
                    blocks[k] = libc_realloc(blocks[k], n + n / 2);
                CHECK(blocks[k] != NULL, "realloc and __libc_realloc take each other's blocks");
            }
            for (size_t k = 0; k < COUNT(blocks); k++) {
                if (k % 3 == 0)
                    libc_free(blocks[k]);
                else if (k % 3 == 1 && cfree != NULL)
                    cfree(blocks[k]);
                else
                    free(blocks[k]);
            }
        }
    }
    errno = 0;
    CHECK(libc_malloc(hide(SIZE_MAX)) == NULL && errno == ENOMEM, "__libc_malloc refuses like malloc");
    libc_free(NULL);
    return front_result();
}
