/* threads/KIND: thousands of short threads. Each allocates a hundred blocks; "own" frees them all
 * itself, "left" leaves every fifth for whoever joins it. An operation is one thread. */
#include "malloc_rows.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCKS = 100, LEFT_EVERY = 5 };

struct job {
    uint64_t *block[BLOCKS];
    unsigned first_size;
    bool leave;
};

static void *short_life(void *argument)
{
    struct job *job = argument;
    for (unsigned i = 0; i < BLOCKS; i++) {
        job->block[i] = malloc(mixed_size[(job->first_size + i) % MIXED_COUNT]);
        *job->block[i] = i;
    }
    for (unsigned i = 0; i < BLOCKS; i++)
        if (!job->leave || i % LEFT_EVERY != 0)
            free(job->block[i]);
    return NULL;
}

static void threads(struct bench *b)
{
    struct job job = { .leave = bench_arg(b, 0) != 0 };
    uint64_t n = bench_begin(b);
    for (uint64_t t = 0; t < n; t++) {
        pthread_t thread;
        job.first_size = (unsigned)t;
        if (pthread_create(&thread, NULL, short_life, &job) != 0) {
            perror("bench: pthread_create");
            exit(1);
        }
        pthread_join(thread, NULL);
        for (unsigned i = 0; job.leave && i < BLOCKS; i += LEFT_EVERY)
            free(job.block[i]);
    }
    bench_end(b, n);
}

static const struct bench_row rows[] = {
    { .name = "threads/own", .body = threads, .arg = { 0 }, .iterations = 5000, .memory = true },
    { .name = "threads/left", .body = threads, .arg = { 1 }, .iterations = 5000, .memory = true },
};
const struct bench_rows thread_rows = { rows, sizeof rows / sizeof rows[0] };
