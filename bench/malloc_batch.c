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

struct lot {
    uint32_t count;
    uint32_t *size;  /* of the block allocated i-th */
    uint32_t *order; /* which to free i-th */
    uint64_t **block;
};

static struct lot make_lot(uint32_t count, uint32_t size, enum order how)
{
    struct lot lot = {
        .count = count,
        .size = bench_map(count * sizeof *lot.size),
        .order = bench_map(count * sizeof *lot.order),
        .block = bench_map(count * sizeof *lot.block),
    };
    fill_order(lot.order, count, how);
    for (uint32_t i = 0; i < count; i++)
        lot.size[i] = size != 0 ? size : mixed_size[i % MIXED_COUNT];
    return lot;
}

static void drop_lot(const struct lot *lot)
{
    bench_unmap(lot->size, lot->count * sizeof *lot->size);
    bench_unmap(lot->order, lot->count * sizeof *lot->order);
    bench_unmap(lot->block, lot->count * sizeof *lot->block);
}

static void run_rounds(const struct lot *lot, uint64_t rounds)
{
    for (uint64_t round = 0; round < rounds; round++) {
        for (uint32_t i = 0; i < lot->count; i++) {
            lot->block[i] = malloc(lot->size[i]);
            *lot->block[i] = i;
        }
        for (uint32_t i = 0; i < lot->count; i++)
            free(lot->block[lot->order[i]]);
    }
}

/* arg: count, size of each (0: mixed), order */
static void batch(struct bench *b)
{
    struct lot lot =
        make_lot((uint32_t)bench_arg(b, 0), (uint32_t)bench_arg(b, 1), (enum order)bench_arg(b, 2));
    run_rounds(&lot, 1); /* the first touch of 40 MiB takes as long as a whole run afterwards */
    uint64_t n = bench_begin(b);
    run_rounds(&lot, n);
    bench_end(b, n * lot.count);
    drop_lot(&lot);
}

#define BATCH(label, count, size, order, peak)                                                               \
    {                                                                                                        \
        .name = "batch/" label, .body = batch, .arg = { count, size, order }, .memory = peak,                \
        .scaling = true                                                                                      \
    }
#define ORDERS(label, size)                                                                                  \
    BATCH(label "-1k-fifo", 1000, size, IN_ORDER, false),                                                    \
        BATCH(label "-1k-lifo", 1000, size, REVERSE, false),                                                 \
        BATCH(label "-1k-random", 1000, size, RANDOM, false),                                                \
        BATCH(label "-10k-fifo", 10000, size, IN_ORDER, false),                                              \
        BATCH(label "-10k-lifo", 10000, size, REVERSE, false),                                               \
        BATCH(label "-10k-random", 10000, size, RANDOM, true)
static const struct bench_row rows[] = {
    ORDERS("mixed", 0),
    ORDERS("64", 64),
    ORDERS("512", 512),
    ORDERS("4K", 4096),
};
const struct bench_rows batch_rows = { rows, sizeof rows / sizeof rows[0] };
