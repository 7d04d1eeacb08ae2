/* transit: see transit.h.

   A record lives from grey_pthread_create() until the thread has ended and somebody has joined or
   detached it by the calls below. Who joins by libc's own call leaves the record behind, until a new
   thread of ours gets the same pthread_t. */
#include "gc/transit.h"

#include "gc/stack.h"

#include <errno.h>

struct transit {
    struct transit *next, *prev; /* [lock:transit] */
    void *(*fn)(void *);         /* [const] */
    uintptr_t argument;          /* [owner] the creator's, then the thread's */
    uintptr_t result;            /* [owner] the thread's */
    uintptr_t *leftover;         /* [owner] the thread's: libc's record of it, with the result somewhere */
    struct mutator *mutator;     /* [const] made before, so that attaching does not lack it */
    pthread_t thread;            /* [lock:transit] */
    bool known;                  /* [lock:transit] thread is set */
    bool created;                /* [lock:transit] pthread_create() is over */
    bool ended;                  /* [lock:transit] */
    bool forgotten;              /* [lock:transit] nobody asks for the result any more */
    unsigned pins;               /* [lock:transit] calls that have found it and are not over */
};

static struct {
    struct lock lock;
    struct transit *list; /* [lock:transit] */
} transits = { .lock = LOCK_INIT(RANK_ROOTS) };

static struct fixalloc transit_records = { .size = sizeof(struct transit) };
static struct fixalloc leftover_records = { .size = MACHINE_RECORD_BYTES };

struct lock *transit_lock(void)
{
    return &transits.lock;
}

/* ---- records; callers are busy ---- */

static void link_record(struct transit *r)
{
    lock_take(&transits.lock);
    r->next = transits.list;
    if (r->next != NULL)
        r->next->prev = r;
    transits.list = r;
    lock_drop(&transits.lock);
}

static void drop_locked(struct transit *r)
{
    if (r->prev != NULL)
        r->prev->next = r->next;
    else
        transits.list = r->next;
    if (r->next != NULL)
        r->next->prev = r->prev;
    if (r->leftover != NULL)
        fixalloc_give(&leftover_records, r->leftover);
    fixalloc_give(&transit_records, r);
}

static void drop_if_done_locked(struct transit *r)
{
    if (r->created && r->ended && r->forgotten && r->pins == 0)
        drop_locked(r);
}

/* The thread and its creator both know who it is; neither may be first. */
static void note_thread_locked(struct transit *r, pthread_t thread)
{
    struct transit *next;
    r->thread = thread;
    r->known = true;
    for (struct transit *old = transits.list; old != NULL; old = next) {
        next = old->next;
        if (old == r || !old->known || !old->ended || !pthread_equal(old->thread, thread))
            continue;
        /* Its creator may not have come back from pthread_create() yet, or somebody from pthread_join(): then
           they drop it. */
        old->forgotten = true;
        drop_if_done_locked(old);
    }
}

/* Pinned, until unpin(). */
static struct transit *find(pthread_t thread)
{
    struct transit *r;
    lock_take(&transits.lock);
    for (r = transits.list; r != NULL; r = r->next)
        if (r->known && !r->forgotten && pthread_equal(r->thread, thread))
            break;
    if (r != NULL)
        r->pins++;
    lock_drop(&transits.lock);
    return r;
}

static void unpin(struct transit *r, bool forgotten)
{
    if (r == NULL)
        return;
    lock_take(&transits.lock);
    r->pins--;
    r->forgotten |= forgotten;
    drop_if_done_locked(r);
    lock_drop(&transits.lock);
}

static void end(struct transit *r)
{
    lock_take(&transits.lock);
    r->ended = true;
    drop_if_done_locked(r);
    lock_drop(&transits.lock);
}

/* ---- the thread ---- */

MACHINE_ANY_MEMORY static void copy_words(uintptr_t *to, struct machine_range from)
{
    for (const uintptr_t *p = (const uintptr_t *)from.from; p < (const uintptr_t *)from.to; p++)
        *to++ = *p;
}

/* By pthread_exit() or cancelled: the result is known to libc alone, which keeps it in the thread's
   record from before the first cleanup handler runs. */
static void end_early(void *record)
{
    struct transit *r = record;
    struct mutator *m = mutator_self();
    while (m != NULL && m->blocking > 0)
        grey_blocking_leave();
    m = mutator_enter("pthread_exit");
    if (m == NULL)
        return;
    struct machine_range words = machine_thread_record(&m->stacks->thread);
    r->leftover = fixalloc_take(&leftover_records);
    if (r->leftover != NULL)
        copy_words(r->leftover, words);
    else
        report_line("thread %s (%d): no memory to keep its result until it is joined", m->name, m->tid);
    end(r);
    mutator_leave(m);
}

static void *begin(void *record)
{
    struct transit *r = record;
    int cancellable;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancellable);
    if (!mutator_attach(r->mutator)) /* needs no memory but by a libc whose records of threads are not known */
        report_fatal("no memory to attach a new thread");
    lock_take(&transits.lock);
    note_thread_locked(r, pthread_self());
    lock_drop(&transits.lock);
    /* From here on the argument is on this stack. */
    void *result, *argument = (void *)r->argument;
    r->argument = 0;
    mutator_leave(r->mutator);

    pthread_cleanup_push(end_early, r);
    pthread_setcancelstate(cancellable, NULL);
    result = r->fn(argument);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL); /* it may have been asynchronous */
    pthread_cleanup_pop(0);

    struct mutator *m = mutator_enter("grey_pthread_create"); /* it may have been detached meanwhile */
    if (m == NULL)
        report_fatal("no memory to attach a thread that ends");
    r->result = (uintptr_t)result;
    end(r);
    mutator_leave(m);
    return result;
}

static bool starts_detached(const pthread_attr_t *attr)
{
    int state;
    return attr != NULL && pthread_attr_getdetachstate(attr, &state) == 0 && state == PTHREAD_CREATE_DETACHED;
}

static struct transit *make_record(const pthread_attr_t *attr, void *(*fn)(void *), void *argument)
{
    struct transit *r = fixalloc_take(&transit_records);
    if (r == NULL)
        return NULL;
    r->mutator = mutator_new();
    if (r->mutator == NULL) {
        fixalloc_give(&transit_records, r);
        return NULL;
    }
    r->fn = fn;
    r->argument = (uintptr_t)argument;
    r->forgotten = starts_detached(attr);
    link_record(r);
    return r;
}

static void created(struct transit *r, int error, const pthread_t *t)
{
    lock_take(&transits.lock);
    if (error == 0) {
        if (!r->known)
            note_thread_locked(r, *t);
        r->created = true;
        drop_if_done_locked(r);
    } else {
        mutator_delete(r->mutator);
        drop_locked(r);
    }
    lock_drop(&transits.lock);
}

GREY_API int grey_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *),
                                 void *argument)
{
    struct mutator *m = mutator_enter("grey_pthread_create");
    struct transit *r = m == NULL ? NULL : make_record(attr, fn, argument);
    if (m != NULL)
        mutator_leave(m);
    if (r == NULL)
        return EAGAIN;
    int error = pthread_create(t, attr, begin, r);
    m = mutator_enter("grey_pthread_create");
    created(r, error, t);
    mutator_leave(m);
    return error;
}

/* ---- who waits for it ---- */

struct join {
    pthread_t thread;
    struct transit *record; /* NULL: it is not one of ours */
    void *value;
    int error;
};

static void *join_call(void *argument)
{
    struct join *j = argument;
    j->error = pthread_join(j->thread, &j->value);
    return NULL;
}

static void join_over(void *join)
{
    const struct join *j = join;
    struct mutator *m = mutator_enter("grey_pthread_join");
    unpin(j->record, j->error == 0);
    mutator_leave(m);
}

GREY_API int grey_pthread_join(pthread_t t, void **result)
{
    struct join j = { .thread = t, .error = ECANCELED /* so it stays if this thread is cancelled */ };
    struct mutator *m = mutator_enter("grey_pthread_join");
    if (m == NULL)
        return errno;
    j.record = find(t);
    mutator_leave(m);
    pthread_cleanup_push(join_over, &j);
    /* The value lies in this frame, which is a root, until the record is forgotten. */
    grey_blocking_call(join_call, &j);
    if (j.error == 0 && result != NULL)
        *result = j.value;
    pthread_cleanup_pop(1);
    grey_keep(j.value);
    return j.error;
}

GREY_API int grey_pthread_detach(pthread_t t)
{
    struct mutator *m = mutator_enter("grey_pthread_detach");
    if (m == NULL)
        return errno;
    /* Found before: once detached and ended, its pthread_t may be another thread's. */
    struct transit *r = find(t);
    mutator_leave(m);
    int error = pthread_detach(t);
    m = mutator_enter("grey_pthread_detach");
    unpin(r, error == 0);
    mutator_leave(m);
    return error;
}

/* ---- for the collector ---- */

static void give(struct root_sink *sink, const uintptr_t *from, size_t words)
{
    struct root_range r = { .from = from, .to = from + words, .class = ROOT_INTERNAL, .name = "thread" };
    sink->range(sink, &r);
}

void transit_roots_stopped(struct root_sink *sink)
{
    for (struct transit *r = transits.list; r != NULL; r = r->next) {
        if (!without(H11_ARGUMENT))
            give(sink, &r->argument, 1);
        if (without(H11_RESULT) || r->forgotten)
            continue;
        give(sink, &r->result, 1);
        if (r->leftover != NULL)
            give(sink, r->leftover, MACHINE_RECORD_BYTES / sizeof(uintptr_t));
    }
}

/* Of the other threads none is there to begin, to end or to be joined. */
void transit_fork_child(void)
{
    struct transit *next;
    for (struct transit *r = transits.list; r != NULL; r = next) {
        next = r->next;
        if (r->known && pthread_equal(r->thread, pthread_self()))
            r->created = true, r->pins = 0; /* as far as it matters: its creator may be gone, and who waits for it */
        else
            drop_locked(r);
    }
}
