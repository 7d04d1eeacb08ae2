/* collector: the cycle. */
#ifndef GC_COLLECTOR_H
#define GC_COLLECTOR_H

#include "gc/mutator.h"

enum cycle_reason { CYCLE_GROWTH, CYCLE_LIMIT, CYCLE_FORCED, CYCLE_STRESS, CYCLE_PERIOD, CYCLE_NO_MEMORY };

/* Idempotent; the first managed call does it. False when there is no memory; then the next one tries. */
GREY_HIDDEN bool gc_init(void);

/* Marks (a whole stop), unless somebody else did meanwhile; then resume. m is attached, not busy. False when
   it could not: a critical section, no memory, amid a fork. */
GREY_HIDDEN bool collector_cycle(struct mutator *m, enum cycle_reason reason);
/* Sweeps all that is unswept. Not busy. */
GREY_HIDDEN void collector_finish_sweep(struct mutator *m);

/* On allocation's slow path: is a cycle due? And, not busy, that cycle. */
GREY_HIDDEN bool collector_is_due(struct mutator *m);
GREY_HIDDEN void collector_poll(struct mutator *m);
/* Has nothing been collected for GREY_PERIOD? */
GREY_HIDDEN bool collector_period_is_over(void);
/* On allocation's slow path, busy: sweeps its part, so that all is swept before the next cycle is due. */
GREY_HIDDEN void collector_assist_sweep(struct mutator *m);

/* The heap size at which the next cycle should be over, and the number of cycles so far. */
GREY_HIDDEN uint64_t collector_goal(void);
GREY_HIDDEN uint64_t collector_cycles(void);
/* A setting that the goal depends on was changed. */
GREY_HIDDEN void collector_settings_changed(void);

/* Runs f with threads stopped and every span swept, no cycle in progress: for verify, dump. False when it
   could not: no memory, amid a fork. */
GREY_HIDDEN bool collector_with_world_stopped(struct mutator *m, void (*f)(void *context), void *context);

#endif
