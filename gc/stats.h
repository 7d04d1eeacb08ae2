/* stats: what the collector counts, its trace line and its listener.

   T1  One thread at a time calls gcstats_cycle(): the coordinator, with RANK_CYCLE's lock. Its sums are
       published together, so that the identities of grey_gc_stats hold whenever they are read. */
#ifndef GC_STATS_H
#define GC_STATS_H

#include "gc/collector.h"
#include "gc/mark.h"

/* Of one cycle, filled in by the coordinator. Times: CLOCK_MONOTONIC, ns, each not before the one above. */
struct cycle_record {
    uint64_t number;
    enum cycle_reason reason;
    uint64_t begin_ns;                     /* before sweeping is finished */
    uint64_t asked_ns, stopped_ns, roots_ns, marked_ns, settled_ns, resumed_ns;
    uint64_t heap_before, goal; /* bytes; goal: the one that this cycle was to meet */
    uint64_t threads;
    struct mark_totals mark;
};

GREY_HIDDEN void gcstats_init(void);        /* the trace line's time begins */
GREY_HIDDEN uint64_t gcstats_now(void);     /* CLOCK_MONOTONIC, no lock (vdso) */
GREY_HIDDEN uint64_t gcstats_cpu(void);     /* of the calling thread */
/* After the resume, RANK_CYCLE's lock held: counts, prints the trace line (GREY_GCTRACE), tells the
   listener. */
GREY_HIDDEN void gcstats_cycle(const struct cycle_record *r);
GREY_HIDDEN void gcstats_event(enum grey_event event, uint64_t time_ns, uint64_t value);
GREY_HIDDEN void gcstats_swept(uint64_t cpu_ns, uint64_t freed_bytes); /* all is swept; any thread, busy */
/* A summary for people: the end of GREY_STATS=1. */
GREY_HIDDEN void gcstats_print(int fd);

#endif
