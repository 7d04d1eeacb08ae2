/* What the groups of malloc rows share: their tables, sizes drawn in advance, memory of their own. */
#ifndef BENCH_MALLOC_ROWS_H
#define BENCH_MALLOC_ROWS_H

#include "harness.h"

extern const struct bench_rows pair_rows, batch_rows, remote_rows, server_rows, thread_rows, realloc_rows,
    calloc_rows, large_rows, aligned_rows, fragment_rows;

/* splitmix64: every run of a row draws the same numbers. */
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* From low to high - 1. */
static inline uint64_t random_between(uint64_t *state, uint64_t low, uint64_t high)
{
    return low + random_next(state) % (high - low);
}

/* Uniform in the logarithm: as many between 1 and 2 KiB as between 1 and 2 MiB. */
size_t random_log_size(uint64_t *state, size_t low, size_t high);

/* Sizes as small objects have them: half up to 64 B, three in ten up to 256 B, the rest up to
 * 1 KiB, one in twenty up to 4 KiB. */
enum { MIXED_COUNT = 4096 };
extern uint32_t mixed_size[MIXED_COUNT]; /* [const] once draw_mixed_sizes() has run, before any row */
void draw_mixed_sizes(void);

/* Memory that the measured allocator never sees; faulted in. The process ends if there is none. */
void *bench_map(size_t bytes);
void bench_unmap(void *p, size_t bytes);

/* Writes one byte in every 4 KiB, and the last one. */
void touch_pages(void *p, size_t bytes);

/* A block that was asked for must be there: a refusal would flatter the figure. */
void *must(void *p);

#endif
