/* scavenger: gives free pages back to the system, in the background.

   No thread exists until more than SCAVENGE_START bytes are free and warm. Then a helper
   wakes four times a second, gives back what has been free for GREY_SCAVENGE_DELAY, at a
   bounded rate, and ends itself when there has been nothing to give for two seconds. If it
   cannot be started nothing is lost but memory. madvise is called with no lock of the page
   heap held; a fork waits for the call under way, so that the child's page heap is whole. */
#ifndef ALLOC_SCAVENGER_H
#define ALLOC_SCAVENGER_H

#include "alloc/mheap.h"

#define SCAVENGE_START MIB(16)

GREY_HIDDEN void scavenger_init(void);

/* Gives everything back now, on the calling thread. Bytes given back. */
GREY_HIDDEN size_t scavenger_give_all(void);

/* For fork. */
GREY_HIDDEN struct lock *scavenger_lock(void);
GREY_HIDDEN void scavenger_fork_child(void);

#endif
