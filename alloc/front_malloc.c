/* front_malloc: the C side of malloc, in libgreyspan-malloc.so only.
 *
 * Semantics are glibc's: 16-byte alignment, errno ENOMEM on failure and untouched on success, no
 * size above PTRDIFF_MAX. Every name through which a program can get or give back a block is here:
 * with one missing, glibc's block would reach our free. malloc and free are the heap's fast paths
 * and nothing else. docs/preload.md says what a program may expect.
 */
#define _GNU_SOURCE
#include "alloc/copies.h"
#include "alloc/heap.h"
#include "alloc/os.h"
#include "alloc/stats.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#define EXPORT __attribute__((visibility("default")))
/* copy: gcc wants an alias to promise what its target does; clang does not know the word. */
#if __has_attribute(copy)
#define ALIAS(name) __attribute__((visibility("default"), alias(#name), copy(name)))
#else
#define ALIAS(name) __attribute__((visibility("default"), alias(#name)))
#endif

/* glibc has no declarations for the names programs of old or of C23 use. */
void cfree(void *p);
void free_sized(void *p, size_t size);
void free_aligned_sized(void *p, size_t alignment, size_t size);
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_reallocarray(void *p, size_t count, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void *__libc_valloc(size_t size);
void *__libc_pvalloc(size_t size);
void __libc_free(void *p);
int __posix_memalign(void **out, size_t alignment, size_t size);
int __libc_mallopt(int parameter, int value);
struct mallinfo __libc_mallinfo(void);

static void *fail(int code)
{
    errno = code;
    return NULL;
}

/* ---- the four ----------------------------------------------------------------------------------- */

EXPORT void *malloc(size_t size)
{
    return heap_malloc(size, "malloc");
}

EXPORT void free(void *p)
{
    heap_free(p, "free");
}

EXPORT void *calloc(size_t count, size_t size)
{
    return heap_calloc(count, size, "calloc");
}

EXPORT void *realloc(void *p, size_t size)
{
    return heap_realloc(p, size, "realloc");
}

EXPORT void *reallocarray(void *p, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return fail(ENOMEM);
    return heap_realloc(p, bytes, "reallocarray");
}

/* ---- other ways to free ------------------------------------------------------------------------- */

EXPORT void cfree(void *p)
{
    heap_free(p, "cfree");
}

EXPORT void free_sized(void *p, size_t size)
{
    heap_free_sized(p, size, "free_sized");
}

EXPORT void free_aligned_sized(void *p, size_t alignment, size_t size)
{
    (void)alignment; /* blocks of every alignment are freed alike */
    heap_free_sized(p, size, "free_aligned_sized");
}

/* ---- aligned ------------------------------------------------------------------------------------ */

/* C leaves it open what an alignment that is no power of two means. memalign rounds it up, as
   glibc always did; aligned_alloc refuses it, as glibc does since 2.38. */
EXPORT void *memalign(size_t alignment, size_t size)
{
    if (alignment > SIZE_MAX / 2 + 1)
        return fail(EINVAL);
    size_t power = MIN_ALIGN;
    while (power < alignment)
        power *= 2;
    return heap_aligned(power, size, "memalign");
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
    if (!is_pow2(alignment))
        return fail(EINVAL);
    return heap_aligned(alignment, size, "aligned_alloc");
}

/* Answers by its result alone: errno and *out stay as they were on failure. */
static GREY_NOINLINE int posix_memalign_slow(void **out, size_t alignment, size_t size)
{
    int kept = errno;
    void *p = heap_aligned(alignment, size, "posix_memalign");
    if (p == NULL) {
        errno = kept;
        return ENOMEM;
    }
    *out = p;
    return 0;
}

EXPORT int posix_memalign(void **out, size_t alignment, size_t size)
{
    if (!is_pow2(alignment) || alignment % sizeof(void *) != 0)
        return EINVAL;
    void *p = heap_pop_aligned(alignment, size);
    if (unlikely(p == NULL))
        return posix_memalign_slow(out, alignment, size);
    *out = p;
    return 0;
}

EXPORT void *valloc(size_t size)
{
    return heap_aligned(os_page_size(), size, "valloc");
}

EXPORT void *pvalloc(size_t size)
{
    size_t page = os_page_size();
    if (size > PTRDIFF_MAX - page)
        return fail(ENOMEM);
    return heap_aligned(page, round_up(size, page), "pvalloc");
}

/* ---- questions and knobs ------------------------------------------------------------------------ */

EXPORT size_t malloc_usable_size(void *p)
{
    return heap_usable(p, "malloc_usable_size");
}

/* pad would be kept at the top of glibc's heap; ours has no top. */
EXPORT int malloc_trim(size_t pad)
{
    (void)pad;
    return heap_trim() > 0;
}

/* glibc's knobs turn nothing here: 1 says that the call was understood. */
EXPORT int mallopt(int parameter, int value)
{
    (void)parameter;
    (void)value;
    return 1;
}

EXPORT void malloc_stats(void)
{
    enum { TO_STDERR = 2 };
    stats_print(TO_STDERR);
}

EXPORT int malloc_info(int options_of_call, FILE *out)
{
    if (options_of_call != 0) {
        errno = EINVAL;
        return -1;
    }
    stats_xml(out);
    return 0;
}

/* glibc's names, ours in them: "arena" is what the small blocks and the warm pages occupy, "mmap"
   the large blocks, "fast" the threads' caches. arena == uordblks + fordblks, as there. */
EXPORT struct mallinfo2 mallinfo2(void)
{
    struct grey_stats s;
    struct heap_stats h;
    size_t free_slots = 0;

    stats_read(&s, &h);
    for (unsigned i = 0; i < h.class_count; i++)
        free_slots += h.classes[i].slots - h.classes[i].used;
    return (struct mallinfo2){
        .arena = s.span_bytes - s.managed_bytes - s.large_bytes + s.warm_bytes,
        .ordblks = free_slots,
        .hblks = s.large_count,
        .hblkhd = s.large_bytes,
        .fsmblks = s.cached_bytes,
        .uordblks = s.block_bytes - s.large_bytes,
        .fordblks = s.cached_bytes + s.unused_bytes + s.warm_bytes,
        .keepcost = s.warm_bytes,
    };
}

static int saturated(size_t n)
{
    return n > INT_MAX ? INT_MAX : (int)n;
}

EXPORT struct mallinfo mallinfo(void)
{
    struct mallinfo2 m = mallinfo2();
    return (struct mallinfo){
        .arena = saturated(m.arena),
        .ordblks = saturated(m.ordblks),
        .hblks = saturated(m.hblks),
        .hblkhd = saturated(m.hblkhd),
        .fsmblks = saturated(m.fsmblks),
        .uordblks = saturated(m.uordblks),
        .fordblks = saturated(m.fordblks),
        .keepcost = saturated(m.keepcost),
    };
}

/* ---- glibc's second names, which old programs and some sanitizers of others call ------------------ */

ALIAS(malloc) void *__libc_malloc(size_t size);
ALIAS(calloc) void *__libc_calloc(size_t count, size_t size);
ALIAS(realloc) void *__libc_realloc(void *p, size_t size);
ALIAS(reallocarray) void *__libc_reallocarray(void *p, size_t count, size_t size);
ALIAS(memalign) void *__libc_memalign(size_t alignment, size_t size);
ALIAS(valloc) void *__libc_valloc(size_t size);
ALIAS(pvalloc) void *__libc_pvalloc(size_t size);
ALIAS(free) void __libc_free(void *p);
ALIAS(posix_memalign) int __posix_memalign(void **out, size_t alignment, size_t size);
ALIAS(mallopt) int __libc_mallopt(int parameter, int value);
EXPORT struct mallinfo __libc_mallinfo(void) __attribute__((alias("mallinfo")));

/* Before the constructor of startup.c, which wants to know. */
__attribute__((constructor(101))) static void front_announce(void)
{
    copies_have_front();
}
