/* calloc/SIZE: zeroed blocks, a hundred small ones or one large one at a time; large ones have one
 * byte written in every page: does the allocator clear what the kernel has cleared already, or
 * ask the kernel for pages that it could have cleared sooner? */
#include "malloc_rows.h"

#include <stdlib.h>

enum { BATCH = 100 };

static void calloc_small(struct bench *b)
{
    size_t size = bench_arg(b, 0);
    uint64_t *block[BATCH];
    uint64_t n = bench_begin(b);
    for (uint64_t i = 0; i < n; i++) {
        for (unsigned k = 0; k < BATCH; k++) {
            block[k] = calloc(1, size);
            *block[k] += i;
        }
        for (unsigned k = 0; k < BATCH; k++)
            free(block[k]);
    }
    bench_end(b, n * BATCH);
}

static void calloc_touched(size_t size)
{
    char *p = must(calloc(1, size));
    touch_pages(p, size);
    free(p);
}

static void calloc_large(struct bench *b)
{
    size_t size = bench_arg(b, 0);
    calloc_touched(size); /* the first touch of these pages belongs to no iteration */
    uint64_t n = bench_begin(b);
    for (uint64_t i = 0; i < n; i++)
        calloc_touched(size);
    bench_end(b, n);
}

static const struct bench_row rows[] = {
    { .name = "calloc/64", .body = calloc_small, .arg = { 64 } },
    { .name = "calloc/1K", .body = calloc_small, .arg = { 1 << 10 } },
    { .name = "calloc/16K", .body = calloc_small, .arg = { 16 << 10 } },
    { .name = "calloc/1M", .body = calloc_large, .arg = { 1 << 20 } },
    { .name = "calloc/16M", .body = calloc_large, .arg = { 16 << 20 }, .memory = true },
};
const struct bench_rows calloc_rows = { rows, sizeof rows / sizeof rows[0] };
