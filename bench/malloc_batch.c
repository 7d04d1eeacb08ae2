/* batch/SIZE-COUNT-ORDER: COUNT blocks allocated, each written to, then all freed in the order of
 * allocation, in reverse, or at random. */
#include "malloc_rows.h"

#include <stdlib.h>

enum order { IN_ORDER, REVERSE, RANDOM };

static void fill_order(uint32_t *order, uint32_t count, enum order how)
{
    uint64_t state = 2;
    for (uint32_t i = 0; i < count; i++)
        order[i] = how == REVERSE ? count - 1 - i : i;
    for (uint32_t i = count - 1; how == RANDOM && i > 0; i--) {
        uint32_t j = (uint32_t)random_between(&state, 0, i + 1);
        uint32_t kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

/* arg: count, size of each (0: mixed), order */
static void batch(struct bench *b)
{
    uint32_t count = (uint32_t)bench_arg(b, 0);
    uint32_t size = (uint32_t)bench_arg(b, 1);
    uint64_t **block = bench_map(count * sizeof *block);
    uint32_t *order = bench_map(count * sizeof *order);
    uint32_t *sizes = bench_map(count * sizeof *sizes);
    const uint32_t *mixed = mixed_sizes();
    fill_order(order, count, (enum order)bench_arg(b, 2));
    for (uint32_t i = 0; i < count; i++)
        sizes[i] = size != 0 ? size : mixed[i % MIXED_COUNT];

    uint64_t n = bench_begin(b);
    for (uint64_t round = 0; round < n; round++) {
        for (uint32_t i = 0; i < count; i++) {
            block[i] = malloc(sizes[i]);
            *block[i] = i;
        }
        for (uint32_t i = 0; i < count; i++)
            free(block[order[i]]);
    }
    bench_end(b, n * count);

    bench_unmap(sizes, count * sizeof *sizes);
    bench_unmap(order, count * sizeof *order);
    bench_unmap(block, count * sizeof *block);
}

#define BATCH(label, count, size, order, peak)                                                \
    {                                                                                         \
        .name = "batch/" label, .body = batch, .arg = { count, size, order }, .memory = peak, \
        .scaling = true                                                                       \
    }
#define ORDERS(label, size)                                     \
    BATCH(label "-1k-fifo", 1000, size, IN_ORDER, false),       \
        BATCH(label "-1k-lifo", 1000, size, REVERSE, false),    \
        BATCH(label "-1k-random", 1000, size, RANDOM, false),   \
        BATCH(label "-10k-fifo", 10000, size, IN_ORDER, false), \
        BATCH(label "-10k-lifo", 10000, size, REVERSE, false),  \
        BATCH(label "-10k-random", 10000, size, RANDOM, true)
static const struct bench_row rows[] = {
    ORDERS("mixed", 0),
    ORDERS("64", 64),
    ORDERS("512", 512),
    ORDERS("4K", 4096),
};
const struct bench_rows batch_rows = { rows, sizeof rows / sizeof rows[0] };
