/* collector: one cycle after another; docs/collector.md is the same walk in words.

   RANK_CYCLE's lock makes one mutator the coordinator. While it has the lock it

     1  sweeps what the last cycle left (RANK_SWEEP's lock keeps the sweeper out),
     2  reads what cannot be read while threads are stopped, makes memory and markers ready,
     3  stops all other mutators,
     4  marks what they have cached for allocation, captures and scans roots, marks,
     5  settles weak references, ephemerons and finalizers; compares and verifies when asked to,
     6  turns to a new sweep generation, sweeps the cached spans,
     7  lets everybody go on; sweeping follows behind.

   Between 3 and 7 rule G2 holds (gc.h). */
#include "gc/collector.h"

#include "alloc/machine.h"
#include "gc/api.h"
#include "gc/control.h"
#include "gc/kind.h"
#include "gc/lifetime.h"
#include "gc/mark.h"
#include "gc/queue.h"
#include "gc/stats.h"
#include "gc/sweeper.h"
#include "gc/verify.h"
#include "gc/writes.h"

/* A cycle that the limiter does not allow is not asked for again so soon. */
#define PUT_OFF_NS UINT64_C(10000000)

enum { INIT_NOT_YET, INIT_RUNNING, INIT_DONE };

static struct lock cycle_lock = LOCK_INIT(RANK_CYCLE);

/* Another library's fork handler may allocate: no cycle begins amid a fork. */
static __thread bool forking; /* from our handler before the fork to ours after it, in the child, too */

static struct {
    struct atomic32 init;         /* [atomic] */
    struct atomic32 init_process; /* [atomic] who set INIT_RUNNING */
    struct atomicw trigger, goal; /* [atomic] heap sizes: a cycle begins; it should be over */
    struct atomicw growth;        /* [atomic] the goal by growth alone, which the memory limit may lower */
    struct atomicw put_off_ns;    /* [atomic] until then no cycle for the limit's sake alone */
    struct atomicw cycles;        /* [atomic] since the start */
    struct atomicw last_ns;       /* [atomic] the end of the last */
    struct atomicw countdown;     /* [atomic] allocations until the next cycle under stress */
    bool fork_entered;            /* [lock:cycle] it is busy for the fork */
    struct pacer_limiter limiter; /* [lock:cycle] */
    struct atomicw marked_bytes, root_bytes; /* [atomic] of the last cycle */
} gc;

uint64_t collector_goal(void)
{
    return aw_load_relaxed(&gc.goal);
}

uint64_t collector_cycles(void)
{
    /* acquire: pairs with the release in finish(): who sees a cycle's number sees what it freed. */
    return aw_load_acquire(&gc.cycles);
}

/* ---- start ---- */

static void fork_prepare(void);
static void fork_end(void);
static void fork_each_lock(void (*f)(struct lock *l));
static void fork_child(void);

static const struct upcall calls = {
    .free = api_free,
    .realloc = api_realloc,
    .usable = api_usable,
    .fork_prepare = fork_prepare,
    .fork_each_lock = fork_each_lock,
    .fork_parent = fork_end,
    .fork_child = fork_child,
    .block_enter = grey_blocking_enter,
    .block_leave = grey_blocking_leave,
    .print = gcstats_print,
};

static void set_goal(uint64_t marked, uint64_t roots)
{
    struct mheap_stats pages = mheap_stats_read(&heap_pages);
    struct space_sums sums = space_sums();
    struct pacer_input in = { .live_bytes = marked, .root_bytes = roots };
    control_pacer_input(&in);
    /* What the limit covers besides managed objects. Warm pages are left out: they serve the next objects, or
       go back when the limit is passed. */
    uint64_t mapped = pages_bytes(pages.in_use) + meta_bytes();
    in.overhead_bytes = mapped > sums.span_bytes ? mapped - sums.span_bytes : 0;
    struct pacer_goal goal = pacer_goal(&in);
    aw_store_relaxed(&gc.goal, goal.goal); /* relaxed, all: a trigger seen late is a little late */
    aw_store_relaxed(&gc.trigger, goal.trigger);
    aw_store_relaxed(&gc.growth, goal.growth);
}

static bool init_once(void)
{
    heap_init();
    if (!mark_init())
        return false;
    gcstats_init();
    control_refresh();
    writes_init();
    mutator_init();
    set_goal(0, 0);
    aw_store_relaxed(&gc.last_ns, gcstats_now());
    upcall_set(&calls);
    return true;
}

bool gc_init(void)
{
    /* acquire: pairs with the release below; whoever sees DONE sees everything made. */
    if (likely(a32_load_acquire(&gc.init) == INIT_DONE))
        return true;
    /* It takes the loader's lock, which a thread that waits below may hold: a constructor that allocates. So each
       thread that comes here does it, with the same outcome. */
    machine_tls_learn();
    if (a32_cas_acquire(&gc.init, INIT_NOT_YET, INIT_RUNNING)) {
        a32_store_relaxed(&gc.init_process, (uint32_t)os_getpid()); /* relaxed: for forked children */
        a32_store_release(&gc.init, init_once() ? INIT_DONE : INIT_NOT_YET);
    }
    while (a32_load_acquire(&gc.init) == INIT_RUNNING) {
        machine_yield(); /* some hundred microseconds, once */
        /* Forked amid another thread's: it begins anew. */
        uint32_t process = a32_load_relaxed(&gc.init_process);
        if (process != 0 && process != (uint32_t)os_getpid() && a32_cas_full(&gc.init, INIT_RUNNING, INIT_NOT_YET)) {
            queue_fork_child();
            return gc_init();
        }
    }
    return a32_load_acquire(&gc.init) == INIT_DONE;
}

void collector_settings_changed(void)
{
    if (a32_load_acquire(&gc.init) == INIT_DONE)
        set_goal(aw_load_relaxed(&gc.marked_bytes), aw_load_relaxed(&gc.root_bytes));
    sweeper_wake(); /* it sleeps by the period */
}

/* ---- the cycle's steps ---- */

/* Step 1. Others may still be sweeping a span each; they are done when they can be stopped. */
static void sweep_rest(void)
{
    uint64_t cpu = gcstats_cpu(), freed = space_sums().freed_bytes;
    if (space_is_swept() || without(SWEEP_FINISH))
        return;
    while (space_sweep_some(SIZE_MAX))
        ;
    gcstats_swept(gcstats_cpu() - cpu, space_sums().freed_bytes - freed);
}

/* Steps 2 and 3. A module that is loaded between the reading of the loader's list and the stop is not
   in the list; then once more. False when there is no memory for the list: nobody is stopped. */
static bool stop(struct mutator *m, uintptr_t caller_sp, struct stop_times *t)
{
    for (;;) {
        if (!roots_prepare())
            return false;
        *t = mutator_stop_world(m, caller_sp);
        if (roots_are_current_stopped())
            return true;
        mutator_resume_world(m);
        roots_finish();
    }
}

static void resume(struct mutator *m)
{
    mutator_resume_world(m);
    roots_finish();
}

static void mark_root_block(const struct object *o, void *unused)
{
    (void)unused;
    mark_word(o->base);
}

static void mark_cached(struct mutator *m, void *unused)
{
    (void)unused;
    space_mark_cached_stopped(m);
}

static void sweep_cached(struct mutator *m, void *unused)
{
    (void)unused;
    space_sweep_cached_stopped(m);
}

/* Step 4. */
static void mark(struct cycle_record *r)
{
    struct root_sink *sink = mark_sink();
    if (unlikely(option_now(&options.verify) != 0))
        verify_begin_stopped();
    lifetime_begin_stopped();
    mark_begin_stopped();
    mutator_each_stopped(mark_cached, NULL);
    mutator_roots_stopped(sink);
    roots_visit_stopped(sink);
    lifetime_roots_stopped(sink);
    object_each_root_block_stopped(mark_root_block, NULL);
    r->roots_ns = gcstats_now();
    mark_drain_stopped();
    r->marked_ns = gcstats_now();
}

/* Steps 5 and 6. */
static void settle(struct cycle_record *r)
{
    lifetime_settle_stopped();
    if (unlikely(option_now(&options.verify) != 0) && !verify_marks_stopped())
        report_fatal("verify: a mark went wrong; see above");
    if (unlikely(writes_checked()))
        writes_check_stopped();
    if (unlikely(option_now(&options.check_trace) != 0))
        verify_traces_stopped();
    r->mark = mark_end_stopped();
    space_flip_stopped();
    mutator_each_stopped(sweep_cached, NULL);
    space_set_live_stopped(r->mark.bytes);
    if (unlikely(option_now(&options.verify) != 0) && !space_check_stopped())
        report_fatal("verify: a structure of the heap is broken; see above");
    r->settled_ns = gcstats_now();
}

/* Step 7, both locks held. */
static void finish(struct cycle_record *r)
{
    r->resumed_ns = gcstats_now();
    gcstats_event(GREY_EVENT_RESUMED, r->resumed_ns, r->resumed_ns - r->asked_ns);
    aw_store_relaxed(&gc.marked_bytes, r->mark.bytes); /* relaxed, both: for whoever sets a goal anew */
    aw_store_relaxed(&gc.root_bytes, r->mark.root_bytes);
    set_goal(aw_load_relaxed(&gc.marked_bytes), aw_load_relaxed(&gc.root_bytes));
    control_external_cycle();
    aw_store_relaxed(&gc.last_ns, r->resumed_ns);
    pacer_limiter_update(&gc.limiter, r->resumed_ns, (r->resumed_ns - r->begin_ns) * mark_cpus(), mark_cpus());
    queue_trim();
    aw_store_release(&gc.cycles, r->number);
    gcstats_cycle(r);
}

/* t: NULL if threads were not stopped. A listener has heard of two beginnings. */
static void give_up(struct mutator *m, const struct stop_times *t)
{
    mark_release();
    if (t != NULL)
        resume(m);
    uint64_t now = gcstats_now();
    gcstats_event(GREY_EVENT_RESUMED, now, t == NULL ? 0 : now - t->asked_ns);
    gcstats_event(GREY_EVENT_CYCLE_END, now, 0);
}

/* Both locks held, busy. False when a critical section is open, or there is no memory to find the roots. */
static bool run(struct mutator *m, enum cycle_reason reason, uintptr_t caller_sp)
{
    struct cycle_record r = { .number = collector_cycles() + 1, .reason = reason, .begin_ns = gcstats_now(),
                              .goal = collector_goal(), .heap_before = space_live_bytes() };
    control_refresh();
    sweep_rest();
    gcstats_event(GREY_EVENT_CYCLE_BEGIN, r.begin_ns, r.number);
    mark_prepare(r.heap_before);
    sweeper_prepare(r.heap_before);
    gcstats_event(GREY_EVENT_STOP_BEGIN, gcstats_now(), 0);
    struct stop_times t;
    bool stopped = stop(m, caller_sp, &t);
    if (!stopped || mutator_any_critical_stopped()) {
        give_up(m, stopped ? &t : NULL);
        return false;
    }
    r.asked_ns = t.asked_ns;
    r.stopped_ns = t.stopped_ns;
    r.threads = t.threads;
    gcstats_event(GREY_EVENT_STOPPED, r.stopped_ns, r.threads);
    mark(&r);
    settle(&r);
    gcstats_event(GREY_EVENT_MARKED, r.settled_ns, r.mark.bytes);
    resume(m);
    finish(&r);
    return true;
}

/* ---- when ---- */

static uint64_t heap_size(void)
{
    uint64_t live = space_live_bytes(), now = control_external_bytes(), then = control_external_least();
    return now > then ? live + (now - then) : live;
}

static bool has_grown(void)
{
    return heap_size() >= aw_load_relaxed(&gc.trigger);
}

/* Why a cycle is due, if one is: for the limit's sake not more often than the limiter allows. */
static bool growth_reason(enum cycle_reason *reason)
{
    uint64_t size = heap_size();
    if (size >= aw_load_relaxed(&gc.growth))
        *reason = CYCLE_GROWTH;
    else if (size >= aw_load_relaxed(&gc.trigger) && gcstats_now() >= aw_load_relaxed(&gc.put_off_ns))
        *reason = CYCLE_LIMIT;
    else
        return false;
    return true;
}

bool collector_period_is_over(void)
{
    uint64_t period = option_now(&options.period);
    return period != 0 && gcstats_now() - aw_load_relaxed(&gc.last_ns) >= period * UINT64_C(1000000000);
}

bool collector_is_due(struct mutator *m)
{
    if (unlikely(option_now(&options.stress) != 0))
        return true;
    if (has_grown())
        return true;
    if (likely(!m->cache.look))
        return false;
    m->cache.look = false;
    return collector_period_is_over();
}

void collector_assist_sweep(struct mutator *m)
{
    if (likely(!m->cache.assist) || space_is_swept())
        return;
    m->cache.assist = false;
    uint64_t size = heap_size(), trigger = aw_load_relaxed(&gc.trigger);
    space_sweep_some(pacer_sweep_spans(space_unswept(), trigger > size ? trigger - size : 0, SPACE_ACCOUNT_BYTES));
}

/* Every so manyth call. */
static bool stress_is_due(uint64_t every)
{
    uintptr_t left = aw_add_relaxed(&gc.countdown, (uintptr_t)-1);
    if (left > 1 && left <= every)
        return false;
    aw_store_relaxed(&gc.countdown, every); /* relaxed: two threads may begin a cycle each */
    return true;
}

void collector_poll(struct mutator *m)
{
    uint64_t stress = option_now(&options.stress);
    enum cycle_reason reason;
    if (control_is_disabled() || mutator_any_critical())
        return;
    if (stress != 0 && stress_is_due(stress))
        collector_cycle(m, CYCLE_STRESS);
    else if (growth_reason(&reason))
        collector_cycle(m, reason);
    else if (stress == 0 && collector_period_is_over())
        collector_cycle(m, CYCLE_PERIOD);
}

/* Was the reason somebody else's, too, who was faster? Cycle lock held. */
static bool still_wanted(enum cycle_reason reason)
{
    switch (reason) {
    case CYCLE_GROWTH:
        return has_grown();
    case CYCLE_LIMIT:
        if (!pacer_limiter_update(&gc.limiter, gcstats_now(), 0, mark_cpus()))
            return has_grown();
        aw_store_relaxed(&gc.put_off_ns, gcstats_now() + PUT_OFF_NS); /* relaxed: a hint */
        return false;
    case CYCLE_PERIOD:
        return collector_period_is_over();
    case CYCLE_FORCED:
    case CYCLE_STRESS:
    case CYCLE_NO_MEMORY:
        break;
    }
    return true;
}

/* Busy from then on. With the first lock in hand nobody else stops threads, so the second may be waited for. */
static void lock_both(struct mutator *m)
{
    mutator_lock(m, &cycle_lock);
    lock_take(&sweeper_lock);
}

static void drop_both(struct mutator *m)
{
    lock_drop(&sweeper_lock);
    lock_drop(&cycle_lock);
    mutator_leave(m);
}

/* Free pages that are kept warm count, too: beyond the soft limit they are given back at once. */
static void keep_limit(void)
{
    uint64_t limit = control_memory_limit();
    struct mheap_stats pages = mheap_stats_read(&heap_pages);
    if (limit != 0 && pages_bytes(pages.in_use) + pages_bytes(pages.warm) + meta_bytes() > limit)
        heap_trim();
}

/* Not inlined: the coordinator's stack is a root from its caller's frame on; of the collector's own frames,
   which change while it marks, only what they saved of the caller's registers is. */
GREY_NOINLINE bool collector_cycle(struct mutator *m, enum cycle_reason reason)
{
    if (unlikely(forking))
        return false;
    lock_both(m);
    bool done = still_wanted(reason) && run(m, reason, machine_caller_sp());
    drop_both(m);
    if (!done)
        return false;
    if (!space_is_swept())
        sweeper_wake();
    machine_yield(); /* who waits for the lock goes first, if this thread asks for it again at once */
    lifetime_after_cycle();
    keep_limit();
    return true;
}

void collector_finish_sweep(struct mutator *m)
{
    if (unlikely(forking))
        return;
    lock_both(m);
    sweep_rest();
    drop_both(m);
}

GREY_NOINLINE bool collector_with_world_stopped(struct mutator *m, void (*f)(void *context), void *context)
{
    struct stop_times unused;
    if (unlikely(forking))
        return false;
    lock_both(m);
    sweep_rest();
    bool stopped = stop(m, machine_caller_sp(), &unused);
    if (stopped) {
        f(context);
        resume(m);
    }
    drop_both(m);
    return stopped;
}

/* ---- fork ---- */

/* With the cycle's lock no stop is in progress, nor will one begin. */
static void fork_prepare(void)
{
    struct mutator *m = mutator_self();
    if (m != NULL)
        mutator_lock(m, &cycle_lock);
    else
        lock_take(&cycle_lock);
    gc.fork_entered = m != NULL; /* another library's handler may attach the thread before the fork is over */
    forking = true;
    roots_fork_prepare();
}

static void fork_end(void)
{
    if (!forking)
        return; /* the first use came amid the fork, in another library's handler */
    bool entered = gc.fork_entered;
    forking = false;
    lock_drop(&cycle_lock);
    if (entered)
        mutator_leave(mutator_self());
}

static void fork_each_lock(void (*f)(struct lock *l))
{
    f(&sweeper_lock);
    mutator_each_lock(f);
    f(roots_lock());
    lifetime_each_lock(f);
    space_each_lock(f);
}

/* The locks are free again. */
static void fork_child(void)
{
    mutator_fork_child();
    space_fork_child();
    mark_fork_child();
    sweeper_fork_child();
    roots_fork_child();
    lifetime_fork_child();
    writes_fork_child();
    fork_end();
}
