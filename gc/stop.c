/* stop: see stop.h. The walk of a stop:

     1  the coordinator takes the list's lock and visits each thread: a RUNNING one becomes ASKED, is
        counted in stop.waiting, and gets the signal, or a note if it is cooperative; a BLOCKED one
        becomes HELD;
     2  an ASKED thread stops in the handler, or, when the signal finds it busy or with a lock of the
        allocator's, in mutator_leave() or the last lock_drop(), or at a safepoint, or by entering a
        blocking region: STOPPED or HELD, and counted off;
     3  whoever counts off the last one wakes the coordinator if it sleeps;
     4  at the resume the coordinator moves STOPPED to RUNNING and HELD to BLOCKED, and then advances
        stop.epoch, on which all of them sleep.

   The handler's only system call is the one in which it waits, but for the last one's. */
#include "gc/stop.h"

#include "gc/lifetime.h"
#include "gc/stack.h"
#include "gc/stats.h"
#include "gc/transit.h"

/* A coordinator on a machine with few CPUs should sleep soon: the others need them. */
#define SPINS        400
#define MS           UINT64_C(1000000)
#define ASK_AGAIN_NS (100 * MS)
#define REPORT_NS    (1000 * MS)

uint32_t grey_stop_wanted;

static struct {
    struct atomic32 epoch;    /* [atomic] odd while threads are stopped; waiting for the resume is on it */
    struct atomic32 waiting;  /* [atomic] threads asked that have not stopped */
    struct atomic32 sleeping; /* [atomic] the coordinator sleeps on waiting */
    struct atomicw self;      /* [atomic] the coordinator, while threads are stopped */
    bool by_signal;           /* [const] the handler is installed */
    bool said;                /* [lock:cycle] that the program took the signal */
} stop;

/* ---- states ---- */

static const uint8_t moves[STATE_COUNT] = {
    [STATE_RUNNING] = 1 << STATE_ASKED | 1 << STATE_BLOCKED,
    [STATE_ASKED] = 1 << STATE_STOPPED | 1 << STATE_HELD | 1 << STATE_GONE,
    [STATE_STOPPED] = 1 << STATE_RUNNING,
    [STATE_BLOCKED] = 1 << STATE_RUNNING | 1 << STATE_HELD,
    [STATE_HELD] = 1 << STATE_BLOCKED,
};

static uint32_t state_of(const struct mutator *m)
{
    return a32_load_acquire(&m->state); /* acquire: pairs with the full order of move() */
}

/* full: whoever finds the new state sees what was stored before, and the mover what the state it found
   tells of. */
static bool move(struct mutator *m, enum mutator_state from, enum mutator_state to)
{
    assert((moves[from] >> to & 1) != 0);
    (void)moves;
    return a32_cas_full(&m->state, from, to);
}

/* A thread that was asked has stopped. */
static void count_off(void)
{
    /* full: the coordinator finds 0 after it stored that it sleeps, or we find that it sleeps. */
    if (a32_add_full(&stop.waiting, UINT32_MAX) == 1 && a32_load_acquire(&stop.sleeping) != 0)
        os_futex_wake(&stop.waiting, 1);
}

static void wait_while(struct mutator *m, enum mutator_state s)
{
    for (;;) {
        /* acquire: pairs with the release in mutator_resume_world(). Read before the state, which
           changes first: if the state is old the epoch is, too. */
        uint32_t epoch = a32_load_acquire(&stop.epoch);
        if (state_of(m) != (uint32_t)s)
            return;
        os_futex_wait(&stop.epoch, epoch);
    }
}

/* ---- the thread that is stopped ---- */

/* In the handler. */
static void on_stop(const struct machine_frame *f)
{
    struct mutator *m = mutator_self();
    if (m == NULL || state_of(m) != STATE_ASKED)
        return;
    /* relaxed, all: this thread's own words. */
    bool locked = a32_load_relaxed(&lock_self.depth) != 0 && !without(H12_LOCK);
    if (locked)
        a32_store_relaxed(&lock_self.deferred, 1);
    if (locked || (a32_load_relaxed(&m->busy) != 0 && !without(H1_BUSY))
        || a32_load_relaxed(&m->cooperative) != 0) {
        a32_store_relaxed(&m->deferred, 1);
        return;
    }
    stack_capture_frame(m, f);
    if (move(m, STATE_ASKED, STATE_STOPPED)) {
        count_off();
        wait_while(m, STATE_STOPPED);
    }
}

static void raise_busy(struct mutator *m)
{
    /* relaxed: read by the handler on this thread. */
    a32_store_relaxed(&m->busy, a32_load_relaxed(&m->busy) + 1);
    __asm__ __volatile__("" : : : "memory");
}

static void lower_busy(struct mutator *m)
{
    __asm__ __volatile__("" : : : "memory");
    a32_store_relaxed(&m->busy, a32_load_relaxed(&m->busy) - 1);
    __asm__ __volatile__("" : : : "memory");
}

/* Busy, so that the signal, which may still come, finds nothing to do. */
static void stop_here(struct mutator *m, uintptr_t caller_sp)
{
    /* full: reads the coordinator's note, so that the state is as new as it. */
    while (a32_cas_full(&m->deferred, 1, 0) || state_of(m) == STATE_ASKED) {
        if (state_of(m) != STATE_ASKED)
            continue;
        stack_capture_here(m, caller_sp);
        if (move(m, STATE_ASKED, STATE_STOPPED)) {
            count_off();
            wait_while(m, STATE_STOPPED);
        }
    }
}

GREY_NOINLINE void stop_poll(struct mutator *m)
{
    assert(a32_load_relaxed(&m->busy) == 0);
    do {
        raise_busy(m);
        stop_here(m, machine_caller_sp());
        lower_busy(m);
    } while (a32_load_relaxed(&m->deferred) != 0); /* relaxed: a signal that came in between noted it here */
}

/* The manual allocator has let its last lock go; what is busy or cooperative stops later. */
static void on_free_of_locks(void)
{
    struct mutator *m = mutator_self();
    if (m != NULL && a32_load_relaxed(&m->busy) == 0 && a32_load_relaxed(&m->cooperative) == 0
        && state_of(m) == STATE_ASKED)
        stop_poll(m);
}

GREY_NOINLINE void mutator_leave_slow(struct mutator *m)
{
    stop_poll(m);
    __asm__ __volatile__("" : : : "memory");
}

void stop_block(struct mutator *m, uintptr_t caller_sp)
{
    raise_busy(m);
    stack_capture_here(m, caller_sp);
    while (!move(m, STATE_RUNNING, STATE_BLOCKED))
        if (move(m, STATE_ASKED, STATE_HELD)) {
            count_off();
            break;
        }
    lower_busy(m);
}

void stop_unblock(struct mutator *m)
{
    raise_busy(m);
    while (!move(m, STATE_BLOCKED, STATE_RUNNING))
        wait_while(m, STATE_HELD);
    lower_busy(m);
    if (a32_load_relaxed(&m->busy) == 0)
        stop_poll(m); /* a signal may have come before lower_busy() */
}

bool stop_is_coordinator(const struct mutator *m)
{
    return m != NULL && aw_load_relaxed(&stop.self) == (uintptr_t)m;
}

bool stop_is_by_signal(void)
{
    return stop.by_signal;
}

void stop_set_cooperative(struct mutator *m, bool yes)
{
    raise_busy(m);
    /* Where no signal is used all threads are. The coordinator stores the state and then reads this; we
       store this and then read the state: one of us sees the other's (full, both). */
    uint32_t now = yes || !stop.by_signal;
    a32_cas_full(&m->cooperative, !now, now);
    lower_busy(m);
    stop_poll(m);
}

/* ---- the coordinator ---- */

/* relaxed: pairs with the load in grey_safepoint(), which only says that it is worth looking. */
static void want_stop(uint32_t wanted)
{
    a32_store_relaxed((struct atomic32 *)&grey_stop_wanted, wanted);
}

/* Once and again: repeating it does no harm. */
static void ask(struct mutator *m)
{
    if (a32_load_acquire(&m->cooperative) != 0) {
        /* release: pairs with the full order in stop_here(). */
        a32_store_release(&m->deferred, 1);
        return;
    }
    if (machine_signal_send(m->tid) == MACHINE_GONE && move(m, STATE_ASKED, STATE_GONE)) {
        report_line("thread %s (%d) ended without detaching: its stack is no longer a root", m->name, m->tid);
        count_off();
    }
}

static void visit(struct mutator *m)
{
    a32_add_full(&stop.waiting, 1); /* before it can count itself off */
    for (;;) {
        if (move(m, STATE_RUNNING, STATE_ASKED)) {
            ask(m);
            return;
        }
        if (state_of(m) == STATE_GONE || move(m, STATE_BLOCKED, STATE_HELD))
            break;
    }
    a32_add_full(&stop.waiting, UINT32_MAX);
}

static void report_silent(const struct mutator *m, unsigned seconds)
{
    struct machine_status s = { .state = '?' };
    const char *why = "does not answer", *name = machine_thread_status(m->tid, &s) ? s.name : m->name;
    if (a32_load_relaxed(&m->cooperative) != 0) /* relaxed: for a message */
        why = "is cooperative and reaches no safepoint";
    else if (s.blocks_signal)
        why = "blocks the signal that stops threads";
    report_line("waiting %u s for thread %s (%d, state %c) to stop: it %s", seconds, name, m->tid, s.state,
                why);
}

static void ask_again(unsigned seconds)
{
    for (struct mutator *m = mutator_list(); m != NULL; m = m->next) {
        if (state_of(m) != STATE_ASKED)
            continue;
        if (seconds != 0)
            report_silent(m, seconds);
        ask(m);
    }
}

static void wait_for_all(uint64_t asked_ns)
{
    uint32_t left;
    unsigned reported = 0;
    /* acquire, all: pairs with the full order in count_off(); we see what those threads captured. */
    for (int i = 0; i < SPINS && a32_load_acquire(&stop.waiting) != 0; i++)
        cpu_relax();
    /* full: see count_off(). */
    a32_cas_full(&stop.sleeping, 0, 1);
    while ((left = a32_load_acquire(&stop.waiting)) != 0) {
        os_futex_wait_ns(&stop.waiting, left, ASK_AGAIN_NS);
        uint64_t waited = gcstats_now() - asked_ns;
        if (waited < ASK_AGAIN_NS || a32_load_acquire(&stop.waiting) == 0)
            continue;
        unsigned seconds = (unsigned)(waited / REPORT_NS);
        ask_again(seconds > reported ? seconds : 0);
        reported = seconds;
    }
    a32_store_relaxed(&stop.sleeping, 0); /* relaxed: a wake too many does no harm */
}

/* Each time: a program may install its own when it likes. */
static void keep_handler(void)
{
    if (!stop.by_signal || !machine_signal_renew() || stop.said)
        return;
    stop.said = true;
    report_line("the program took signal %zu from the collector, which takes it back and hands on what is "
                "not its own; GREY_STOP_SIGNAL chooses another",
                (size_t)options.stop_signal);
}

struct stop_times mutator_stop_world(struct mutator *self, uintptr_t caller_sp)
{
    struct stop_times t = { .asked_ns = gcstats_now() };
    assert(a32_load_relaxed(&self->busy) == 1);
    stack_capture_here(self, caller_sp);
    keep_handler();
    lock_take(mutator_list_lock());
    aw_store_relaxed(&stop.self, (uintptr_t)self); /* relaxed, all: only the thread that it names needs it */
    /* What the collector calls meanwhile (trace callbacks, hooks) is caught when it calls the library. */
    grey_local = &mutator_nobody;
    a32_add_full(&stop.epoch, 1);
    want_stop(1);
    for (struct mutator *m = mutator_list(); m != NULL; m = m->next) {
        t.threads++;
        if (m != self)
            visit(m);
    }
    wait_for_all(t.asked_ns);
    t.stopped_ns = gcstats_now();
    return t;
}

/* Threads that ended without a word: their records go, unless they ended amid a change of them. */
static struct mutator *take_gone_locked(void)
{
    struct mutator *gone = NULL, *next;
    for (struct mutator *m = mutator_list(); m != NULL; m = next) {
        next = m->next;
        if (state_of(m) == STATE_GONE && a32_load_relaxed(&m->busy) == 0) {
            mutator_unlist_locked(m);
            m->next = gone;
            gone = m;
        }
    }
    return gone;
}

void mutator_resume_world(struct mutator *self)
{
    for (struct mutator *m = mutator_list(); m != NULL; m = m->next)
        if (m != self && !move(m, STATE_STOPPED, STATE_RUNNING))
            move(m, STATE_HELD, STATE_BLOCKED);
    want_stop(0);
    aw_store_relaxed(&stop.self, 0);
    grey_local = &self->local;
    /* full: pairs with the acquire in wait_while(): who sees it sees its state, too. */
    a32_add_full(&stop.epoch, 1);
    os_futex_wake(&stop.epoch, INT_MAX);
    struct mutator *gone = take_gone_locked(), *next;
    lock_drop(mutator_list_lock());
    for (; gone != NULL; gone = next) {
        next = gone->next;
        mutator_critical_end(gone);
        lifetime_thread_exit(gone);
        space_cache_end(gone);
        mutator_delete(gone);
    }
}

void mutator_each_stopped(void (*f)(struct mutator *m, void *context), void *context)
{
    assert(stop_is_coordinator(mutator_self()));
    for (struct mutator *m = mutator_list(); m != NULL; m = m->next)
        f(m, context);
}

void mutator_roots_stopped(struct root_sink *sink)
{
    assert(stop_is_coordinator(mutator_self()));
    for (struct mutator *m = mutator_list(); m != NULL; m = m->next)
        if (state_of(m) != STATE_GONE)
            stack_roots_stopped(m, sink);
    stack_fibers_stopped(sink);
    transit_roots_stopped(sink);
}

/* ---- the signal ---- */

void stop_init(void)
{
    int signal = (int)options.stop_signal;
    const char *problem = machine_signal_problem(signal);
    if (options.stop == GREY_STOP_COOPERATIVE)
        return;
    if (problem != NULL) {
        report_line("GREY_STOP_SIGNAL=%d: %s; using %d", signal, problem, MACHINE_STOP_SIGNAL);
        options.stop_signal = MACHINE_STOP_SIGNAL;
    }
    lock_on_free(on_free_of_locks);
    stop.by_signal = machine_signal_install((int)options.stop_signal, on_stop);
    if (!stop.by_signal)
        report_line("no handler for signal %zu: threads stop at safepoints only",
                    (size_t)options.stop_signal);
}

void stop_fork_child(void)
{
    machine_fork_child();
}
