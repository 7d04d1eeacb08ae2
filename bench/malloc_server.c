/* server/KIND: a server whose worker threads are replaced while the blocks live on. Two workers at
 * a time; each replaces random blocks of its set, then ends, and the next generation takes over
 * the set of the *other* chain: most blocks are freed by a thread that did not allocate them, and
 * whose owner is dead. After larson (Larson and Krishnan, ISMM 1998). */
#include "malloc_rows.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHAINS = 2, BLOCKS = 5000, REPLACED = 20000, SIZES = 4096 };

struct chain {
    void **block; /* BLOCKS of them */
    uint64_t seed;
    const uint32_t *size; /* SIZES of them, drawn ahead */
};

static void *generation(void *argument)
{
    struct chain *chain = argument;
    for (unsigned i = 0; i < REPLACED; i++) {
        /* The high half of the number, scaled: no division while the clock runs. */
        void **place = &chain->block[((random_next(&chain->seed) >> 32) * BLOCKS) >> 32];
        size_t size = chain->size[i % SIZES];
        free(*place);
        *place = must(malloc(size));
        touch_pages(*place, size);
    }
    return NULL;
}

static void swap_blocks(struct chain *chain)
{
    void **kept = chain[0].block;
    chain[0].block = chain[1].block;
    chain[1].block = kept;
}

static void run_generation(struct chain *chain)
{
    pthread_t thread[CHAINS];
    for (int c = 0; c < CHAINS; c++) {
        if (pthread_create(&thread[c], NULL, generation, &chain[c]) != 0) {
            perror("bench: pthread_create");
            exit(1);
        }
    }
    for (int c = 0; c < CHAINS; c++)
        pthread_join(thread[c], NULL);
}

static void fill(struct chain *chain)
{
    for (unsigned i = 0; i < BLOCKS; i++) {
        size_t size = chain->size[i % SIZES];
        chain->block[i] = must(malloc(size));
        touch_pages(chain->block[i], size);
    }
}

/* arg: sizes from, to (uniform in the logarithm) */
static void server(struct bench *b)
{
    struct chain chain[CHAINS];
    size_t table = BLOCKS * sizeof *chain[0].block;
    uint32_t *size = bench_map(SIZES * sizeof *size);
    uint64_t state = 3;
    for (unsigned i = 0; i < SIZES; i++)
        size[i] = (uint32_t)random_log_size(&state, bench_arg(b, 0), bench_arg(b, 1));
    for (int c = 0; c < CHAINS; c++) {
        chain[c] = (struct chain){ bench_map(table), 4 + (uint64_t)c, size };
        fill(&chain[c]);
    }
    uint64_t n = bench_begin(b);
    for (uint64_t i = 0; i < n; i++) {
        run_generation(chain);
        swap_blocks(chain);
    }
    bench_end(b, n * CHAINS * REPLACED);
    for (int c = 0; c < CHAINS; c++) {
        for (unsigned i = 0; i < BLOCKS; i++)
            free(chain[c].block[i]);
        bench_unmap(chain[c].block, table);
    }
    bench_unmap(size, SIZES * sizeof *size);
}

static const struct bench_row rows[] = {
    { .name = "server/16-1K", .body = server, .arg = { 16, 1 << 10 }, .iterations = 60, .memory = true },
    { .name = "server/64-32K", .body = server, .arg = { 64, 32 << 10 }, .iterations = 40, .memory = true },
};
const struct bench_rows server_rows = { rows, sizeof rows / sizeof rows[0] };
