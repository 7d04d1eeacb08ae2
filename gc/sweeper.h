/* sweeper: a thread that sweeps behind a cycle. */
#ifndef GC_SWEEPER_H
#define GC_SWEEPER_H

#include "gc/gc.h"

/* Held for each step of the sweeper, and by the coordinator over its cycle. */
GREY_HIDDEN extern struct lock sweeper_lock;

/* Before threads are stopped: starts it, if the heap is worth it and the system allows. */
GREY_HIDDEN void sweeper_prepare(size_t live_bytes);
/* There is something to sweep. */
GREY_HIDDEN void sweeper_wake(void);
/* The last of the program's threads has ended: so should the sweeper. */
GREY_HIDDEN void sweeper_note_alone(void);
GREY_HIDDEN void sweeper_fork_child(void);

#endif
