/* gc: what every module of the collector sees; docs/collector.md tells how they work together.

   Threads that may touch managed objects are mutators (mutator.h). One of them at a time runs a
   cycle (collector.h): it stops the others, captures roots (roots.h), marks in parallel with
   workers (mark.h), settles what hangs on reachability (lifetime.h), and lets them go on;
   spans are swept later (space.h).

   G1  A lock of the collector is held only by threads that cannot be stopped meanwhile: mutators
       between mutator_enter() and mutator_leave(), and the collector's own threads.
   G2  Between stop and resume the coordinator takes no lock but RANK_MARK's, allocates from
       nothing but the system, and calls nothing in libc that may lock.
   G3  A mutator waits for RANK_CYCLE's and RANK_SWEEP's lock in a blocking region only
       (mutator_lock()), for their holders wait for it to stop. */
#ifndef GC_GC_H
#define GC_GC_H

#include "greyspan.h"

#include "alloc/gate.h"

/* Kinds that users do not name. */
enum {
    KIND_TYPED_LARGE = 4, /* typed, more than 512 bytes: the descriptor is the slot's last word */
    KIND_EPHEMERON = 6,
    KIND_WEAK_TABLE = 7,
    KIND_TINY = 8, /* noscan, up to TINY_BYTES: two cells in a slot, which live and die together */
};

#define TINY_BYTES 8

#endif
