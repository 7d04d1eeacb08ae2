/* mark: parallel marking while threads are stopped. */
#ifndef GC_MARK_H
#define GC_MARK_H

#include "gc/object.h"
#include "gc/roots.h"

struct mark_totals {
    uint64_t objects, bytes;    /* marked in this cycle */
    uint64_t root_bytes;        /* scanned */
    uint64_t private_bytes;     /* of those: of threads and fibers */
    uint64_t overflows;         /* times the queue's memory ran out */
    uint64_t cpu_ns;            /* of all markers */
};

GREY_HIDDEN bool mark_init(void); /* false: no memory; may be called again then */
/* CPUs that the process may use. */
GREY_HIDDEN unsigned mark_cpus(void);
/* Before the stop: worker threads and queue memory, as far as they can be had. */
GREY_HIDDEN void mark_prepare(size_t live_bytes);
/* The cycle for which that was is over, or given up: markers may end when they are alone. */
GREY_HIDDEN void mark_release(void);
/* Between stop and resume, by the coordinator: a cycle's beginning; the sink for roots. */
GREY_HIDDEN void mark_begin_stopped(void);
GREY_HIDDEN struct root_sink *mark_sink(void);
/* Marks an object (any word) and queues it; for the coordinator between drains. */
GREY_HIDDEN void mark_word(uintptr_t word);
/* Does the word name an object that is not marked? Words that name none are alive for ever. */
GREY_HIDDEN bool mark_is_missing(uintptr_t word);
/* Marks an object and does not queue it: the caller traces it. False when it was marked. */
GREY_HIDDEN bool mark_object(const struct object *o);
/* Until nothing is queued, in parallel. */
GREY_HIDDEN void mark_drain_stopped(void);
GREY_HIDDEN struct mark_totals mark_end_stopped(void);

/* The last of the program's threads has ended: so should those that mark. */
GREY_HIDDEN void mark_note_alone(void);
GREY_HIDDEN void mark_fork_child(void); /* the workers are gone */

#endif
