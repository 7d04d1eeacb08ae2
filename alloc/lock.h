/* lock: a mutex of one word with a rank. Locks are taken in rising rank; a build with
   GREY_CHECK ends the program with a sentence when they are not. Never held over a call up
   or into libc; see docs/locking.md for what each protects. */
#ifndef ALLOC_LOCK_H
#define ALLOC_LOCK_H

#include "alloc/atomics.h"

/* In the order in which they may be taken: a thread holds only rising ranks. */
enum lock_rank {
    RANK_CYCLE,     /* the collector's cycle, from its beginning to the resume */
    RANK_SWEEP,     /* held for a step of background sweeping, and over a cycle */
    RANK_MUTATORS,  /* the list of threads that touch managed objects */
    RANK_ROOTS,     /* root ranges, callbacks, handles, fibers */
    RANK_LIFETIME,  /* finalizers, weak references, ephemerons, pools */
    RANK_KINDS,     /* kinds and types */
    RANK_SPACE,     /* managed spans of one kind and class; only a fork takes several */
    RANK_THREADS,   /* the list of thread caches, the shared cache of dying threads */
    RANK_SCAVENGER, /* the scavenger's state */
    RANK_MEMCHECK,  /* the quarantine under valgrind */
    RANK_TRANSFER,  /* one class's batches; only a fork takes several, in index order */
    RANK_CENTRAL,   /* one mcentral; only a fork takes several, in index order */
    RANK_MHEAP,     /* the page heap, its runs and arenas */
    RANK_META,      /* metadata memory */
    RANK_MARK,      /* the mark queue's shared part; never held by a mutator */
    RANK_COUNT
};

struct lock {
    struct atomic32 state; /* [atomic] enum in lock.c */
    uint32_t rank;         /* [const]  */
};

#define LOCK_INIT(r) { .state = { 0 }, .rank = (r) }

GREY_HIDDEN void lock_take_slow(struct lock *l);
GREY_HIDDEN void lock_drop_slow(struct lock *l);

/* The collector stops a thread wherever a signal finds it, but not with a lock: others may need that lock
   on their way to where they can be stopped. depth counts the locks that the thread holds or waits for; a
   signal that finds it above 0 sets deferred, and the last lock_drop() calls what lock_on_free() was given. */
struct lock_thread {
    struct atomic32 depth;    /* [owner] read by the handler */
    struct atomic32 deferred; /* [owner] set by the handler */
};
extern GREY_HIDDEN __thread struct lock_thread lock_self __attribute__((tls_model("initial-exec")));
GREY_HIDDEN void lock_on_free(void (*fn)(void));
GREY_HIDDEN void lock_leave_slow(void);

/* Out of the compiler's sight: gcc 12's UBSan tests the offset of a thread-local for null, not its address. */
static inline struct lock_thread *lock_thread_here(void)
{
    struct lock_thread *self = &lock_self;
    __asm__("" : "+r"(self));
    return self;
}

/* relaxed, in both: between a thread and its own signal handler the compiler's order is all there is. */
static inline void lock_enter(void)
{
    struct lock_thread *self = lock_thread_here();
    a32_store_relaxed(&self->depth, a32_load_relaxed(&self->depth) + 1);
    __asm__ __volatile__("" : : : "memory");
}

static inline void lock_leave(void)
{
    __asm__ __volatile__("" : : : "memory");
    struct lock_thread *self = lock_thread_here();
    uint32_t left = a32_load_relaxed(&self->depth) - 1;
    a32_store_relaxed(&self->depth, left);
    __asm__ __volatile__("" : : : "memory");
    if (unlikely(left == 0 && a32_load_relaxed(&self->deferred) != 0))
        lock_leave_slow();
}

#ifdef GREY_CHECK
GREY_HIDDEN void lock_note_taken(struct lock *l);
GREY_HIDDEN void lock_note_dropped(struct lock *l);
GREY_HIDDEN bool lock_is_held(const struct lock *l);
#else
#define lock_note_taken(l)   ((void)(l))
#define lock_note_dropped(l) ((void)(l))
#define lock_is_held(l)      (a32_load_relaxed(&(l)->state) != 0)
#endif

/* acquire: pairs with the release in lock_drop(). */
static inline void lock_take(struct lock *l)
{
    lock_enter();
    if (unlikely(!a32_cas_acquire(&l->state, 0, 1)))
        lock_take_slow(l);
    lock_note_taken(l);
}

static inline bool lock_try(struct lock *l)
{
    lock_enter();
    if (!a32_cas_acquire(&l->state, 0, 1)) {
        lock_leave();
        return false;
    }
    lock_note_taken(l);
    return true; /* also false for who passes in a fork: such a caller has another way */
}

static inline void lock_drop(struct lock *l)
{
    lock_note_dropped(l);
    if (unlikely(!a32_cas_release(&l->state, 1, 0)))
        lock_drop_slow(l);
    lock_leave();
}

/* Over a fork every lock is taken, and other libraries' fork handlers, which run inside ours,
   may allocate: from lock_fork_begin() to lock_fork_end() the forking thread, and in the child
   its only thread, passes through the locks held for the fork as if they were free.
   Of two threads that fork at once the second waits in lock_fork_begin(). */
GREY_HIDDEN void lock_fork_begin(void);
GREY_HIDDEN void lock_fork_take(struct lock *l);
GREY_HIDDEN void lock_fork_release(struct lock *l);
GREY_HIDDEN void lock_fork_end(void);

#endif
