/* stats: see stats.h. */
#include "gc/stats.h"

#include "gc/control.h"
#include "gc/gctrace.h"
#include "gc/hook.h"
#include "gc/lifetime.h"

#include <string.h>
#include <time.h>

/* ---- clocks ---- */

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t = { 0 };
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t gcstats_now(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t gcstats_cpu(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* ---- the sums of all cycles ---- */

enum { REASONS = CYCLE_NO_MEMORY + 1 };

/* Read and written as words. */
struct totals {
    uint64_t by_reason[REASONS];
    uint64_t stopping_ns, roots_ns, marking_ns, settling_ns, resuming_ns;
    uint64_t stop_ns_max, stop_ns_last;
    uint64_t pauses[GREY_PAUSE_BUCKETS];
    uint64_t mark_cpu_ns, overflows, root_bytes, marked_bytes;
};
enum { TOTALS_WORDS = sizeof(struct totals) / sizeof(uint64_t) };

static struct totals mine; /* [lock:cycle] */

/* What readers see: version is odd while words change. */
static struct {
    struct atomicw version; /* [atomic] */
    struct atomicw word[TOTALS_WORDS];
} published;

static struct atomicw sweep_cpu_ns; /* [atomic] */
static uint64_t start_ns;           /* [const] after gcstats_init() */

void gcstats_init(void)
{
    start_ns = gcstats_now();
}

static void publish(void)
{
    uint64_t words[TOTALS_WORDS];
    uintptr_t version = aw_load_relaxed(&published.version);
    memcpy(words, &mine, sizeof mine);
    aw_store_relaxed(&published.version, version + 1);
    /* release, each: pairs with the acquire in read_totals(). Who sees one of these words sees the odd
       version, or a later one, when it looks again. */
    for (size_t i = 0; i < TOTALS_WORDS; i++)
        aw_store_release(&published.word[i], words[i]);
    /* release: pairs with the first acquire in read_totals(): all words are there. */
    aw_store_release(&published.version, version + 2);
}

/* As of one moment between two cycles. Waits for as long as publish() takes. */
static struct totals read_totals(void)
{
    struct totals out;
    uint64_t words[TOTALS_WORDS];
    uintptr_t before, after;
    do {
        before = aw_load_acquire(&published.version);
        for (size_t i = 0; i < TOTALS_WORDS; i++)
            words[i] = aw_load_acquire(&published.word[i]);
        after = aw_load_relaxed(&published.version); /* relaxed: the acquires above keep it behind them */
        if (before != after || before % 2 != 0)
            cpu_relax();
    } while (before != after || before % 2 != 0);
    memcpy(&out, words, sizeof out);
    return out;
}

/* Bucket i ends below 2^i quarters of a microsecond. */
static unsigned pause_bucket(uint64_t ns)
{
    uint64_t quarters = ns / 250;
    unsigned bucket = quarters == 0 ? 0 : highest_bit(quarters) + 1;
    return bucket < GREY_PAUSE_BUCKETS ? bucket : GREY_PAUSE_BUCKETS - 1;
}

static uint64_t stopped_ns(const struct totals *t)
{
    return t->stopping_ns + t->roots_ns + t->marking_ns + t->settling_ns + t->resuming_ns;
}

static void count(const struct cycle_record *r)
{
    uint64_t stop_ns = r->resumed_ns - r->asked_ns;
    mine.by_reason[r->reason]++;
    mine.stopping_ns += r->stopped_ns - r->asked_ns;
    mine.roots_ns += r->roots_ns - r->stopped_ns;
    mine.marking_ns += r->marked_ns - r->roots_ns;
    mine.settling_ns += r->settled_ns - r->marked_ns;
    mine.resuming_ns += r->resumed_ns - r->settled_ns;
    mine.stop_ns_last = stop_ns;
    if (stop_ns > mine.stop_ns_max)
        mine.stop_ns_max = stop_ns;
    mine.pauses[pause_bucket(stop_ns)]++;
    mine.mark_cpu_ns += r->mark.cpu_ns;
    mine.overflows += r->mark.overflows;
    mine.root_bytes = r->mark.root_bytes;
    mine.marked_bytes = r->mark.bytes;
}

/* ---- the trace line ---- */

static void trace(const struct cycle_record *r)
{
    enum { TO_STDERR = 2 };
    char line[GCTRACE_LINE_MAX];
    if (option_now(&options.gctrace) == 0)
        return;
    /* A stop takes all CPUs from the program, whoever uses them: so counts Go, too. */
    uint64_t cpus = mark_cpus(), stopped = stopped_ns(&mine);
    struct gctrace t = {
        .cycle = r,
        .start_ns = start_ns,
        .total_cpu_ns = stopped * cpus + aw_load_relaxed(&sweep_cpu_ns),
        .cpus = cpus,
    };
    gctrace_format(&t, line);
    report_row(TO_STDERR, "%s", line);
}

/* ---- the listener ---- */

static struct hooks listener;
static struct atomicw given_back; /* [atomic] bytes, of which the listener has been told */

static uint64_t given_back_now(void)
{
    return pages_bytes(mheap_stats_read(&heap_pages).given_back);
}

bool grey_listener_set(grey_listener_fn *fn, void *data)
{
    struct mutator *m = control_enter("grey_listener_set");
    heap_init();
    aw_store_relaxed(&given_back, given_back_now()); /* relaxed: a number of its own */
    control_leave(m);
    return hook_set(&listener, (hook_fn *)fn, data);
}

void gcstats_event(enum grey_event event, uint64_t time_ns, uint64_t value)
{
    const struct hook *h = hook_get(&listener);
    if (unlikely(h != NULL))
        ((grey_listener_fn *)h->fn)(event, time_ns, value, h->data);
}

/* The scavenger knows nothing of listeners: what it gave back meanwhile is told now. */
static void tell_given_back(void)
{
    if (likely(hook_get(&listener) == NULL))
        return;
    uint64_t now = given_back_now(), told = aw_load_relaxed(&given_back);
    /* full: one of several threads tells. */
    if (now > told && aw_cas_full(&given_back, told, now))
        gcstats_event(GREY_EVENT_RELEASED, gcstats_now(), now - told);
}

void gcstats_cycle(const struct cycle_record *r)
{
    count(r);
    publish();
    trace(r);
    gcstats_event(GREY_EVENT_CYCLE_END, gcstats_now(), r->number);
    tell_given_back();
}

void gcstats_swept(uint64_t cpu_ns, uint64_t freed_bytes)
{
    aw_add_relaxed(&sweep_cpu_ns, cpu_ns); /* relaxed: a counter */
    gcstats_event(GREY_EVENT_SWEPT, gcstats_now(), freed_bytes);
    tell_given_back();
}

/* ---- the snapshot ---- */

static uint64_t less(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t beyond(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static void fill_cycles(struct grey_gc_stats *out, const struct totals *t)
{
    out->growth_cycles = t->by_reason[CYCLE_GROWTH];
    out->limit_cycles = t->by_reason[CYCLE_LIMIT];
    out->forced_cycles = t->by_reason[CYCLE_FORCED];
    out->stress_cycles = t->by_reason[CYCLE_STRESS];
    out->period_cycles = t->by_reason[CYCLE_PERIOD];
    out->no_memory_cycles = t->by_reason[CYCLE_NO_MEMORY];
    for (unsigned i = 0; i < REASONS; i++)
        out->cycles += t->by_reason[i];
    out->root_bytes = t->root_bytes;
    out->mark_overflows = t->overflows;
}

static void fill_times(struct grey_gc_stats *out, const struct totals *t)
{
    out->stopping_ns = t->stopping_ns;
    out->roots_ns = t->roots_ns;
    out->marking_ns = t->marking_ns;
    out->settling_ns = t->settling_ns;
    out->resuming_ns = t->resuming_ns;
    out->stop_ns_total = stopped_ns(t);
    out->stop_ns_max = t->stop_ns_max;
    out->stop_ns_last = t->stop_ns_last;
    memcpy(out->pause_histogram, t->pauses, sizeof out->pause_histogram);
    out->mark_cpu_ns = t->mark_cpu_ns;
    out->sweep_cpu_ns = aw_load_relaxed(&sweep_cpu_ns);
}

/* What was read one after the other, while threads went on, is made to agree: parts are cut to the whole. */
static void fill_objects(struct grey_gc_stats *out)
{
    struct space_sums s = space_sums();
    out->objects_allocated = s.allocated_objects;
    out->objects_freed = less(s.freed_objects, s.allocated_objects);
    out->objects_live = out->objects_allocated - out->objects_freed;
    out->bytes_allocated = s.allocated_bytes;
    out->bytes_freed = less(s.freed_bytes, s.allocated_bytes);
    out->bytes_live = out->bytes_allocated - out->bytes_freed;
}

static void fill_lifetime(struct grey_gc_stats *out)
{
    struct lifetime_sums s = lifetime_sums();
    out->finalizers_run = s.finalizers_run;
    out->finalizers_waiting = s.finalizers_waiting;
    out->cleanups_run = s.cleanups_run;
    out->weak_cleared = s.weak_cleared;
}

static void fill_pages(struct grey_gc_stats *out)
{
    struct mheap_stats s = mheap_stats_read(&heap_pages);
    out->mapped_bytes = s.reserved_bytes;
    out->in_use_bytes = pages_bytes(s.in_use);
    out->warm_bytes = pages_bytes(s.warm);
    out->released_bytes = out->mapped_bytes - out->in_use_bytes - out->warm_bytes;
}

static void fill(struct grey_gc_stats *out)
{
    *out = (struct grey_gc_stats){ .external_bytes = control_external_bytes(),
                                   .limit_bytes = control_memory_limit() };
    heap_init();
    fill_pages(out);
    /* Before the collector's first use there is nothing else, and its parts are not set up. */
    if (upcall() == NULL)
        return;
    struct totals t = read_totals();
    fill_cycles(out, &t);
    fill_times(out, &t);
    fill_objects(out);
    fill_lifetime(out);
    out->marked_bytes = t.marked_bytes;
    out->fresh_bytes = beyond(space_live_bytes(), t.marked_bytes);
    out->heap_live_bytes = out->marked_bytes + out->fresh_bytes;
    out->heap_goal_bytes = collector_goal();
    out->threads = mutator_count();
}

bool grey_gc_stats(struct grey_gc_stats *out, size_t out_size)
{
    struct grey_gc_stats s;
    if (out == NULL || out_size == 0)
        return false;
    struct mutator *m = control_enter("grey_gc_stats");
    if (m != NULL)
        space_account(m);
    fill(&s);
    control_leave(m);
    /* Fields of a newer header, which lie behind ours, read as 0. */
    if (out_size > sizeof s)
        memset((char *)out + sizeof s, 0, out_size - sizeof s);
    memcpy(out, &s, out_size < sizeof s ? out_size : sizeof s);
    return true;
}

size_t grey_class_stats(struct grey_class_stats *out, size_t max)
{
    if (upcall() == NULL)
        return 0;
    struct mutator *m = control_enter("grey_class_stats");
    size_t rows = space_class_stats(out, out == NULL ? 0 : max);
    control_leave(m);
    return rows;
}

/* ---- the summary ---- */

static uint64_t kib(uint64_t bytes)
{
    return (bytes + 1023) / 1024;
}

static uint64_t us(uint64_t ns)
{
    return ns / 1000;
}

static void print_cycles(int fd, const struct grey_gc_stats *s)
{
    report_row(fd, "%10ju  cycles: %ju growth, %ju limit, %ju forced, %ju stress, %ju period, %ju no memory",
               (uintmax_t)s->cycles, (uintmax_t)s->growth_cycles, (uintmax_t)s->limit_cycles,
               (uintmax_t)s->forced_cycles, (uintmax_t)s->stress_cycles, (uintmax_t)s->period_cycles,
               (uintmax_t)s->no_memory_cycles);
    report_row(fd,
               "%10ju  us stopped, at most %ju at once: %ju until stopped, %ju roots, %ju marking, "
               "%ju settling, %ju resuming",
               (uintmax_t)us(s->stop_ns_total), (uintmax_t)us(s->stop_ns_max), (uintmax_t)us(s->stopping_ns),
               (uintmax_t)us(s->roots_ns), (uintmax_t)us(s->marking_ns), (uintmax_t)us(s->settling_ns),
               (uintmax_t)us(s->resuming_ns));
    report_row(fd, "%10ju  us of CPU marking, %ju sweeping", (uintmax_t)us(s->mark_cpu_ns),
               (uintmax_t)us(s->sweep_cpu_ns));
}

static void print_pauses(int fd, const struct grey_gc_stats *s)
{
    for (unsigned i = 0; i < GREY_PAUSE_BUCKETS; i++)
        if (s->pause_histogram[i] != 0)
            report_row(fd, "%10ju  stops of %s %ju ns", (uintmax_t)s->pause_histogram[i],
                       i + 1 < GREY_PAUSE_BUCKETS ? "less than" : "more than",
                       (uintmax_t)(UINT64_C(250) << (i + 1 < GREY_PAUSE_BUCKETS ? i : i - 1)));
}

void gcstats_print(int fd)
{
    struct grey_gc_stats s;
    if (!grey_gc_stats(&s, sizeof s))
        return;
    report_row(fd, "the collector:");
    report_row(fd, "%10ju  KiB of managed heap: %ju marked, %ju taken since",
               (uintmax_t)kib(s.heap_live_bytes), (uintmax_t)kib(s.marked_bytes),
               (uintmax_t)kib(s.fresh_bytes));
    if (s.heap_goal_bytes != UINT64_MAX)
        report_row(fd, "%10ju  KiB: its goal", (uintmax_t)kib(s.heap_goal_bytes));
    report_row(fd, "%10ju  objects allocated, %ju freed", (uintmax_t)s.objects_allocated,
               (uintmax_t)s.objects_freed);
    report_row(fd, "%10ju  KiB of them allocated, %ju freed", (uintmax_t)kib(s.bytes_allocated),
               (uintmax_t)kib(s.bytes_freed));
    print_cycles(fd, &s);
    print_pauses(fd, &s);
    report_row(fd, "%10ju  finalizers run, %ju waiting, %ju cleanups run, %ju weak references cleared",
               (uintmax_t)s.finalizers_run, (uintmax_t)s.finalizers_waiting, (uintmax_t)s.cleanups_run,
               (uintmax_t)s.weak_cleared);
}
