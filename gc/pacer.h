/* pacer: when a cycle begins: pure arithmetic on one struct, tested with simulated programs.

   The rules are those of Go's pacer, without what concurrent marking needs:

       by growth   live + (live + roots + external of living objects) * percent / 100, but at least
                   live + the least growth * percent / 100
       by limit    limit - overhead - external, less some headroom, but at least a little beyond what
                   lives

   and the goal is the lower one. P1: goal > live, whatever the input: a cycle is never due right after one.
   Sums that overflow end at UINT64_MAX, which is no goal at all. */
#ifndef GC_PACER_H
#define GC_PACER_H

#include "alloc/base.h"

struct pacer_input {
    uint64_t percent;    /* growth before the next cycle; UINT64_MAX: never */
    uint64_t min_heap;   /* least growth, bytes, scaled by percent / 100: marking a small heap often costs more
                            than the memory is worth (docs/decisions/0007) */
    uint64_t limit;      /* soft, of all memory of the collector; 0 none */
    uint64_t live_bytes; /* marked in the last cycle */
    uint64_t root_bytes; /* scanned in the last cycle */
    uint64_t external_bytes;
    uint64_t external_live; /* of them what objects hold that live */
    uint64_t overhead_bytes; /* mapped but not of the managed heap: metadata, manual blocks, fragmentation */
};
struct pacer_goal {
    uint64_t goal;    /* heap size, bytes of objects, at which the next cycle should be over */
    uint64_t trigger; /* at which it begins: the same while marking stops the world */
    uint64_t growth;  /* what growth alone would allow: where the limit wants it sooner pacer_limiter has a
                         say up to here; beyond a cycle is due in any case */
};
/* External memory that came since counts as heap: whoever compares adds (external now - its least since the last
   cycle) to the heap's size. */
GREY_HIDDEN struct pacer_goal pacer_goal(const struct pacer_input *in);

/* How many of the unswept spans to sweep for a refill of so many bytes, so that sweeping is over at the trigger. */
GREY_HIDDEN size_t pacer_sweep_spans(uint64_t unswept, uint64_t bytes_until_trigger, uint64_t refill_bytes);

/* The collector's share of CPU is capped: a limit that is too small must not make the program collect
   all the time. A leaky bucket as of Go's limiter (48409): collecting fills it, the program's own time
   drains it, and while it holds more than a second of all CPUs a cycle for the limit's sake is put off.
   Over any time, collecting for the limit takes at most half of it, the last cycle and that second aside. */
struct pacer_limiter {
    uint64_t fill_ns; /* CPU time that collecting has taken beyond the program's */
    uint64_t last_ns; /* of the last update; 0 none yet */
};
/* gc_cpu_ns: CPU time that the collector took from the program since the last update; a stop takes all CPUs.
   Called after each cycle, and with 0 before one for the limit's sake: true when that is to be put off. */
GREY_HIDDEN bool pacer_limiter_update(struct pacer_limiter *l, uint64_t now_ns, uint64_t gc_cpu_ns,
                                      uint64_t cpus);

#endif
