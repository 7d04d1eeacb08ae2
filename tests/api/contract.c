/* Each function of greyspan.h does what its comment says. */
#include "api.h"

static void fill(unsigned char *p, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (unsigned char)(seed + i * 7);
}

static bool holds(const unsigned char *p, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != (unsigned char)(seed + i * 7))
            return false;
    return true;
}

static void blocks_are_aligned_and_apart(void)
{
    enum { BLOCKS = 4000 };
    static unsigned char *blocks[BLOCKS];
    for (unsigned i = 0; i < BLOCKS; i++) {
        blocks[i] = grey_malloc(i);
        CHECK(blocks[i] != NULL && (uintptr_t)blocks[i] % 16 == 0, "a block of %u bytes is aligned to 16", i);
        CHECK(grey_usable_size(blocks[i]) >= i, "a block of %u bytes has room for them", i);
        fill(blocks[i], grey_usable_size(blocks[i]), i);
    }
    for (unsigned i = 0; i < BLOCKS; i++) {
        CHECK(holds(blocks[i], grey_usable_size(blocks[i]), i), "nobody else wrote into block %u", i);
        grey_free(blocks[i]);
    }
}

static void calloc_clears(void)
{
    for (size_t n = 1; n < 3000000; n += n / 3 + 1) {
        unsigned char *p = grey_malloc(n);
        memset(p, 0xff, n);
        grey_free(p);
        p = grey_calloc(n, 1);
        bool zero = true;
        for (size_t i = 0; i < n; i++)
            zero = zero && p[i] == 0;
        CHECK(zero, "%zu bytes of grey_calloc are zero", n);
        grey_free(p);
    }
}

static void realloc_keeps_contents(void)
{
    unsigned char *p = NULL;
    size_t before = 0;
    for (size_t n = 1; n < 5000000; n += n / 2 + 1) {
        p = grey_realloc(p, n);
        CHECK(p != NULL && holds(p, before, 3), "growing to %zu keeps what was there", n);
        fill(p, n, 3);
        before = n;
    }
    for (size_t n = before; n > 1; n = n / 3 + 1) {
        p = grey_realloc(p, n);
        CHECK(p != NULL && holds(p, n, 3), "shrinking to %zu keeps what fits", n);
        if (n <= 2)
            break;
    }
    CHECK(grey_realloc(p, 0) == NULL, "size 0 frees");
}

static void alignments(void)
{
    for (size_t a = 1; a <= 1 << 21; a *= 2)
        for (size_t n = 0; n < 100000; n = n * 3 + 1) {
            unsigned char *p = grey_aligned_alloc(a, n);
            CHECK(p != NULL && (uintptr_t)p % a == 0, "%zu bytes at a multiple of %zu", n, a);
            memset(p, 1, n);
            p = grey_realloc(p, n + 1);
            CHECK(p != NULL, "an aligned block may be resized");
            grey_free(p);
        }
    static const size_t wrong[] = { 0, 3, 24, 4097, SIZE_MAX };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        errno = 0;
        CHECK(grey_aligned_alloc(hide_size(wrong[i]), 8) == NULL && errno == EINVAL, "%zu is no alignment",
              wrong[i]);
    }
}

static void failures_say_enomem(void)
{
    static const size_t huge[] = { SIZE_MAX, SIZE_MAX - 4096, (size_t)PTRDIFF_MAX + 1, PTRDIFF_MAX,
                                   (size_t)1 << 60 };
    unsigned char *p = grey_malloc(100);
    fill(p, 100, 9);
    for (size_t i = 0; i < COUNT(huge); i++) {
        size_t n = hide_size(huge[i]);
        errno = 0;
        CHECK(grey_malloc(n) == NULL && errno == ENOMEM, "grey_malloc(%zu)", n);
        errno = 0;
        CHECK(grey_calloc(n, 1) == NULL && errno == ENOMEM, "grey_calloc(%zu, 1)", n);
        errno = 0;
        CHECK(grey_calloc(n, 24) == NULL && errno == ENOMEM, "grey_calloc(%zu, 24)", n);
        errno = 0;
        CHECK(grey_realloc(p, n) == NULL && errno == ENOMEM, "grey_realloc(p, %zu)", n);
        errno = 0;
        CHECK(grey_aligned_alloc(4096, n) == NULL && errno == ENOMEM, "grey_aligned_alloc(4096, %zu)", n);
    }
    CHECK(holds(p, 100, 9), "a block outlives failures to resize it");
    grey_free(p);
}

static void errno_is_kept(void)
{
    enum { MARK = 4711 };
    errno = MARK;
    for (size_t n = 1; n < 50000000; n *= 3) {
        void *p = hide(grey_realloc(hide(grey_calloc(n, 1)), n * 2));
        grey_free(p);
        grey_free(hide(grey_aligned_alloc(512, n)));
    }
    grey_free(NULL);
    (void)grey_usable_size(NULL);
    (void)grey_trim();
    CHECK(errno == MARK, "what succeeds leaves errno alone (it is %d)", errno);
}

int main(void)
{
    blocks_are_aligned_and_apart();
    calloc_clears();
    realloc_keeps_contents();
    alignments();
    failures_say_enomem();
    errno_is_kept();
    CHECK(grey_usable_size(NULL) == 0, "NULL has no bytes");
    CHECK(strcmp(grey_version(), GREY_VERSION) == 0, "header and library are of one version");
    return result();
}
