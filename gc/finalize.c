/* finalize: finalizers and cleanups: what is due, and the thread that runs it.

   F1  A record in the queue is DUE or CANCELLED. A finalizer that is DUE stays in the index by object, so
       that an early free finds it, and its object is a root; others in the queue are in no such index.
   F2  due.running is 1 from the decision to start the thread until it looks at the queue for the last
       time, or a finalizer ends it. Whoever queues does so before it looks whether a thread runs; the
       thread says that it does not before it looks at the queue: one of them sees the other. */
#include "gc/settle.h"

#include <errno.h>

#include "alloc/machine.h"
#include "gc/mark.h"

/* The thread ends when nothing was due for so long: it must not keep a process whose other threads
   have ended. */
#define IDLE_NS UINT64_C(1000000000)

/* What both begin with. */
struct task {
    struct record record;
    struct task *next; /* [lock:lifetime] in the queue */
};

struct finalizer {
    struct task task;
    grey_finalizer_fn *fn; /* [lock:lifetime] */
    void *data;            /* [lock:lifetime] */
    uintptr_t object;      /* [lock:lifetime] as given; of one that is due a root */
};

struct cleanup {
    struct task task;
    struct node by_id;     /* [lock:lifetime] until it is run or cancelled */
    grey_cleanup_fn *fn;   /* [lock:lifetime] */
    void *data;            /* [lock:lifetime] */
};

static struct store finalizers = { .record_bytes = sizeof(struct finalizer), .type = RECORD_FINALIZER };
static struct store cleanups = { .record_bytes = sizeof(struct cleanup), .type = RECORD_CLEANUP };

static struct {
    struct task *first, *last;  /* [lock:lifetime] the queue */
    struct index by_id;         /* [lock:lifetime] cleanups */
    uint64_t last_id;           /* [lock:lifetime] */
    struct atomicw waiting;     /* [atomic] records DUE in the queue */
    struct atomicw finalizers_run, cleanups_run; /* [atomic] statistics */
    struct atomic32 running;    /* [atomic] F2 */
    struct atomic32 wanted;     /* [atomic] advances with each wake; the thread sleeps on it */
} due;

static struct finalizer *finalizer_of(struct record *r)
{
    assert(r->type == RECORD_FINALIZER);
    return (struct finalizer *)r;
}

static struct cleanup *cleanup_of(struct record *r)
{
    assert(r->type == RECORD_CLEANUP);
    return (struct cleanup *)r;
}

/* relaxed, also where it is written: under the lock or with threads stopped. Who reads without asks
   again after a full barrier (F2). */
static size_t waiting(void)
{
    return aw_load_relaxed(&due.waiting);
}

/* ---- finalizers ---- */

/* Tiny objects share a slot: each cell is one. */
static bool is_start(const struct object *o, uintptr_t p)
{
    return o->base == p || (o->span->kind == KIND_TINY && p % TINY_BYTES == 0);
}

/* The one that is set; one that is due is set no more. */
static struct finalizer *find_locked(uintptr_t base, uintptr_t object)
{
    for (struct node *n = index_find(&lifetime_by_object, base); n != NULL; n = index_next(n)) {
        struct record *r = (struct record *)n;
        if (r->type == RECORD_FINALIZER && record_state(r) == RECORD_FILED && finalizer_of(r)->object == object)
            return finalizer_of(r);
    }
    return NULL;
}

static void remove_locked(uintptr_t base, uintptr_t object)
{
    struct finalizer *f = find_locked(base, object);
    if (f == NULL)
        return;
    record_unfile(&f->task.record, RECORD_CANCELLED);
    store_give_locked(&finalizers, &f->task.record);
}

static bool set_locked(uintptr_t base, uintptr_t object, grey_finalizer_fn *fn, void *data)
{
    struct finalizer *f = find_locked(base, object);
    if (f == NULL)
        f = (struct finalizer *)record_file_locked(&finalizers, base);
    if (f == NULL) {
        errno = ENOMEM;
        return false;
    }
    f->object = object;
    f->fn = fn;
    f->data = data;
    return true;
}

bool grey_finalizer_set(void *object, grey_finalizer_fn *fn, void *data)
{
    struct mutator *m = mutator_enter("grey_finalizer_set");
    if (m == NULL)
        return false;
    bool ok = false;
    struct object o;
    if (!lifetime_object(object, "grey_finalizer_set", &o)) {
        ;
    } else if (!is_start(&o, (uintptr_t)object)) {
        report_misuse("grey_finalizer_set", object, "not the start of an object");
    } else {
        lock_take(lifetime_lock);
        ok = true;
        if (fn == NULL)
            remove_locked(o.base, (uintptr_t)object);
        else
            ok = set_locked(o.base, (uintptr_t)object, fn, data);
        lock_drop(lifetime_lock);
    }
    mutator_leave(m);
    return ok;
}

/* ---- cleanups ---- */

static uint64_t add_locked(uintptr_t base, grey_cleanup_fn *fn, void *data)
{
    struct cleanup *c = (struct cleanup *)record_file_locked(&cleanups, base);
    if (c == NULL)
        return 0;
    c->by_id.key = (due.last_id + 1) * MIN_ALIGN;
    if (!index_add(&due.by_id, &c->by_id)) {
        record_unfile(&c->task.record, RECORD_CANCELLED);
        store_give_locked(&cleanups, &c->task.record);
        return 0;
    }
    c->fn = fn;
    c->data = data;
    return ++due.last_id;
}

uint64_t grey_cleanup_add(void *object, grey_cleanup_fn *fn, void *data)
{
    if (fn == NULL) {
        errno = EINVAL;
        return 0;
    }
    struct mutator *m = mutator_enter("grey_cleanup_add");
    if (m == NULL)
        return 0;
    uint64_t id = 0;
    struct object o;
    if (lifetime_object(object, "grey_cleanup_add", &o)) {
        lock_take(lifetime_lock);
        id = add_locked(o.base, fn, data);
        lock_drop(lifetime_lock);
        if (id == 0)
            errno = ENOMEM;
    }
    mutator_leave(m);
    return id;
}

/* In the middle of the queue: whoever comes to it gives it back. */
static void cancel_due_locked(struct record *r)
{
    assert(record_state(r) == RECORD_DUE);
    a32_store_relaxed(&r->state, RECORD_CANCELLED); /* relaxed: under the lock */
    aw_store_relaxed(&due.waiting, waiting() - 1);
}

static bool cancel_locked(uint64_t id)
{
    struct node *n = id <= due.last_id ? index_find(&due.by_id, id * MIN_ALIGN) : NULL;
    if (n == NULL)
        return false;
    struct cleanup *c = (struct cleanup *)((char *)n - offsetof(struct cleanup, by_id));
    index_remove(&due.by_id, n);
    if (record_state(&c->task.record) == RECORD_DUE) {
        cancel_due_locked(&c->task.record);
    } else {
        record_unfile(&c->task.record, RECORD_CANCELLED);
        store_give_locked(&cleanups, &c->task.record);
    }
    return true;
}

bool grey_cleanup_cancel(uint64_t id)
{
    struct mutator *m = mutator_enter("grey_cleanup_cancel");
    if (m == NULL)
        return false;
    lock_take(lifetime_lock);
    bool found = cancel_locked(id);
    lock_drop(lifetime_lock);
    mutator_leave(m);
    return found;
}

/* ---- the queue ---- */

static void push(struct record *r)
{
    struct task *t = (struct task *)r;
    if (r->type == RECORD_CLEANUP)
        record_unfile(r, RECORD_DUE);
    else
        a32_store_relaxed(&r->state, RECORD_DUE); /* relaxed: see record_state() */
    t->next = NULL;
    *(due.last == NULL ? &due.first : &due.last->next) = t;
    due.last = t;
    aw_store_relaxed(&due.waiting, waiting() + 1);
}

static struct record *pop_locked(void)
{
    struct task *t = due.first;
    if (t == NULL)
        return NULL;
    due.first = t->next;
    if (due.first == NULL)
        due.last = NULL;
    return &t->record;
}

static void push_if_dead(struct record *r, void *unused)
{
    (void)unused;
    if (mark_is_missing(r->node.key))
        push(r);
}

/* All of them are found before one is marked: what one object reaches may have a finalizer, too. */
bool finalize_queue_stopped(void)
{
    struct task *before = due.last;
    store_walk_stopped(&finalizers, push_if_dead, NULL);
    struct task *first = before == NULL ? due.first : before->next;
    for (struct task *t = first; t != NULL; t = t->next)
        mark_word(finalizer_of(&t->record)->object);
    return first != NULL;
}

void cleanup_queue_stopped(void)
{
    store_walk_stopped(&cleanups, push_if_dead, NULL);
}

void finalize_roots_stopped(struct root_sink *sink)
{
    if (without(H10_FINALIZER))
        return;
    for (struct task *t = due.first; t != NULL; t = t->next)
        if (t->record.type == RECORD_FINALIZER && record_state(&t->record) == RECORD_DUE)
            sink->exact(sink, ROOT_INTERNAL, &finalizer_of(&t->record)->object, finalizer_of(&t->record)->object);
}

void finalize_forget_locked(struct record *r)
{
    assert(lock_is_held(lifetime_lock));
    if (r->type == RECORD_CLEANUP) {
        push(r);
        return;
    }
    if (record_state(r) == RECORD_DUE) {
        index_remove(&lifetime_by_object, &r->node);
        cancel_due_locked(r);
        return;
    }
    record_unfile(r, RECORD_CANCELLED);
    store_give_locked(&finalizers, r);
}

/* ---- running ---- */

struct job {
    grey_finalizer_fn *finalizer; /* NULL: a cleanup */
    grey_cleanup_fn *cleanup;
    void *object; /* on this thread's stack it is a root */
    void *data;
};

static void unpack_locked(struct record *r, struct job *j)
{
    if (r->type == RECORD_FINALIZER) {
        struct finalizer *f = finalizer_of(r);
        if (record_state(r) == RECORD_DUE)
            index_remove(&lifetime_by_object, &r->node);
        *j = (struct job){ .finalizer = f->fn, .object = (void *)f->object, .data = f->data };
        store_give_locked(&finalizers, r);
        return;
    }
    struct cleanup *c = cleanup_of(r);
    *j = (struct job){ .cleanup = c->fn, .data = c->data };
    if (record_state(r) == RECORD_DUE)
        index_remove(&due.by_id, &c->by_id);
    store_give_locked(&cleanups, r);
}

static bool take_locked(struct job *j)
{
    struct record *r;
    while ((r = pop_locked()) != NULL) {
        bool cancelled = record_state(r) == RECORD_CANCELLED;
        unpack_locked(r, j);
        if (cancelled)
            continue;
        aw_store_relaxed(&due.waiting, waiting() - 1);
        return true;
    }
    return false;
}

static bool take(struct job *j)
{
    struct mutator *m = mutator_enter("grey_finalizers_run");
    if (m == NULL)
        return false;
    lock_take(lifetime_lock);
    bool any = take_locked(j);
    lock_drop(lifetime_lock);
    mutator_leave(m);
    return any;
}

/* Not inlined, and leaves nothing behind: a stale word on the thread's stack would keep the object. */
static GREY_NOINLINE bool run_one(void)
{
    struct job j;
    if (!take(&j))
        return false;
    if (j.finalizer != NULL)
        j.finalizer(j.object, j.data);
    else
        j.cleanup(j.data);
    /* relaxed: a statistic */
    aw_add_relaxed(j.finalizer != NULL ? &due.finalizers_run : &due.cleanups_run, 1);
    j = (struct job){ .object = NULL };
    __asm__ __volatile__("" : : "r"(&j) : "memory");
    return true;
}

size_t grey_finalizers_run(void)
{
    size_t ran = 0;
    for (size_t most = waiting(); ran < most && run_one(); ran++)
        ; /* what becomes due meanwhile waits for the next call: a finalizer may set itself again */
    return ran;
}

/* ---- the thread ---- */

static bool is_pumped(void)
{
    return option_now(&options.finalizers) == GREY_FINALIZERS_PUMP;
}

static void sleep_on(uint32_t seen)
{
    grey_blocking_enter();
    os_futex_wait_ns(&due.wanted, seen, IDLE_NS);
    grey_blocking_leave();
}

/* Until nothing was wanted for a while. */
static void work(void)
{
    for (;;) {
        uint32_t seen = a32_load_acquire(&due.wanted); /* acquire: pairs with the add in nudge() */
        while (!is_pumped() && run_one())
            ;
        sleep_on(seen);
        if (a32_load_relaxed(&due.wanted) == seen)
            return;
    }
}

static bool attach(void)
{
    struct mutator *m = mutator_enter("grey_finalizer_set");
    if (m == NULL)
        return false;
    mutator_set_collector(m);
    mutator_leave(m);
    return true;
}

static void runs_no_more(void *unused)
{
    (void)unused;
    (void)a32_cas_full(&due.running, 1, 0); /* full: F2 */
}

static void thread_main(void *unused)
{
    (void)unused;
    machine_signal_admit();
    if (!attach()) {
        a32_store_release(&due.running, 0); /* release: pairs with the acquire of the next start */
        return;
    }
    do {
        /* A finalizer may call pthread_exit(): what is left waits for the next cycle's thread. */
        pthread_cleanup_push(runs_no_more, NULL);
        work();
        pthread_cleanup_pop(1);
    } while (!is_pumped() && waiting() > 0 && a32_cas_acquire(&due.running, 0, 1));
    grey_thread_detach();
}

static const struct os_helper helper = { .fn = thread_main, .name = "grey-finalizer" };

/* Whether a thread runs that will see what was queued. */
static bool nudge(void)
{
    (void)a32_add_full(&due.wanted, 1); /* full: F2; and pairs with the acquire in work() */
    if (a32_load_relaxed(&due.running) == 0)
        return false;
    os_futex_wake(&due.wanted, 1);
    return true;
}

void finalize_wake(void)
{
    if (waiting() == 0 || is_pumped() || nudge() || !a32_cas_acquire(&due.running, 0, 1))
        return;
    /* libc's locks, which starting a thread waits for, may be held by a thread that is stopped. */
    grey_blocking_enter();
    bool started = os_helper_start(&helper);
    grey_blocking_leave();
    if (!started)
        a32_store_release(&due.running, 0); /* harmless: the next cycle tries again */
}

void finalize_fork_child(void)
{
    /* relaxed: the child has one thread */
    a32_store_relaxed(&due.running, 0);
    a32_store_relaxed(&due.wanted, 0);
}

void finalize_sums(struct lifetime_sums *out)
{
    /* relaxed: statistics */
    out->finalizers_waiting = waiting();
    out->finalizers_run = aw_load_relaxed(&due.finalizers_run);
    out->cleanups_run = aw_load_relaxed(&due.cleanups_run);
}
