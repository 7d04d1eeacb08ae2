/* lifetime: what hangs on an object's reachability: finalizers, cleanups, weak references, ephemerons,
   weak tables, pools. docs/lifetime.md has the rules as a program sees them.

   The order at the end of a mark, threads stopped, everything strong marked:
     1  ephemerons and weak tables: values of marked keys are marked, until nothing changes;
     2  weak references to, and entries of, unmarked objects are cleared;
     3  objects with a finalizer that are unmarked are queued and marked, with all they reach (and 1 again
        for ephemerons that have just become reachable, whose dead keys are cleared);
     4  cleanups of what is unmarked now are queued.

   L1  While threads run, every record of a finalizer, weak reference or cleanup that is in the index is
       filed under an object that is allocated and was reachable at the end of the last mark.
   L2  lifetime_locks[0] guards the records, the index and the queue; the others, chosen by address, weak
       tables and the shared parts of pools. A thread holds one of them at a time, busy.
   L3  Between stop and resume the coordinator takes none of them: their holders are busy, so there is
       none. What it needs is linked through the records and objects themselves; memory of the system's
       makes long chains of ephemerons fast, but is not needed. */
#ifndef GC_LIFETIME_H
#define GC_LIFETIME_H

#include "gc/object.h"
#include "gc/roots.h"

struct mutator;

/* Pools age, before anything is marked. Threads stopped. */
GREY_HIDDEN void lifetime_begin_stopped(void);
/* Strong roots of its own: finalizers' queue, pools. Changes nothing. */
GREY_HIDDEN void lifetime_roots_stopped(struct root_sink *sink);
/* Steps 1 to 4; calls mark_word() and mark_drain_stopped(). Takes no lock, needs no memory. */
GREY_HIDDEN void lifetime_settle_stopped(void);
/* After the resume: wakes the finalizer thread, started at the first need. Not busy. */
GREY_HIDDEN void lifetime_after_cycle(void);
/* An ephemeron or weak table was reached while marking (from any marker; it is not traced further:
   its references are settled later). Once an object and cycle. Threads stopped. */
GREY_HIDDEN void lifetime_found_weak(uintptr_t object, grey_kind kind);
/* An object is freed early: its finalizer does not run, its cleanups are queued, weak references
   to it are cleared. Busy. True: cleanups are due, and finalize_wake() is to follow. */
GREY_HIDDEN bool lifetime_forget(uintptr_t object);
/* If something is due, somebody runs it: the finalizer thread is woken or started. Not busy. */
GREY_HIDDEN void finalize_wake(void);
/* A thread ends: what it keeps of pools goes to their shared parts. Busy; locks up to RANK_MUTATORS
   may be held. */
GREY_HIDDEN void lifetime_thread_exit(struct mutator *m);

/* Calls f for each entry of an ephemeron or weak table; cleared ones are left out. key 0: the value is
   kept by the object itself (a table's storage). Threads stopped. */
GREY_HIDDEN void lifetime_trace_weak(uintptr_t object, grey_kind kind,
                                     void (*f)(void *context, void *key_slot, uintptr_t key, void *value_slot,
                                               uintptr_t value),
                                     void *context);

struct lifetime_sums {
    uint64_t finalizers_run, cleanups_run, finalizers_waiting, weak_cleared;
};
GREY_HIDDEN struct lifetime_sums lifetime_sums(void);
/* In the order in which a fork takes them. */
GREY_HIDDEN void lifetime_each_lock(void (*f)(struct lock *l));
GREY_HIDDEN void lifetime_fork_child(void);

#endif
