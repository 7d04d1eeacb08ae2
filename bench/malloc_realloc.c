/* realloc/KIND: blocks that grow. "double" from 16 B to 1 MiB; "append" by 64 B at a time to
 * 256 KiB, one block or eight in turn, so that none is last in its heap; "large" from 1 MiB by a
 * quarter each to 64 MiB, one block or two in turn. Large blocks have one byte written in each new
 * page. An operation is one realloc. */
#include "malloc_rows.h"

#include <stdlib.h>

enum { APPENDED = 64, APPEND_LIMIT = 256 << 10, MOST_BLOCKS = 8 };

struct growth {
    size_t from, to;
    size_t share; /* size / share is added each time */
    unsigned blocks;
};

/* The number of reallocs. */
static uint64_t grow_all(const struct growth *g)
{
    uint64_t operations = 0;
    char *p[MOST_BLOCKS] = { NULL };
    size_t old = 0;
    for (size_t size = g->from; size <= g->to; size += size / g->share) {
        for (unsigned k = 0; k < g->blocks; k++) {
            p[k] = must(realloc(p[k], size));
            touch_pages(p[k] + old, size - old);
        }
        old = size;
        operations += g->blocks;
    }
    for (unsigned k = 0; k < g->blocks; k++)
        free(p[k]);
    return operations;
}

/* arg: from, to, share, blocks that grow in turn */
static void grow(struct bench *b)
{
    struct growth g = { bench_arg(b, 0), bench_arg(b, 1), bench_arg(b, 2), (unsigned)bench_arg(b, 3) };
    uint64_t operations = 0;
    grow_all(&g); /* pages touched for the first time belong to no iteration */
    uint64_t n = bench_begin(b);
    for (uint64_t i = 0; i < n; i++)
        operations += grow_all(&g);
    bench_end(b, operations);
}

static uint64_t append_all(unsigned blocks)
{
    uint64_t operations = 0;
    char *p[MOST_BLOCKS] = { NULL };
    for (size_t size = APPENDED; size <= APPEND_LIMIT; size += APPENDED) {
        for (unsigned k = 0; k < blocks; k++) {
            p[k] = must(realloc(p[k], size));
            *(uint64_t *)(p[k] + size - APPENDED) = size;
        }
        operations += blocks;
    }
    for (unsigned k = 0; k < blocks; k++)
        free(p[k]);
    return operations;
}

/* arg: blocks that grow in turn */
static void append(struct bench *b)
{
    unsigned blocks = (unsigned)bench_arg(b, 0);
    uint64_t operations = 0;
    append_all(blocks);
    uint64_t n = bench_begin(b);
    for (uint64_t i = 0; i < n; i++)
        operations += append_all(blocks);
    bench_end(b, operations);
}

#define LARGE(label, blocks)                                                                                 \
    {                                                                                                        \
        .name = label, .body = grow, .arg = { 1 << 20, 64 << 20, 4, blocks }, .iterations = 6,               \
        .memory = true                                                                                       \
    }
static const struct bench_row rows[] = {
    { .name = "realloc/double", .body = grow, .arg = { 16, 1 << 20, 1, 1 } },
    { .name = "realloc/append-1", .body = append, .arg = { 1 } },
    { .name = "realloc/append-8", .body = append, .arg = { 8 } },
    LARGE("realloc/large-1", 1),
    LARGE("realloc/large-2", 2),
};
const struct bench_rows realloc_rows = { rows, sizeof rows / sizeof rows[0] };
