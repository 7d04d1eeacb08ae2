/* The programs, and what each leaves for the line of JSON that main.c prints. */
#ifndef BENCH_GC_PROGRAM_H
#define BENCH_GC_PROGRAM_H

#include "histogram.h"
#include "memory.h"

struct outcome {
    uint64_t check;      /* the same for every contender, or one of them lost something */
    uint64_t operations; /* 0: the process as a whole is what is timed */
    uint64_t ns;         /* of the operations together */
    uint64_t stopped_ns; /* the part of it in which the collector had stopped the program */
    uint64_t mark_ns;    /* of one marking */
    struct histogram requests;
};

struct program {
    const char *name, *arguments; /* the latter for the usage */
    int count;                    /* of arguments, all whole numbers */
    void (*run)(const uint64_t *argument, struct outcome *out);
};

extern const struct program gcbench_program, trees_program, cache_program, churn_program, alloc_program,
    mark_program;

enum { THREADS_MOST = 64 };

static inline uint64_t random_seed(uint64_t thread)
{
    return 88172645463325252u + thread;
}

/* Marsaglia's xorshift; the Go programs draw the same numbers. */
static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

#endif
