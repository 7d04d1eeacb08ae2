/* pair/SIZE: one block allocated, its first word written, freed. The fast path, and for large
 * sizes the question whether a free run stays mapped. */
#include "malloc_rows.h"

#include <stdlib.h>

static void pair(struct bench *b)
{
    size_t size = bench_arg(b, 0);
    uint64_t n = bench_begin(b);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t *p = malloc(size);
        *p = i;
        free(p);
    }
    bench_end(b, n);
}

#define PAIR(label, size)                                                                                    \
    {                                                                                                        \
        .name = "pair/" label, .body = pair, .arg = { size }, .scaling = true                                \
    }
static const struct bench_row rows[] = {
    PAIR("8", 8),
    PAIR("16", 16),
    PAIR("32", 32),
    PAIR("64", 64),
    PAIR("128", 128),
    PAIR("256", 256),
    PAIR("512", 512),
    PAIR("1K", 1 << 10),
    PAIR("2K", 2 << 10),
    PAIR("4K", 4 << 10),
    PAIR("8K", 8 << 10),
    PAIR("16K", 16 << 10),
    PAIR("32K", 32 << 10),
    PAIR("64K", 64 << 10),
    PAIR("128K", 128 << 10),
    PAIR("256K", 256 << 10),
    PAIR("512K", 512 << 10),
    PAIR("1M", 1 << 20),
};
const struct bench_rows pair_rows = { rows, sizeof rows / sizeof rows[0] };
