/* lock: the contended paths, and forks. */
#include "alloc/lock.h"

#include "alloc/os.h"

enum {
    FREE,
    TAKEN,
    WAITED,   /* taken, and somebody may sleep */
    FOR_FORK, /* taken for a fork; its thread passes */
    FOR_FORK_WAITED,
};

static bool is_for_fork(const struct lock *l)
{
    return a32_load_acquire(&l->state) >= FOR_FORK; /* acquire: see lock_fork_take() */
}

/* [atomic] The forking thread, and the process it forks: in the child every thread passes, for there
   is only one. Who finds a lock held for a fork (acquire) sees what was stored before it was marked
   so (release, lock_fork_take()); a thread that is not the one reads some other number. */
static struct atomic32 fork_thread, fork_process;

void lock_fork_begin(void)
{
    uint32_t self = (uint32_t)os_gettid(), other;
    /* acquire: pairs with the release in lock_fork_end(). */
    while (!a32_cas_acquire(&fork_thread, 0, self))
        if ((other = a32_load_relaxed(&fork_thread)) != 0)
            os_futex_wait(&fork_thread, other);
    a32_store_relaxed(&fork_process, (uint32_t)os_getpid()); /* relaxed: published by lock_fork_take() */
}

void lock_fork_end(void)
{
    /* release: pairs with the acquire of the next lock_fork_begin(). */
    a32_store_release(&fork_thread, 0);
    os_futex_wake(&fork_thread, INT_MAX);
}

__thread struct lock_thread lock_self;

static struct atomicw on_free; /* [atomic] void (*)(void), set once */

void lock_on_free(void (*fn)(void))
{
    /* release: pairs with the acquire below. */
    aw_store_release(&on_free, (uintptr_t)fn);
}

void lock_leave_slow(void)
{
    void (*fn)(void) = (void (*)(void))aw_load_acquire(&on_free);
    a32_store_relaxed(&lock_self.deferred, 0); /* relaxed: see lock_enter() */
    fn();
}

void lock_fork_take(struct lock *l)
{
    lock_take(l);
    lock_note_dropped(l); /* as far as ranks go: the handlers take others */
    lock_leave();         /* nobody stops threads amid a fork */
    /* release, both: who sees the state sees which thread and process fork. We hold the lock; a
       waiter may come in between, and stays one. */
    if (!a32_cas_release(&l->state, TAKEN, FOR_FORK))
        a32_store_release(&l->state, FOR_FORK_WAITED);
}

void lock_fork_release(struct lock *l)
{
    /* release, both: pairs with the acquire of whoever takes it next. */
    if (!is_for_fork(l) || a32_cas_release(&l->state, FOR_FORK, FREE))
        return; /* or it was made meanwhile, and not taken */
    a32_store_release(&l->state, FREE);
    os_futex_wake(&l->state, INT_MAX);
}

static bool passes(void)
{
    uint32_t thread = a32_load_relaxed(&fork_thread);
    return thread != 0
           && (thread == (uint32_t)os_gettid() || a32_load_relaxed(&fork_process) != (uint32_t)os_getpid());
}

/* Holders keep a lock for well under a microsecond: spinning a little beats the kernel. */
#define SPINS 60

void lock_take_slow(struct lock *l)
{
    for (int i = 0; i < SPINS; i++) {
        cpu_relax();
        /* acquire, here and below: pairs with the release in lock_drop(). */
        if (a32_load_relaxed(&l->state) == FREE && a32_cas_acquire(&l->state, FREE, TAKEN))
            return;
    }
    for (;;) {
        /* Take it as "somebody may sleep": we cannot know that nobody else does. */
        if (a32_cas_acquire(&l->state, FREE, WAITED))
            return;
        uint32_t state = a32_load_acquire(&l->state); /* acquire: pairs with lock_fork_take() */
        if (state >= FOR_FORK) {
            if (passes())
                return;
            if (state == FOR_FORK_WAITED || a32_cas_full(&l->state, FOR_FORK, FOR_FORK_WAITED))
                os_futex_wait(&l->state, FOR_FORK_WAITED);
        } else if (state == WAITED || a32_cas_acquire(&l->state, TAKEN, WAITED)) {
            os_futex_wait(&l->state, WAITED);
        }
    }
}

void lock_drop_slow(struct lock *l)
{
    if (is_for_fork(l))
        return; /* we passed */
    assert(a32_load_relaxed(&l->state) == WAITED);
    /* release: pairs with the acquire of whoever takes it next. */
    a32_store_release(&l->state, FREE);
    os_futex_wake(&l->state, 1);
}

#ifdef GREY_CHECK
/* How many locks of each rank this thread holds, and the highest of the rank it took last, of
   which it may hold several in the order of their addresses. Only in this build, and small: the
   library's thread-local storage is static. */
static __thread uint16_t held[RANK_COUNT];
static __thread const struct lock *highest;

void lock_note_taken(struct lock *l)
{
    if (is_for_fork(l))
        return;
    for (unsigned rank = l->rank + 1; rank < RANK_COUNT; rank++)
        assert(held[rank] == 0);
    assert(held[l->rank] == 0 || highest < l);
    held[l->rank]++;
    highest = l;
}

void lock_note_dropped(struct lock *l)
{
    if (is_for_fork(l))
        return;
    assert(held[l->rank] > 0);
    held[l->rank]--;
}

bool lock_is_held(const struct lock *l)
{
    return is_for_fork(l) ? passes() : held[l->rank] > 0 && a32_load_relaxed(&l->state) != FREE;
}
#endif
