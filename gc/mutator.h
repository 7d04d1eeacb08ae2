/* mutator: threads that may touch managed objects: attaching, stopping, blocking regions, and where
   their private roots lie.

   U1  A mutator between mutator_enter() and mutator_leave() is busy: it is never stopped there. A
       signal that finds it busy leaves a note, and mutator_leave() stops.
   U2  A thread in a blocking region touches no managed memory; its registers and stack pointer were
       captured at the entry. It leaves the region only when no stop is in progress.
   U3  The list of mutators changes under RANK_MUTATORS' lock, which the coordinator holds from
       before the stop until after the resume.

   The files: mutator.c attaches, detaches and has the public calls for threads, stop.c stops and lets
   go on, stack.c knows where a stopped thread's private roots lie, transit.c creates and joins. */
#ifndef GC_MUTATOR_H
#define GC_MUTATOR_H

#include "gc/roots.h"
#include "gc/space.h"

#include <pthread.h>

struct mutator {
    struct grey_local local;     /* [owner] first, for inline code; grey_local points here */
    struct cache cache;          /* [owner] space.h */
    struct atomic32 busy;        /* [owner] depth of mutator_enter(); read by the signal handler */
    struct atomic32 deferred;    /* [owner] a stop was asked for while busy */
    struct atomic32 state;       /* [atomic] enum in stop.h */
    struct atomic32 cooperative; /* [atomic] stops at safepoints only; its thread writes it */
    struct mutator *next, *prev; /* [lock:mutators] */
    int tid;                     /* [const] but in a forked child */
    char name[16];               /* [const] for messages */
    struct pool_local *pools;    /* [owner] lifetime: what the thread keeps of pools */
    struct stacks *stacks;       /* [owner] where its private roots lie: stack.c */
    uint32_t critical;           /* [owner] nesting */
    uint32_t blocking;           /* [owner] nesting */
    bool collector;              /* [owner] the finalizer thread: not counted as the program's */
};

/* The calling thread, or NULL when it is not attached. */
GREY_HIDDEN struct mutator *mutator_self(void);

/* The calling thread, attached if need be, busy. NULL with errno ENOMEM. NULL with EPERM, when misuse is
   not fatal, where the library may not be called: in a blocking region; in a callback that runs while
   threads are stopped. call: for messages. */
GREY_HIDDEN struct mutator *mutator_enter_slow(const char *call);
GREY_HIDDEN void mutator_leave_slow(struct mutator *m);

/* grey_local of threads that are not attached, or in a blocking region of the program's. */
extern GREY_HIDDEN struct grey_local mutator_nobody;

GREY_INLINE struct mutator *mutator_enter(const char *call)
{
    struct mutator *m = (struct mutator *)grey_local;
    if (unlikely((void *)m == (void *)&mutator_nobody))
        return mutator_enter_slow(call);
    /* relaxed: read by a handler on this thread; the barrier keeps the compiler from moving what
       follows before it. */
    a32_store_relaxed(&m->busy, a32_load_relaxed(&m->busy) + 1);
    __asm__ __volatile__("" : : : "memory");
    return m;
}

GREY_INLINE void mutator_leave(struct mutator *m)
{
    __asm__ __volatile__("" : : : "memory");
    uint32_t left = a32_load_relaxed(&m->busy) - 1;
    a32_store_relaxed(&m->busy, left);
    __asm__ __volatile__("" : : : "memory");
    if (unlikely(left == 0 && a32_load_relaxed(&m->deferred) != 0))
        mutator_leave_slow(m);
}

/* Takes a lock whose holders may wait for this thread to stop: the busy depth is 0 before, and 1 after,
   when the lock is held (G1): let go by lock_drop() and mutator_leave(). Waits in a blocking region. One
   that holds RANK_CYCLE's takes others by lock_take(): nobody else stops threads. */
GREY_HIDDEN void mutator_lock(struct mutator *m, struct lock *l);

/* The calling thread is one of the collector's own. */
GREY_HIDDEN void mutator_set_collector(struct mutator *m);
/* The calling thread marks while others are stopped: it must never be attached, whatever callbacks do. */
GREY_HIDDEN void mutator_never(void);

/* ---- for the coordinator, which holds RANK_CYCLE's lock and is busy (depth 1) ---- */

struct stop_times {
    uint64_t asked_ns, stopped_ns; /* CLOCK_MONOTONIC */
    size_t threads;
};

/* Stops all other mutators and captures where the private roots of all of them, the caller's too,
   lie: the caller's stack from caller_sp on, and a copy of what lies below it. Waits without a deadline but
   reports each second who does not answer. */
GREY_HIDDEN struct stop_times mutator_stop_world(struct mutator *self, uintptr_t caller_sp);
GREY_HIDDEN void mutator_resume_world(struct mutator *self);

/* Between the two. */
GREY_HIDDEN void mutator_each_stopped(void (*f)(struct mutator *m, void *context), void *context);
/* Hands out every private range of all mutators: stacks, registers, TLS, value stacks, fibers
   (parked ones of nobody, too). */
GREY_HIDDEN void mutator_roots_stopped(struct root_sink *sink);

/* Threads attached, the collector's own left out. An estimate while threads run. */
GREY_HIDDEN size_t mutator_count(void);
/* Is a critical section open in some thread? Any time: an estimate that saves a stop. With threads
   stopped: the answer, by which the coordinator gives up, or waits. */
GREY_HIDDEN bool mutator_any_critical(void);
GREY_HIDDEN bool mutator_any_critical_stopped(void);

GREY_HIDDEN void mutator_init(void);
/* For fork, over which RANK_CYCLE's lock is held, so that no stop is in progress. */
GREY_HIDDEN void mutator_each_lock(void (*f)(struct lock *l));
GREY_HIDDEN void mutator_fork_child(void); /* the calling thread is the only one left */

/* ---- within the module ---- */

GREY_HIDDEN struct mutator *mutator_new(void); /* a record, on no list; NULL: no memory */
GREY_HIDDEN void mutator_delete(struct mutator *m);
/* Attaches the calling thread with a record made before. Leaves it busy. False with errno. */
GREY_HIDDEN bool mutator_attach(struct mutator *m);
/* Flushes and forgets the calling thread, which is not busy. */
GREY_HIDDEN void mutator_detach(struct mutator *m);
GREY_HIDDEN struct lock *mutator_list_lock(void);
GREY_HIDDEN struct mutator *mutator_list(void); /* the first of all; the lock held */
GREY_HIDDEN void mutator_unlist_locked(struct mutator *m);
GREY_HIDDEN void mutator_critical_end(struct mutator *m); /* of a thread that ends in one */

#endif
