/* mutator: attaching and detaching; see mutator.h.

   A thread is detached by the destructor of a key, at its second visit: at the first, other keys'
   destructors are still to run and may allocate (see EXIT_ROUNDS of alloc/thread.c). One that allocates
   after that attaches the thread again, until its last round. */
#include "gc/mutator.h"

#include "gc/collector.h"
#include "gc/lifetime.h"
#include "gc/mark.h"
#include "gc/stack.h"
#include "gc/stop.h"
#include "gc/sweeper.h"
#include "gc/transit.h"

#include <errno.h>

#define EXIT_ROUNDS 2

/* Bins that are empty, for every kind: what is inlined goes on to its slow path. */
struct grey_local mutator_nobody = { .bins = { [0 ... GREY_KINDS - 1] = &space_no_bins },
                                     .typed = &space_no_bins };

__thread struct grey_local *grey_local = &mutator_nobody;

/* The calling thread's record, also while grey_local points to mutator_nobody. The handler reads it. */
static __thread struct mutator *attached;
static __thread uint8_t exit_rounds;
static __thread bool marker; /* see mutator_never() */

static struct {
    struct lock lock;
    struct mutator *list;    /* [lock:mutators] U3 */
    struct atomicw count;    /* [atomic] of those that are not the collector's own */
    struct atomicw critical; /* [atomic] threads with an open critical section */
    pthread_key_t key;       /* [const] */
    bool has_key;            /* [const] */
} mutators = { .lock = LOCK_INIT(RANK_MUTATORS) };

static struct fixalloc records = { .size = sizeof(struct mutator) };

struct mutator *mutator_self(void)
{
    return attached;
}

struct lock *mutator_list_lock(void)
{
    return &mutators.lock;
}

struct mutator *mutator_list(void)
{
    return mutators.list;
}

size_t mutator_count(void)
{
    return aw_load_relaxed(&mutators.count); /* relaxed: an estimate */
}

/* ---- the list ---- */

static void list(struct mutator *m)
{
    /* Not a mutator yet, so nobody waits for it to stop. */
    lock_take(&mutators.lock);
    m->next = mutators.list;
    if (m->next != NULL)
        m->next->prev = m;
    mutators.list = m;
    aw_add_relaxed(&mutators.count, 1); /* relaxed, as below: an estimate */
    lock_drop(&mutators.lock);
}

void mutator_unlist_locked(struct mutator *m)
{
    assert(lock_is_held(&mutators.lock));
    if (m->prev != NULL)
        m->prev->next = m->next;
    else
        mutators.list = m->next;
    if (m->next != NULL)
        m->next->prev = m->prev;
    m->next = m->prev = NULL;
    if (!m->collector)
        aw_add_relaxed(&mutators.count, (uintptr_t)-1);
}

void mutator_set_collector(struct mutator *m)
{
    assert(!m->collector);
    m->collector = true;
    aw_add_relaxed(&mutators.count, (uintptr_t)-1); /* relaxed: see list() */
}

/* ---- attaching ---- */

struct mutator *mutator_new(void)
{
    struct mutator *m = fixalloc_take(&records);
    if (m == NULL)
        return NULL;
    if (!stack_new(m)) {
        fixalloc_give(&records, m);
        return NULL;
    }
    for (size_t k = 0; k < GREY_KINDS; k++)
        m->local.bins[k] = &space_no_bins;
    m->local.typed = &space_no_bins;
    return m;
}

void mutator_delete(struct mutator *m)
{
    stack_delete(m);
    fixalloc_give(&records, m);
}

bool mutator_attach(struct mutator *m)
{
    int kept = errno;
    if (!stack_learn(m))
        return false;
    errno = kept;
    machine_thread_name(m->name);
    /* relaxed, all three: the list's lock publishes them. Busy before anybody can ask it to stop. */
    a32_store_relaxed(&m->state, STATE_RUNNING);
    a32_store_relaxed(&m->cooperative, !stop_is_by_signal());
    a32_store_relaxed(&m->busy, 1);
    attached = m;
    __asm__ __volatile__("" : : : "memory");
    /* May allocate, and fail: then the end of the thread is noticed at the next stop. Not listed yet: a
       stopped thread may have malloc's lock. */
    if (mutators.has_key)
        pthread_setspecific(mutators.key, m);
    list(m);
    grey_local = &m->local;
    errno = kept;
    return true;
}

void mutator_never(void)
{
    marker = true;
}

static GREY_COLD struct mutator *refuse(const char *call)
{
    report_misuse_args(marker || stop_is_coordinator(attached)
                           ? "called by a callback that runs while threads are stopped"
                           : "the thread is in a blocking region",
                       "%s()", call);
    errno = EPERM;
    return NULL;
}

struct mutator *mutator_enter_slow(const char *call)
{
    if (attached != NULL || marker)
        return refuse(call);
    struct mutator *m = gc_init() ? mutator_new() : NULL;
    if (m != NULL && mutator_attach(m))
        return m;
    if (m != NULL)
        mutator_delete(m);
    errno = ENOMEM;
    return NULL;
}

/* ---- detaching ---- */

void mutator_detach(struct mutator *m)
{
    struct mutator *self = mutator_enter("grey_thread_detach");
    if (self == NULL)
        return;
    assert(self == m);
    mutator_critical_end(m);
    lifetime_thread_exit(m);
    space_cache_end(m);
    mutator_leave(m);
    /* Who stops the world holds the lock and waits for us: we wait in a blocking region. */
    mutator_lock(m, &mutators.lock);
    mutator_unlist_locked(m);
    grey_local = &mutator_nobody;
    attached = NULL;
    lock_drop(&mutators.lock);
    if (mutator_count() == 0) {
        mark_note_alone();
        sweeper_note_alone();
    }
    mutator_delete(m);
}

static void thread_exit(void *record)
{
    struct mutator *m = record;
    if (m != attached)
        return; /* detached by hand, and the key's value stayed */
    if (++exit_rounds < EXIT_ROUNDS && pthread_setspecific(mutators.key, m) == 0)
        return;
    /* Cancelled in a blocking region, perhaps. */
    while (m->blocking > 0)
        grey_blocking_leave();
    mutator_detach(m);
}

void mutator_init(void)
{
    mutators.has_key = pthread_key_create(&mutators.key, thread_exit) == 0;
    stop_init();
}

GREY_API bool grey_thread_attach(void)
{
    struct mutator *m = mutator_enter("grey_thread_attach");
    if (m == NULL)
        return false;
    mutator_leave(m);
    return true;
}

GREY_API void grey_thread_detach(void)
{
    struct mutator *m = attached;
    if (m == NULL)
        return;
    if (m->blocking > 0) {
        report_misuse_args("the thread is in a blocking region", "grey_thread_detach()");
        return;
    }
    mutator_detach(m);
    if (attached == NULL && mutators.has_key) /* it was not refused */
        pthread_setspecific(mutators.key, NULL);
}

GREY_API bool grey_thread_is_attached(void)
{
    return attached != NULL;
}

/* ---- critical sections ---- */

GREY_API void grey_critical_enter(void)
{
    struct mutator *m = mutator_enter("grey_critical_enter");
    if (m == NULL)
        return;
    if (m->critical++ == 0)
        aw_add_relaxed(&mutators.critical, 1); /* relaxed: a stop orders it; without one, an estimate */
    mutator_leave(m);
}

static void critical_set(struct mutator *m, uint32_t depth)
{
    if ((depth > 0) != (m->critical > 0))
        aw_add_relaxed(&mutators.critical, depth > 0 ? 1 : (uintptr_t)-1); /* relaxed: as above */
    m->critical = depth;
}

void mutator_critical_end(struct mutator *m)
{
    critical_set(m, 0);
}

GREY_API void grey_critical_leave(void)
{
    struct mutator *m = attached == NULL ? NULL : mutator_enter("grey_critical_leave");
    if (m != NULL && m->critical > 0)
        critical_set(m, m->critical - 1);
    else if (attached == NULL || m != NULL)
        report_misuse_args("the thread is in no critical section", "grey_critical_leave()");
    if (m != NULL)
        mutator_leave(m);
}

bool mutator_any_critical(void)
{
    return aw_load_relaxed(&mutators.critical) != 0; /* relaxed: an estimate */
}

bool mutator_any_critical_stopped(void)
{
    return aw_load_relaxed(&mutators.critical) != 0; /* relaxed: the stop has ordered it */
}

/* ---- blocking regions ---- */

GREY_NOINLINE void mutator_lock(struct mutator *m, struct lock *l)
{
    assert(a32_load_relaxed(&m->busy) == 0);
    a32_store_relaxed(&m->busy, 1); /* relaxed: read by the handler on this thread */
    __asm__ __volatile__("" : : : "memory");
    if (lock_try(l))
        return;
    if (m->blocking > 0) { /* a fork in a blocking region: nobody waits for this thread */
        lock_take(l);
        return;
    }
    stop_block(m, machine_caller_sp());
    lock_take(l);
    /* Waits while threads are stopped, with the lock in hand. Nobody stops them without RANK_CYCLE's and
       RANK_MUTATORS' locks, so for these there is no wait; and whoever did needs no lock that may be
       waited for in this way until the resume (G2). */
    stop_unblock(m);
}

GREY_API GREY_NOINLINE void grey_blocking_enter(void)
{
    struct mutator *m = attached;
    if (unlikely(marker || stop_is_coordinator(m))) {
        (void)refuse("grey_blocking_enter");
        return;
    }
    if (m == NULL || m->blocking++ > 0)
        return;
    grey_local = &mutator_nobody;
    stop_block(m, machine_caller_sp());
}

GREY_API void grey_blocking_leave(void)
{
    struct mutator *m = attached;
    if (m == NULL)
        return;
    if (m->blocking == 0) {
        report_misuse_args("the thread is in no blocking region", "grey_blocking_leave()");
        return;
    }
    if (--m->blocking > 0)
        return;
    stop_unblock(m);
    grey_local = &m->local;
}

static void leave_region(void *unused)
{
    (void)unused;
    grey_blocking_leave();
}

/* What unwinds a cancelled thread runs outside the region again. */
GREY_API void *grey_blocking_call(void *(*fn)(void *), void *argument)
{
    void *result;
    grey_blocking_enter();
    pthread_cleanup_push(leave_region, NULL);
    result = fn(argument);
    pthread_cleanup_pop(1);
    return result;
}

/* ---- safepoints ---- */

GREY_API void grey_safepoint_slow(void)
{
    struct mutator *m = attached;
    if (m != NULL && m->blocking == 0 && a32_load_relaxed(&m->busy) == 0) /* relaxed: this thread's */
        stop_poll(m);
}

GREY_API void grey_thread_cooperative(bool yes)
{
    struct mutator *m = mutator_enter("grey_thread_cooperative");
    if (m == NULL)
        return;
    mutator_leave(m);
    stop_set_cooperative(m, yes);
}

/* ---- longjmp ---- */

GREY_API void grey_state_save(struct grey_state *out)
{
    const struct mutator *m = attached;
    *out = (struct grey_state){ 0 };
    if (m != NULL)
        *out = (struct grey_state){ m->critical, m->blocking, m->stacks->current };
}

GREY_API GREY_NOINLINE void grey_state_restore(const struct grey_state *state)
{
    struct mutator *m = attached;
    if (m == NULL)
        return;
    if (m->blocking > 0)
        stop_unblock(m); /* what follows changes where its roots lie (T2) */
    a32_store_relaxed(&m->busy, 1); /* relaxed: read by the handler on this thread */
    __asm__ __volatile__("" : : : "memory");
    m->blocking = state->blocking;
    grey_local = m->blocking > 0 ? &mutator_nobody : &m->local;
    critical_set(m, state->critical);
    stack_jumped(m, state->fiber);
    mutator_leave(m);
    if (m->blocking > 0)
        stop_block(m, machine_caller_sp());
}

/* ---- fork ---- */

void mutator_each_lock(void (*f)(struct lock *l))
{
    f(&mutators.lock);
    f(stack_lock());
    f(transit_lock());
}

/* The other threads' records may have been copied in mid-step and are lost to the child. */
void mutator_fork_child(void)
{
    struct mutator *m = attached;
    mutators.list = m;
    aw_store_relaxed(&mutators.count, m != NULL && !m->collector); /* relaxed, as below: the only thread */
    aw_store_relaxed(&mutators.critical, m != NULL && m->critical > 0);
    if (m != NULL) {
        m->next = m->prev = NULL;
        m->tid = m->stacks->thread.tid = os_gettid();
    }
    stack_fork_child(m);
    transit_fork_child();
    stop_fork_child();
}
