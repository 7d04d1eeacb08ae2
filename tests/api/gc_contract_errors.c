/* Impossible arguments, sizes that no machine has, and objects that few have. */
#include "gc_contract.h"

#include <sys/mman.h>

static void trace_first(void *object, struct grey_tracer *t)
{
    grey_trace(t, object);
}

static void refused(void *p, int error, const char *what)
{
    CHECK(p == NULL && errno == error, "%s: %p, errno %d", what, p, errno);
    errno = 0;
}

static void impossible_sizes(void)
{
    static const size_t huge[] = { SIZE_MAX, SIZE_MAX - 4096, (size_t)PTRDIFF_MAX + 1, PTRDIFF_MAX,
                                   PTRDIFF_MAX - 16, (size_t)1 << 60, (size_t)1 << 47, ((size_t)1 << 47) - 8192,
                                   ((size_t)1 << 46) - 8192, ((size_t)1 << 45) - 8192, (size_t)1 << 45 };
    errno = 0;
    for (size_t i = 0; i < COUNT(huge); i++) {
        size_t n = hide_size(huge[i]);
        refused(grey_alloc(GREY_NOSCAN, n), ENOMEM, "grey_alloc, noscan");
        refused(grey_alloc(GREY_CONSERVATIVE, n), ENOMEM, "grey_alloc, conservative");
        refused(grey_alloc_aligned(GREY_NOSCAN, 4096, n), ENOMEM, "grey_alloc_aligned");
        refused(grey_alloc_root(n), ENOMEM, "grey_alloc_root");
        char *p = grey_alloc(GREY_NOSCAN, 100);
        fill(p, 100, 9);
        refused(grey_realloc(p, n), ENOMEM, "grey_realloc");
        CHECK(holds(p, 100, 9), "an object outlives failures to resize it");
    }
}

/* Also after the thread has allocated objects of the kinds that are not for grey_alloc. */
static void impossible_kinds(void)
{
    uint64_t bits = 1;
    const grey_type *small = grey_type_create(&(struct grey_type_info){ "small", 32, &bits });
    static const uint64_t many[32] = { 1 };
    const grey_type *large = grey_type_create(&(struct grey_type_info){ "large", 1000, many });
    for (int i = 0; i < 3; i++)
        CHECK(grey_alloc_typed(small) != NULL && grey_alloc_typed(large) != NULL && grey_alloc_root(32) != NULL,
              "typed objects and a root block");
    void *key = grey_alloc(GREY_NOSCAN, 32);
    CHECK(grey_ephemeron_create(key, key) != NULL && grey_weak_table_create(NULL) != NULL, "weak ones");
    static const grey_kind wrong[] = { 0, GREY_TYPED, 4, GREY_ROOT, 6, 7, GREY_KIND_FIRST_CUSTOM + 5, GREY_KINDS,
                                       GREY_KINDS + 1, 1000000, (grey_kind)-1 };
    static const size_t sizes[] = { 0, 16, 32, 48, 1000, 1024, 5000, 100000 };
    for (size_t i = 0; i < COUNT(wrong); i++)
        for (size_t s = 0; s < COUNT(sizes); s++) {
            errno = 0;
            void *p = grey_alloc(wrong[i], sizes[s]);
            CHECK(p == NULL && errno == EINVAL, "kind %u cannot be allocated by size (%zu bytes): %p", wrong[i],
                  sizes[s], p);
            errno = 0;
            refused(grey_alloc_aligned(wrong[i], 16, sizes[s]), EINVAL, "grey_alloc_aligned of a wrong kind");
        }
}

static void impossible_alignments(void)
{
    static const size_t wrong[] = { 0, 3, 24, 4097, SIZE_MAX };
    errno = 0;
    for (size_t i = 0; i < COUNT(wrong); i++)
        refused(grey_alloc_aligned(GREY_NOSCAN, hide_size(wrong[i]), 64), EINVAL, "an alignment");
}

static void kinds(void)
{
    errno = 0;
    CHECK(grey_kind_create(NULL) == 0 && errno == EINVAL, "no kind of nothing");
    errno = 0;
    CHECK(grey_kind_create(&(struct grey_kind_info){ "none", NULL }) == 0 && errno == EINVAL,
          "no kind without a callback");
    char name[] = "first";
    grey_kind kind = grey_kind_create(&(struct grey_kind_info){ name, trace_first });
    strcpy(name, "other");
    CHECK(kind >= GREY_KIND_FIRST_CUSTOM && strcmp(grey_kind_name(kind), "first") == 0, "the name is copied");
    CHECK(grey_kind_create(&(struct grey_kind_info){ "again", trace_first }) == kind,
          "the same callback has the same kind");
    CHECK(grey_kind_name(GREY_NOSCAN) != NULL && grey_kind_name(GREY_CONSERVATIVE) != NULL, "names");
    CHECK(grey_kind_name(kind + 1) == NULL && grey_kind_name((grey_kind)-1) == NULL, "no names of no kinds");
}

static void errno_is_kept(void)
{
    enum { MARK = 4711 };
    errno = MARK;
    for (size_t n = 1; n < 5000000; n *= 3) {
        void *p = hide(grey_alloc(n % 2 == 0 ? GREY_NOSCAN : GREY_CONSERVATIVE, n));
        (void)grey_usable_size(grey_base(p));
        (void)grey_base(p);
    }
    grey_collect();
    CHECK(errno == MARK, "what succeeds leaves errno alone (it is %d)", errno);
}

/* Larger than 4 GiB, where a machine gives address space that it has no memory for. */
static void beyond_4_gib(void)
{
    size_t size = ((size_t)5 << 30) + 12345;
    void *probe = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (probe == MAP_FAILED) {
        fprintf(stderr, "objects of 5 GiB: left out, the system gives no such mapping\n");
        return;
    }
    munmap(probe, 2 * size);
    char *p = grey_alloc(GREY_NOSCAN, size);
    CHECK(p != NULL, "an object of 5 GiB");
    if (p == NULL)
        return;
    p[0] = p[size - 1] = p[(size_t)3 << 30] = 1;
    for (size_t at = 0; at < size; at += ((size_t)1 << 28) - 4321)
        CHECK(grey_base(p + at) == p, "5 GiB: byte %zu leads to it", at);
    CHECK(grey_base(p + size - 1) == p && grey_usable_size(p) >= size, "5 GiB: all of it");
    char *inside = p + ((size_t)4 << 30) + 77;
    p = NULL;
    grey_collect();
    grey_collect();
    p = grey_base(hide(inside));
    CHECK(p == inside - ((size_t)4 << 30) - 77 && p[0] == 1 && p[size - 1] == 1 && p[(size_t)3 << 30] == 1,
          "5 GiB: an address far inside keeps it");
    grey_free(p);
    CHECK(grey_base(inside) == NULL, "5 GiB: freed");
}

int main(void)
{
    impossible_kinds();
    impossible_sizes();
    impossible_alignments();
    kinds();
    errno_is_kept();
    beyond_4_gib();
    CHECK(grey_verify(), "the heap is sound");
    return result();
}
