/* stop: how threads are stopped. A thread's state is one word that it and the coordinator change by
   compare-and-swap; legal moves are in stop.c's table.

   T1  The coordinator visits every other mutator once in a stop. From its visit until the resume the
       thread is ASKED, STOPPED, HELD or GONE, never RUNNING or BLOCKED.
   T2  A thread that becomes STOPPED or HELD has stored before where its roots lie, and changes nothing
       of that until the resume.
   T3  A thread is STOPPED only when it is not busy; it is BLOCKED or HELD only when it runs no code that
       touches managed memory. */
#ifndef GC_STOP_H
#define GC_STOP_H

#include "gc/mutator.h"

enum mutator_state {
    STATE_RUNNING,
    STATE_ASKED, /* running, and counted: a stop waits for it */
    STATE_STOPPED,
    STATE_BLOCKED, /* in a blocking region: as good as stopped */
    STATE_HELD,    /* the same, and a stop relies on it: it cannot leave */
    STATE_GONE,    /* ended without a word */
    STATE_COUNT
};

/* Once, before the first thread is attached: the signal's handler, unless the program wants none. */
GREY_HIDDEN void stop_init(void);
GREY_HIDDEN bool stop_is_by_signal(void);
/* Are all others stopped by this thread? */
GREY_HIDDEN bool stop_is_coordinator(const struct mutator *m);

/* Stops here if that was asked for. Not busy. */
GREY_HIDDEN void stop_poll(struct mutator *m);

/* Into a blocking region and out of it, which waits while threads are stopped. caller_sp: from there on
   the stack stays as it is; registers are stored. Busy or not. */
GREY_HIDDEN void stop_block(struct mutator *m, uintptr_t caller_sp);
GREY_HIDDEN void stop_unblock(struct mutator *m);

GREY_HIDDEN void stop_set_cooperative(struct mutator *m, bool yes);
GREY_HIDDEN void stop_fork_child(void);

#endif
