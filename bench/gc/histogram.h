/* The clock, and a histogram of nanoseconds with 32 buckets to each power of two, so that a percentile
 * is right to about three per cent whatever its size. Recording allocates nothing and takes a few
 * nanoseconds. */
#ifndef BENCH_GC_HISTOGRAM_H
#define BENCH_GC_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

static inline uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

enum { HISTOGRAM_BITS = 5, HISTOGRAM_BUCKETS = (64 - HISTOGRAM_BITS + 1) << HISTOGRAM_BITS };

struct histogram {
    uint64_t count, max, total;
    uint64_t bucket[HISTOGRAM_BUCKETS];
};

/* Values below 32 have a bucket each; above, the power of two and the five bits after the first. */
static inline size_t histogram_bucket(uint64_t ns)
{
    if (ns < (uint64_t)1 << HISTOGRAM_BITS)
        return (size_t)ns;
    unsigned shift = 63 - (unsigned)__builtin_clzll(ns) - HISTOGRAM_BITS;
    return ((size_t)(shift + 1) << HISTOGRAM_BITS) + (size_t)((ns >> shift) & ((1u << HISTOGRAM_BITS) - 1));
}

static inline void histogram_record(struct histogram *h, uint64_t ns)
{
    h->bucket[histogram_bucket(ns)]++;
    h->count++;
    h->total += ns;
    if (ns > h->max)
        h->max = ns;
}

/* The value that this share of the records, 0 to 1, does not exceed; 0 without records. */
uint64_t histogram_quantile(const struct histogram *h, double share);
void histogram_merge(struct histogram *to, const struct histogram *from);

#endif
