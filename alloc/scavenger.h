/* scavenger: gives free pages back to the system, in the background.

   No thread exists until more than SCAVENGE_START bytes are free and warm. Then a helper
   wakes four times a second, gives back what has been free for GREY_SCAVENGE_DELAY, at a
   bounded rate, and ends itself when for two seconds nothing was given and nothing was freed.
   If it cannot be started nothing is lost but memory. madvise is called with no lock of the page
   heap or of a central held; a fork waits for the calls under way, so that the child's heap is
   whole.

   The page heap only notes that a helper is wanted; the slow path of malloc or free starts it
   when it is done, holding no lock, and unless the loader called (os_is_loader()). When the last
   thread that has a cache ends, the helper ends, too: libc ends the process with its last thread. */
#ifndef ALLOC_SCAVENGER_H
#define ALLOC_SCAVENGER_H

#include "alloc/mheap.h"

#define SCAVENGE_START MIB(16)

GREY_HIDDEN void scavenger_init(void);

GREY_HIDDEN extern struct atomic32 scavenger_wanted; /* [atomic] */
GREY_HIDDEN void scavenger_start(const void *caller);

/* At the end of a slow path that the code at caller called. */
GREY_INLINE void scavenger_start_if_wanted(const void *caller)
{
    if (unlikely(a32_load_relaxed(&scavenger_wanted) != 0)) /* relaxed: a hint */
        scavenger_start(caller);
}

GREY_HIDDEN bool scavenger_is_running(void);

/* Are there threads with caches? */
GREY_HIDDEN void scavenger_note_threads(bool any);

/* Gives everything back now, on the calling thread. Bytes given back. */
GREY_HIDDEN size_t scavenger_give_all(void);

/* Bytes of free slots' memory given back so far, beside the page heap's. */
GREY_HIDDEN size_t scavenger_purged(void);

/* For fork. */
GREY_HIDDEN struct lock *scavenger_lock(void);
GREY_HIDDEN void scavenger_fork_child(void);

#endif
