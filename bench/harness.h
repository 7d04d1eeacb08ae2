/* A small C face of google-benchmark, so that the rows themselves are C.
 *
 * A row's body prepares what it needs, calls bench_begin(), runs as many iterations as it was
 * told in a loop of its own (no call into the harness in between) and calls bench_end() with the
 * number of operations it did. Wall time is google-benchmark's; processor time, page faults and
 * the peak of resident memory are read here, from the process that ran this one row.
 *
 * docs/benchmarks.md explains the rows and how their figures are compared. */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bench; /* one thread's run of one row */

typedef void bench_body(struct bench *b);

struct bench_row {
    const char *name;    /* group/detail; unique                                             */
    bench_body *body;    /* called once per thread and trial                                 */
    uint64_t arg[4];     /* read by the body through bench_arg()                             */
    uint64_t iterations; /* a fixed number; 0: as many as fill --min-time                    */
    bool memory;         /* its peak is the allocator's doing, and counts as a memory row    */
    bool scaling;        /* is also run as NAME@2 by two threads, to compare                 */
};

struct bench_rows {
    const struct bench_row *row;
    size_t count;
};

/* The number of iterations to run. The clock runs from here; with several threads, from the
 * moment the last of them arrives. */
uint64_t bench_begin(struct bench *b);

/* Stops the clock (after all threads have come) and records `operations` of this thread. */
void bench_end(struct bench *b, uint64_t operations);

uint64_t bench_arg(const struct bench *b, unsigned i);
unsigned bench_thread(const struct bench *b); /* 0 .. threads - 1 */
unsigned bench_threads(const struct bench *b);

struct bench_settings {
    double min_seconds; /* of a row without a fixed number of iterations   */
    double scale;       /* multiplies a fixed number of iterations         */
    unsigned threads;
};

/* Runs one row and prints google-benchmark's JSON to stdout. 0, or the process' exit status. */
int bench_run(const struct bench_row *row, const struct bench_settings *settings);

/* VmHWM of this process in KiB, read without allocating; 0 if unknown. */
uint64_t bench_peak_kib(void);

#ifdef __cplusplus
}
#endif
#endif
