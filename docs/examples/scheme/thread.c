/* Threads of SRFI 18. Each is a thread of the system with a struct vm of its own: nothing of the interpreter
 * is behind one lock, and what threads share they share as C would, but that no race crashes.
 *
 * Threads, mutexes and condition variables have a monitor in malloc's memory. Who waits does so in a blocking
 * region, and looks now and then whether it is to be interrupted or terminated. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "compile.h"

struct monitor {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct vm *vm;   /* of a thread that runs */
    uint64_t signals; /* of a condition variable, so far */
    uint64_t sleepers;
};

enum thread_state { THREAD_NEW, THREAD_RUNS, THREAD_ENDED, THREAD_FAILED, THREAD_TERMINATED };

struct thread { /* object_new, count 6 */
    struct object head;
    value name, specific, thunk;
    value parameters, source; /* of who made it */
    value result;     /* or what nobody handled */
    struct monitor *monitor;
    int state; /* [monitor] enum thread_state */
};
DEFINE_TYPE(thread, TYPE_THREAD)

struct mutex { /* object_new, count 3 */
    struct object head;
    value name, specific;
    value owner; /* a thread, or FALSE */
    struct monitor *monitor;
    bool locked; /* [monitor] */
};
DEFINE_TYPE(mutex, TYPE_MUTEX)

struct condvar { /* object_new, count 2 */
    struct object head;
    value name, specific;
    struct monitor *monitor;
};
DEFINE_TYPE(condvar, TYPE_CONDVAR)

/* What CONDITION_THREAD is about: its payload. */
enum { ABOUT_TIMEOUT, ABOUT_TERMINATED, ABOUT_UNCAUGHT, ABOUT_ABANDONED };

/* ---- monitors ---------------------------------------------------------------------------------------- */

static void monitor_free(void *data)
{
    struct monitor *m = data;
    pthread_cond_destroy(&m->changed);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

static struct monitor *monitor_new(struct vm *vm, void *object)
{
    struct monitor *m = calloc(1, sizeof *m);
    if (m == NULL)
        out_of_memory(vm);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (mem_cleanup(object, monitor_free, m))
        return m;
    monitor_free(m);
    out_of_memory(vm);
}

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

enum { SLICE_NS = 50000000 };

/* With the lock held: until something changes, but not for long. */
static void monitor_wait(struct monitor *m, int64_t deadline)
{
    int64_t until = now() + SLICE_NS;
    if (until > deadline)
        until = deadline;
    struct timespec t = { .tv_sec = until / 1000000000, .tv_nsec = until % 1000000000 };
    mem_blocking_enter();
    pthread_cond_timedwait(&m->changed, &m->lock, &t);
    mem_blocking_leave();
}

/* A timeout: seconds from now, a time (of current-time), or #f for none. */
static int64_t deadline_of(struct vm *vm, value v)
{
    double seconds;
    bool absolute = is_record(v);
    if (v == FALSE)
        return INT64_MAX;
    if (absolute)
        v = record_of(v)->item[0];
    if (is_fixnum(v))
        seconds = (double)fixnum_of(v);
    else if (is_flonum(v))
        seconds = flonum_of(v);
    else
        wrong_type(vm, v, "a time");
    if (absolute) {
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        seconds -= (double)t.tv_sec + (double)t.tv_nsec / 1e9;
    }
    return seconds > 1e9 ? INT64_MAX : seconds > 0 ? now() + (int64_t)(seconds * 1e9) : now();
}

/* The payload is (what . reason). */
static _Noreturn void raise_about(struct vm *vm, int what, const char *message, value reason)
{
    value c = condition_new(vm, CONDITION_THREAD, string_new(vm, message, strlen(message)), NIL);
    mem_write(&condition_of(c)->payload, cons(vm, fixnum(what), reason));
    if (what == ABOUT_UNCAUGHT) { /* its text as an irritant; a symbol, so that it is printed without quotes */
        vm->uncaught_where = FALSE;
        value text = string_of(condition_text(vm, reason))->text;
        mem_write(&condition_of(c)->irritants, cons(vm, symbol_of_text(vm, text_of(text)), NIL));
    }
    vm_raise(vm, c);
}

static bool is_about(value v, int what)
{
    return is_condition(v) && is_pair(condition_of(v)->payload) && car(condition_of(v)->payload) == fixnum(what);
}

/* ---- threads ----------------------------------------------------------------------------------------- */

static value thread_new(struct vm *vm, value thunk, value name)
{
    struct thread *t = object_new(vm, TYPE_THREAD, 6, sizeof *t - offsetof(struct thread, monitor));
    mem_init(&t->name, name);
    mem_init(&t->specific, VOID);
    mem_init(&t->thunk, thunk);
    mem_init(&t->parameters, vm->parameters);
    mem_init(&t->source, vm->source);
    mem_init(&t->result, VOID);
    t->monitor = monitor_new(vm, t);
    return (value)t;
}

static struct thread *thread_argument(struct vm *vm, value v)
{
    if (!is_thread(v))
        wrong_type(vm, v, "a thread");
    return thread_of(v);
}

static value p_make_thread(struct vm *vm, int argc, value *argv)
{
    return thread_new(vm, argv[0], argc > 1 ? argv[1] : VOID);
}

static void thread_over(struct thread *t, enum thread_state state, value result)
{
    struct monitor *m = t->monitor;
    mem_lock(&m->lock);
    mem_write(&t->result, result);
    mem_write(&t->thunk, FALSE);
    t->state = state;
    m->vm = NULL;
    pthread_cond_broadcast(&m->changed);
    mem_unlock(&m->lock);
}

/* The stack of a thread; most of it is never touched. */
enum { THREAD_STACK_BYTES = 64 << 20 };

static void *thread_main(void *argument)
{
    struct thread *t = argument;
    value result;
    struct vm *vm = vm_new(THREAD_STACK_BYTES);
    if (vm == NULL) {
        thread_over(t, THREAD_FAILED, FALSE);
        return NULL;
    }
    vm->thread = (value)t;
    vm->parameters = t->parameters;
    vm->source = t->source;
    mem_lock(&t->monitor->lock);
    t->monitor->vm = vm;
    bool terminated = t->state == THREAD_TERMINATED;
    mem_unlock(&t->monitor->lock);
    bool done = !terminated && vm_run(vm, t->thunk, &result);
    terminated = terminated || (!done && vm->was_terminated && is_about(result, ABOUT_TERMINATED));
    thread_over(t, terminated ? THREAD_TERMINATED : done ? THREAD_ENDED : THREAD_FAILED, terminated ? FALSE : result);
    vm_delete(vm);
    return NULL;
}

static value p_thread_start(struct vm *vm, int argc, value *argv)
{
    (void)argc;
    struct thread *t = thread_argument(vm, argv[0]);
    pthread_t id;
    mem_lock(&t->monitor->lock);
    bool new = t->state == THREAD_NEW;
    if (new)
        t->state = THREAD_RUNS;
    mem_unlock(&t->monitor->lock);
    if (!new)
        fail(vm, CONDITION_ERROR, cons(vm, argv[0], NIL), "the thread was started before");
    if (mem_thread_create(&id, NULL, thread_main, t) != 0) {
        thread_over(t, THREAD_FAILED, FALSE);
        fail(vm, CONDITION_ERROR, NIL, "the system gives no more threads");
    }
    mem_thread_detach(id);
    return argv[0];
}

/* (thread-join! thread [timeout [value]]) */
static value p_thread_join(struct vm *vm, int argc, value *argv)
{
    struct thread *t = thread_argument(vm, argv[0]);
    int64_t deadline = argc > 1 ? deadline_of(vm, argv[1]) : INT64_MAX;
    for (;;) {
        mem_lock(&t->monitor->lock);
        bool over = t->state >= THREAD_ENDED;
        if (!over && now() < deadline)
            monitor_wait(t->monitor, deadline);
        enum thread_state state = t->state;
        mem_unlock(&t->monitor->lock);
        if (state == THREAD_ENDED)
            return t->result;
        if (state == THREAD_FAILED)
            raise_about(vm, ABOUT_UNCAUGHT, "uncaught exception in thread", t->result);
        if (state == THREAD_TERMINATED)
            raise_about(vm, ABOUT_TERMINATED, "the thread was terminated", NIL);
        if (now() >= deadline && argc > 2)
            return argv[2];
        if (now() >= deadline)
            raise_about(vm, ABOUT_TIMEOUT, "thread-join!: the time is over", NIL);
        vm_poll(vm);
    }
}

/* The other thread ends at its next call; who waits, within a slice. */
static value p_thread_terminate(struct vm *vm, int argc, value *argv)
{
    (void)argc;
    struct thread *t = thread_argument(vm, argv[0]);
    mem_lock(&t->monitor->lock);
    if (t->state == THREAD_NEW)
        t->state = THREAD_TERMINATED;
    struct vm *other = t->monitor->vm;
    if (other != NULL) {
        other->terminated = true;
        other->limit = NULL;
    } else if (t->state == THREAD_RUNS) {
        t->state = THREAD_TERMINATED; /* thread_main() sees it */
    }
    pthread_cond_broadcast(&t->monitor->changed);
    mem_unlock(&t->monitor->lock);
    if (other == vm)
        vm_poll(vm);
    return VOID;
}

void thread_attend(struct vm *vm)
{
    if (!vm->terminated)
        return;
    vm->terminated = false;
    vm->was_terminated = true;
    vm->handlers = NIL;
    vm->running = NULL;
    raise_about(vm, ABOUT_TERMINATED, "the thread was terminated", NIL);
}

static value p_current_thread(struct vm *vm, int argc, value *argv)
{
    (void)argc, (void)argv;
    return vm->thread;
}

static value p_is_thread(struct vm *vm, int argc, value *argv)
{
    (void)vm, (void)argc;
    return boolean(is_thread(argv[0]));
}

static value p_thread_name(struct vm *vm, int argc, value *argv)
{
    (void)argc;
    return thread_argument(vm, argv[0])->name;
}

static value p_thread_specific(struct vm *vm, int argc, value *argv)
{
    struct thread *t = thread_argument(vm, argv[0]);
    if (argc == 2)
        mem_write(&t->specific, argv[1]);
    return argc == 2 ? VOID : t->specific;
}

static value p_thread_yield(struct vm *vm, int argc, value *argv)
{
    (void)argc, (void)argv;
    struct timespec t = { 0, 0 };
    mem_blocking_enter();
    nanosleep(&t, NULL);
    mem_blocking_leave();
    vm_poll(vm);
    return VOID;
}

static value p_thread_sleep(struct vm *vm, int argc, value *argv)
{
    (void)argc;
    int64_t deadline = deadline_of(vm, argv[0]), left;
    while ((left = deadline - now()) > 0) {
        if (left > SLICE_NS)
            left = SLICE_NS;
        struct timespec t = { 0, left };
        mem_blocking_enter();
        nanosleep(&t, NULL);
        mem_blocking_leave();
        vm_poll(vm);
    }
    return VOID;
}

/* ---- mutexes ----------------------------------------------------------------------------------------- */

static value p_make_mutex(struct vm *vm, int argc, value *argv)
{
    struct mutex *m = object_new(vm, TYPE_MUTEX, 3, sizeof *m - offsetof(struct mutex, monitor));
    mem_init(&m->name, argc > 0 ? argv[0] : VOID);
    mem_init(&m->specific, VOID);
    mem_init(&m->owner, FALSE);
    m->monitor = monitor_new(vm, m);
    return (value)m;
}

static struct mutex *mutex_argument(struct vm *vm, value v)
{
    if (!is_mutex(v))
        wrong_type(vm, v, "a mutex");
    return mutex_of(v);
}

/* Its owner has ended and left it locked. */
static bool is_abandoned(const struct mutex *m)
{
    return m->locked && m->owner != FALSE && thread_of(m->owner)->state >= THREAD_ENDED;
}

/* (mutex-lock! mutex [timeout [owner]]) */
static value p_mutex_lock(struct vm *vm, int argc, value *argv)
{
    struct mutex *m = mutex_argument(vm, argv[0]);
    int64_t deadline = argc > 1 ? deadline_of(vm, argv[1]) : INT64_MAX;
    value owner = argc > 2 ? argv[2] : vm->thread;
    if (owner != FALSE && !is_thread(owner))
        wrong_type(vm, owner, "a thread");
    for (;;) {
        mem_lock(&m->monitor->lock);
        if (m->locked && !is_abandoned(m) && (deadline == INT64_MAX || now() < deadline))
            monitor_wait(m->monitor, deadline);
        bool abandoned = is_abandoned(m), mine = !m->locked || abandoned;
        if (mine) {
            m->locked = true;
            mem_write(&m->owner, owner);
        }
        mem_unlock(&m->monitor->lock);
        if (abandoned)
            raise_about(vm, ABOUT_ABANDONED, "the mutex was abandoned", cons(vm, argv[0], NIL));
        if (mine)
            return TRUE;
        if (deadline != INT64_MAX && now() >= deadline)
            return FALSE;
        vm_poll(vm);
    }
}

static void mutex_release(struct mutex *m)
{
    mem_lock(&m->monitor->lock);
    m->locked = false;
    mem_write(&m->owner, FALSE);
    pthread_cond_signal(&m->monitor->changed);
    mem_unlock(&m->monitor->lock);
}

/* (mutex-unlock! mutex [condition-variable [timeout]]): whether the time was not over. */
static value p_mutex_unlock(struct vm *vm, int argc, value *argv)
{
    struct mutex *m = mutex_argument(vm, argv[0]);
    if (argc == 1 || argv[1] == FALSE) {
        mutex_release(m);
        return TRUE;
    }
    if (!is_condvar(argv[1]))
        wrong_type(vm, argv[1], "a condition variable");
    struct monitor *c = condvar_of(argv[1])->monitor;
    int64_t deadline = argc > 2 ? deadline_of(vm, argv[2]) : INT64_MAX;
    mem_lock(&c->lock);
    c->sleepers++;
    uint64_t ticket = c->sleepers; /* whom so many signals have woken */
    mem_unlock(&c->lock);
    mutex_release(m);
    for (;;) {
        mem_lock(&c->lock);
        if (c->signals < ticket && (deadline == INT64_MAX || now() < deadline))
            monitor_wait(c, deadline);
        bool woken = c->signals >= ticket, late = deadline != INT64_MAX && now() >= deadline;
        if (!woken && late)
            c->signals++; /* leaves the queue; whoever is first in it wakes in its place, which is allowed */
        mem_unlock(&c->lock);
        if (woken || late)
            return boolean(woken);
        vm_poll(vm);
    }
}

static value p_mutex_state(struct vm *vm, int argc, value *argv)
{
    (void)argc;
    struct mutex *m = mutex_argument(vm, argv[0]);
    mem_lock(&m->monitor->lock);
    value owner = m->owner;
    bool locked = m->locked, abandoned = is_abandoned(m);
    mem_unlock(&m->monitor->lock);
    return abandoned || !locked ? symbol(vm, abandoned ? "abandoned" : "not-abandoned")
           : owner != FALSE    ? owner
                               : symbol(vm, "not-owned");
}

static value p_is_mutex(struct vm *vm, int argc, value *argv)
{
    (void)vm, (void)argc;
    return boolean(is_mutex(argv[0]));
}

static value p_mutex_name(struct vm *vm, int argc, value *argv)
{
    (void)argc;
    return mutex_argument(vm, argv[0])->name;
}

static value p_mutex_specific(struct vm *vm, int argc, value *argv)
{
    struct mutex *m = mutex_argument(vm, argv[0]);
    if (argc == 2)
        mem_write(&m->specific, argv[1]);
    return argc == 2 ? VOID : m->specific;
}

/* ---- condition variables ----------------------------------------------------------------------------- */

static value p_make_condvar(struct vm *vm, int argc, value *argv)
{
    struct condvar *c = object_new(vm, TYPE_CONDVAR, 2, sizeof *c - offsetof(struct condvar, monitor));
    mem_init(&c->name, argc > 0 ? argv[0] : VOID);
    mem_init(&c->specific, VOID);
    c->monitor = monitor_new(vm, c);
    return (value)c;
}

static value p_is_condvar(struct vm *vm, int argc, value *argv)
{
    (void)vm, (void)argc;
    return boolean(is_condvar(argv[0]));
}

static value wake(struct vm *vm, value v, bool all)
{
    if (!is_condvar(v))
        wrong_type(vm, v, "a condition variable");
    struct monitor *c = condvar_of(v)->monitor;
    mem_lock(&c->lock);
    if (all)
        c->signals = c->sleepers;
    else if (c->signals < c->sleepers)
        c->signals++;
    pthread_cond_broadcast(&c->changed);
    mem_unlock(&c->lock);
    return VOID;
}

static value p_condvar_signal(struct vm *vm, int argc, value *argv)
{
    (void)argc;
    return wake(vm, argv[0], false);
}

static value p_condvar_broadcast(struct vm *vm, int argc, value *argv)
{
    (void)argc;
    return wake(vm, argv[0], true);
}

/* ---- what threads raise ------------------------------------------------------------------------------ */

#define ABOUT(name, what)                                           \
    static value name(struct vm *vm, int argc, value *argv)         \
    {                                                               \
        (void)vm, (void)argc;                                       \
        return boolean(is_about(argv[0], what));                    \
    }
ABOUT(p_is_timeout, ABOUT_TIMEOUT)
ABOUT(p_is_terminated, ABOUT_TERMINATED)
ABOUT(p_is_uncaught, ABOUT_UNCAUGHT)
ABOUT(p_is_abandoned, ABOUT_ABANDONED)

static value p_uncaught_reason(struct vm *vm, int argc, value *argv)
{
    (void)argc;
    if (!is_about(argv[0], ABOUT_UNCAUGHT))
        wrong_type(vm, argv[0], "an uncaught exception of a thread");
    return cdr(condition_of(argv[0])->payload);
}

const struct primitive_info thread_primitives[] = {
    { "make-thread", p_make_thread, 1, 2 },
    { "thread-start!", p_thread_start, 1, 1 },
    { "thread-join!", p_thread_join, 1, 3 },
    { "thread-terminate!", p_thread_terminate, 1, 1 },
    { "current-thread", p_current_thread, 0, 0 },
    { "thread?", p_is_thread, 1, 1 },
    { "thread-name", p_thread_name, 1, 1 },
    { "thread-specific", p_thread_specific, 1, 1 },
    { "thread-specific-set!", p_thread_specific, 2, 2 },
    { "thread-yield!", p_thread_yield, 0, 0 },
    { "thread-sleep!", p_thread_sleep, 1, 1 },
    { "make-mutex", p_make_mutex, 0, 1 },
    { "mutex?", p_is_mutex, 1, 1 },
    { "mutex-name", p_mutex_name, 1, 1 },
    { "mutex-specific", p_mutex_specific, 1, 1 },
    { "mutex-specific-set!", p_mutex_specific, 2, 2 },
    { "mutex-state", p_mutex_state, 1, 1 },
    { "mutex-lock!", p_mutex_lock, 1, 3 },
    { "mutex-unlock!", p_mutex_unlock, 1, 3 },
    { "make-condition-variable", p_make_condvar, 0, 1 },
    { "condition-variable?", p_is_condvar, 1, 1 },
    { "condition-variable-signal!", p_condvar_signal, 1, 1 },
    { "condition-variable-broadcast!", p_condvar_broadcast, 1, 1 },
    { "join-timeout-exception?", p_is_timeout, 1, 1 },
    { "terminated-thread-exception?", p_is_terminated, 1, 1 },
    { "uncaught-exception?", p_is_uncaught, 1, 1 },
    { "abandoned-mutex-exception?", p_is_abandoned, 1, 1 },
    { "uncaught-exception-reason", p_uncaught_reason, 1, 1 },
    { NULL, NULL, 0, 0 },
};

void thread_begin(struct vm *vm)
{
    vm->thread = thread_new(vm, FALSE, string_new(vm, "main", 4));
    thread_of(vm->thread)->state = THREAD_RUNS;
    thread_of(vm->thread)->monitor->vm = vm;
}
