#include "histogram.h"

/* The middle of a bucket. */
static uint64_t bucket_value(size_t i)
{
    if (i < (size_t)1 << HISTOGRAM_BITS)
        return i;
    unsigned shift = (unsigned)(i >> HISTOGRAM_BITS) - 1;
    uint64_t mantissa = ((uint64_t)1 << HISTOGRAM_BITS) | (i & ((1u << HISTOGRAM_BITS) - 1));
    return (mantissa << shift) + (((uint64_t)1 << shift) >> 1);
}

uint64_t histogram_quantile(const struct histogram *h, double share)
{
    uint64_t seen = 0, wanted = (uint64_t)(share * (double)h->count);
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->bucket[i];
        if (seen > wanted) {
            uint64_t value = bucket_value(i);
            return value < h->max ? value : h->max;
        }
    }
    return h->max;
}

void histogram_merge(struct histogram *to, const struct histogram *from)
{
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        to->bucket[i] += from->bucket[i];
    to->count += from->count;
    to->total += from->total;
    if (from->max > to->max)
        to->max = from->max;
}
