/* gctrace: a cycle as a line in the format of Go's gctrace=1 as of 1.18, which tools read; see
   docs/tuning.md. */
#ifndef GC_GCTRACE_H
#define GC_GCTRACE_H

#include "gc/stats.h"

enum { GCTRACE_LINE_MAX = 320 };

struct gctrace {
    const struct cycle_record *cycle;
    uint64_t start_ns;     /* of the collector */
    uint64_t total_cpu_ns; /* that the program has lost since then, this cycle included */
    uint64_t cpus;
};

/* The line without its end; the length. */
GREY_HIDDEN size_t gctrace_format(const struct gctrace *t, char out[GCTRACE_LINE_MAX]);

#endif
