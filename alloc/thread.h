/* thread: which cache a thread uses, from its first allocation to its last.

   T1  A thread gets a cache at its first slow path and gives it back in the second round of its
       thread-specific destructors. What it allocates and frees after that (libc does, and
       destructors of keys created later may) goes through one cache shared by all such
       threads, under a lock.
   T2  A cache is in the list of caches exactly while a thread, or the shared role, has it. */
#ifndef ALLOC_THREAD_H
#define ALLOC_THREAD_H

#include "alloc/mcache.h"

GREY_HIDDEN void thread_init(void);

/* The calling thread's cache, made if need be. NULL: use the shared one, which the call has
   locked; hand it back with thread_unshare(). */
GREY_HIDDEN struct mcache *thread_cache(void);
GREY_HIDDEN struct mcache *thread_share(void);
GREY_HIDDEN void thread_unshare(void);

/* Gives back what the calling thread caches. */
GREY_HIDDEN void thread_flush(void);

/* Sums over all caches; blocks[] by class code. An estimate while other threads run. */
struct thread_sums {
    size_t threads, bytes;
    size_t blocks[CLASS_COUNT];
};
GREY_HIDDEN void thread_sum(struct thread_sums *out);

/* For fork. */
GREY_HIDDEN struct lock *thread_lock(void);
/* In the child, locks reset: forgets the caches of threads that are gone. */
GREY_HIDDEN void thread_fork_child(void);

#endif
