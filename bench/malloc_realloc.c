/* realloc/KIND: blocks that grow. "double" from 16 B to 1 MiB; "append" by 64 B at a time to
 * 256 KiB, one block or eight in turn (so that none is last in its heap); "large" from 1 MiB by a
 * quarter each to 64 MiB. New memory is written to once a page. An operation is one realloc. */
#include "malloc_rows.h"

#include <stdlib.h>

enum { APPENDED = 64, APPEND_LIMIT = 256 << 10, MOST_BLOCKS = 8 };

static void grow_double(struct bench *b)
{
    uint64_t operations = 0;
    uint64_t n = bench_begin(b);
    for (uint64_t i = 0; i < n; i++) {
        char *p = NULL;
        size_t old = 0;
        for (size_t size = 16; size <= 1 << 20; size *= 2) {
            p = must(realloc(p, size));
            touch_pages(p + old, size - old);
            old = size;
            operations++;
        }
        free(p);
    }
    bench_end(b, operations);
}

/* arg: blocks that grow in turn */
static void append(struct bench *b)
{
    unsigned blocks = (unsigned)bench_arg(b, 0);
    uint64_t operations = 0;
    uint64_t n = bench_begin(b);
    for (uint64_t i = 0; i < n; i++) {
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
    }
    bench_end(b, operations);
}

static void grow_large(struct bench *b)
{
    uint64_t operations = 0;
    uint64_t n = bench_begin(b);
    for (uint64_t i = 0; i < n; i++) {
        char *p = NULL;
        size_t old = 0;
        for (size_t size = 1 << 20; size <= 64 << 20; size += size / 4) {
            p = must(realloc(p, size));
            touch_pages(p + old, size - old);
            old = size;
            operations++;
        }
        free(p);
    }
    bench_end(b, operations);
}

static const struct bench_row rows[] = {
    { .name = "realloc/double", .body = grow_double },
    { .name = "realloc/append-1", .body = append, .arg = { 1 } },
    { .name = "realloc/append-8", .body = append, .arg = { 8 } },
    { .name = "realloc/large", .body = grow_large, .iterations = 12, .memory = true },
};
const struct bench_rows realloc_rows = { rows, sizeof rows / sizeof rows[0] };
