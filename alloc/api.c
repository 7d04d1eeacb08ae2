/* api: the functions of include/greyspan.h, each a line over the heap. */
#include "greyspan.h"

#include "alloc/copies.h"
#include "alloc/heap.h"
#include "alloc/stats.h"

#include <errno.h>
#include <string.h>

void *grey_malloc(size_t size)
{
    return heap_malloc(size, "grey_malloc");
}

void grey_free(void *p)
{
    heap_free(p, "grey_free");
}

void *grey_calloc(size_t count, size_t size)
{
    return heap_calloc(count, size, "grey_calloc");
}

void *grey_realloc(void *p, size_t size)
{
    return heap_realloc(p, size, "grey_realloc");
}

void *grey_aligned_alloc(size_t alignment, size_t size)
{
    if (!is_pow2(alignment)) {
        errno = EINVAL;
        return NULL;
    }
    return heap_aligned(alignment, size, "grey_aligned_alloc");
}

size_t grey_usable_size(const void *p)
{
    return heap_usable(p, "grey_usable_size");
}

size_t grey_trim(void)
{
    return heap_trim();
}

bool grey_stats(struct grey_stats *out, size_t out_size)
{
    struct grey_stats s;

    if (out == NULL || out_size == 0)
        return false;
    stats_read(&s, NULL);
    /* Fields of a newer header, which lie behind ours, read as 0. */
    if (out_size > sizeof s)
        memset((char *)out + sizeof s, 0, out_size - sizeof s);
    memcpy(out, &s, out_size < sizeof s ? out_size : sizeof s);
    return true;
}

void grey_stats_print(int fd)
{
    stats_print(fd);
}

const char *grey_version(void)
{
    return copies_version;
}
