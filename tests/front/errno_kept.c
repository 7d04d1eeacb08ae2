/* A call that succeeds, and every free, leaves errno as it was; also where memory has to be
   mapped or unmapped for it. */
#include "front.h"

enum { MARK = 4711 };

static const size_t sizes[] = { 0, 1, 16, 100, 1000, 8192, 32768, 40000, 200000, 1 << 20, 9 << 20, 80 << 20 };

static void kept(const char *call, size_t size)
{
    CHECK(errno == MARK, "%s of %zu bytes leaves errno alone (it is %d)", call, size, errno);
    errno = MARK;
}

static void one_size(size_t n)
{
    void *p, *q = NULL;
    errno = MARK;
    p = hidep(malloc(hide(n)));
    kept("malloc", n);
    (void)hide(malloc_usable_size(p));
    kept("malloc_usable_size", n);
    p = hidep(realloc(p, hide(n + 1000)));
    kept("a growing realloc", n);
    p = hidep(realloc(p, hide(n / 2 + 1)));
    kept("a shrinking realloc", n);
    free(p);
    kept("free", n);
    p = hidep(calloc(hide(n), 1));
    kept("calloc", n);
    free(p);
    kept("free of calloc", n);
    p = hidep(memalign(8192, hide(n)));
    kept("memalign", n);
    free(p);
    kept("free of memalign", n);
    CHECK(posix_memalign(&q, 256, hide(n)) == 0, "posix_memalign succeeds");
    kept("posix_memalign", n);
    free(hidep(q));
    kept("free of posix_memalign", n);
    free(hidep(pvalloc(hide(n))));
    kept("pvalloc", n);
}

static void bulk(void)
{
    enum { BLOCKS = 20000 };
    static void *blocks[BLOCKS];
    errno = MARK;
    for (size_t i = 0; i < BLOCKS; i++)
        blocks[i] = hidep(malloc(hide(16 + i % 3000)));
    kept("a long row of mallocs", BLOCKS);
    for (size_t i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    kept("a long row of frees", BLOCKS);
    malloc_trim(0);
    kept("malloc_trim", 0);
}

int main(void)
{
    for (size_t i = 0; i < COUNT(sizes); i++)
        one_size(sizes[i]);
    bulk();

    /* free keeps the errno of a failure that came before it. */
    void *p = hidep(malloc(100));
    CHECK(malloc(hide(SIZE_MAX)) == NULL && errno == ENOMEM, "the failure is reported");
    free(p);
    CHECK(errno == ENOMEM, "free keeps the ENOMEM of the call before");
    return front_result();
}
