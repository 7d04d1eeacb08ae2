/* A block from any allocating entry can be measured, resized and freed by every other. */
#include "front.h"

typedef void *allocate_fn(size_t size);
typedef void free_fn(void *p);

static void *by_malloc(size_t n)
{
    return malloc(n);
}
static void *by_calloc(size_t n)
{
    return calloc(1, n);
}
static void *by_realloc(size_t n)
{
    return realloc(NULL, n);
}
static void *by_reallocarray(size_t n)
{
    return reallocarray(NULL, 1, n);
}
static void *by_aligned_alloc(size_t n)
{
    return aligned_alloc(64, n);
}
static void *by_memalign(size_t n)
{
    return memalign(256, n);
}
static void *by_valloc(size_t n)
{
    return valloc(n);
}
static void *by_pvalloc(size_t n)
{
    return pvalloc(n);
}
static void *by_posix_memalign(size_t n)
{
    void *p = NULL;
    return posix_memalign(&p, 128, n) == 0 ? p : NULL;
}
static void *by_libc_memalign(size_t n)
{
    void *(*f)(size_t, size_t) = (void *(*)(size_t, size_t))symbol("__libc_memalign");
    return f == NULL ? NULL : f(32, n);
}
static void *by_new(size_t n)
{
    allocate_fn *f = (allocate_fn *)symbol("_Znwm");
    return f == NULL ? NULL : f(n);
}

static void free_by_realloc(void *p)
{
    CHECK(realloc(p, hide(0)) == NULL, "realloc(p, 0) frees and gives NULL");
}
static void free_resized(void *p)
{
    void *q = realloc(p, hide(50000));
    CHECK(q != NULL, "a block from any entry can grow");
    free(q);
}

static const struct {
    const char *name;
    allocate_fn *f;
} allocators[] = {
    { "malloc", by_malloc },
    { "calloc", by_calloc },
    { "realloc", by_realloc },
    { "reallocarray", by_reallocarray },
    { "memalign", by_memalign },
    { "aligned_alloc", by_aligned_alloc },
    { "valloc", by_valloc },
    { "pvalloc", by_pvalloc },
    { "posix_memalign", by_posix_memalign },
    { "__libc_memalign", by_libc_memalign },
    { "operator new", by_new },
};

static const size_t sizes[] = { 1, 24, 100, 1000, 5000, 40000, 300000, 3000000 };

int main(void)
{
    const struct {
        const char *name;
        free_fn *f;
    } freers[] = {
        { "free", free },
        { "cfree", (free_fn *)symbol("cfree") },
        { "__libc_free", (free_fn *)symbol("__libc_free") },
        { "operator delete", (free_fn *)symbol("_ZdlPv") },
        { "realloc(p, 0)", free_by_realloc },
        { "realloc and free", free_resized },
    };

    for (size_t f = 0; f < COUNT(freers); f++) {
        CHECK(freers[f].f != NULL, "%s exists", freers[f].name);
        for (size_t a = 0; freers[f].f != NULL && a < COUNT(allocators); a++) {
            for (size_t s = 0; s < COUNT(sizes); s++) {
                char *p = hidep(allocators[a].f(hide(sizes[s])));
                CHECK(p != NULL, "%s(%zu) gives a block", allocators[a].name, sizes[s]);
                if (p == NULL)
                    continue;
                CHECK(malloc_usable_size(p) >= sizes[s], "%s(%zu): the usable size covers the request",
                      allocators[a].name, sizes[s]);
                memset(p, 0x5a, sizes[s]);
                freers[f].f(p);
            }
        }
    }
    return front_result();
}
