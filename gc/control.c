/* control: settings, disabling, external memory, the hooks of the program. See control.h.

   A setting is an option: ranges and defaults are the table's of alloc/options.c. */
#include "gc/control.h"

#include "gc/hook.h"
#include "gc/stats.h"

#include "alloc/limits.h"

#include <errno.h>

struct mutator *control_enter(const char *call)
{
    struct mutator *m = mutator_self();
    return m == NULL || m->blocking != 0 ? NULL : mutator_enter(call);
}

void control_leave(struct mutator *m)
{
    if (m != NULL)
        mutator_leave(m);
}

/* ---- settings ---- */

/* When a setting may change. */
enum moment {
    ALWAYS,
    REPACE,     /* always; the collector is told, for goal and clock go by it */
    BEFORE_USE, /* until the collector starts, which reads it once */
};

static const struct setting {
    uint64_t *option;
    enum moment moment;
} settings[GREY_SETTINGS] = {
    [GREY_SET_PERCENT] = { &options.percent, REPACE },
    [GREY_SET_MIN_HEAP] = { &options.min_heap, REPACE },
    [GREY_SET_MEMORY_LIMIT] = { &options.memory_limit, REPACE },
    [GREY_SET_CGROUP_LIMIT] = { &options.cgroup_limit, REPACE },
    [GREY_SET_HARD_LIMIT] = { &options.hard_limit, ALWAYS },
    [GREY_SET_WORKERS] = { &options.workers, ALWAYS },
    [GREY_SET_STRESS] = { &options.stress, ALWAYS },
    [GREY_SET_VERIFY] = { &options.verify, ALWAYS },
    [GREY_SET_GCTRACE] = { &options.gctrace, ALWAYS },
    [GREY_SET_ROOTS] = { &options.roots, ALWAYS },
    [GREY_SET_STOP] = { &options.stop, BEFORE_USE },
    [GREY_SET_STOP_SIGNAL] = { &options.stop_signal, BEFORE_USE },
    [GREY_SET_FINALIZERS] = { &options.finalizers, ALWAYS },
    [GREY_SET_CHECK_WRITES] = { &options.check_writes, BEFORE_USE },
    [GREY_SET_CHECK_TRACE] = { &options.check_trace, ALWAYS },
    [GREY_SET_PERIOD] = { &options.period, REPACE },
};

/* gc_init() publishes the upcalls when all is set up. */
static bool in_use(void)
{
    return upcall() != NULL;
}

static const struct setting *find(enum grey_setting what)
{
    return (unsigned)what < GREY_SETTINGS ? &settings[what] : NULL;
}

bool grey_set(enum grey_setting what, uint64_t value)
{
    const struct setting *s = find(what);
    if (s == NULL) {
        errno = EINVAL;
        return false;
    }
    if (s->moment == BEFORE_USE && in_use() && value != option_now(s->option)) {
        errno = EBUSY;
        return false;
    }
    if (!options_change(s->option, value)) {
        errno = EINVAL;
        return false;
    }
    if (what == GREY_SET_CGROUP_LIMIT)
        control_refresh();
    if (s->moment == REPACE && in_use()) {
        struct mutator *m = control_enter("grey_set");
        collector_settings_changed();
        control_leave(m);
    }
    return true;
}

uint64_t grey_get(enum grey_setting what)
{
    const struct setting *s = find(what);
    if (s == NULL) {
        errno = EINVAL;
        return 0;
    }
    return option_now(s->option);
}

/* ---- disabling ---- */

static struct atomic32 disabled; /* [atomic] depth of grey_disable() */

void grey_disable(void)
{
    /* full: whoever calls wants no cycle to begin after it. */
    a32_add_full(&disabled, 1);
}

void grey_enable(void)
{
    uint32_t depth;
    do {
        depth = a32_load_relaxed(&disabled);
        if (depth == 0) {
            report_misuse_args("the collector is not disabled", "grey_enable()");
            return;
        }
        /* full: as in grey_disable(). */
    } while (!a32_cas_full(&disabled, depth, depth - 1));
}

bool control_is_disabled(void)
{
    return a32_load_relaxed(&disabled) != 0; /* relaxed: a cycle under way goes on in any case */
}

/* ---- external memory ---- */

static struct atomicw external;       /* [atomic] bytes, at most INT64_MAX */
static struct atomicw external_least; /* [atomic] the least of it since the last cycle: what dead objects hold is given
                                         back by cleanups, which run after the cycle that found them */

static void complain_of_external(ptrdiff_t bytes, uint64_t told)
{
    char sentence[64];
    if (bytes < 0)
        report_format(sentence, sizeof sentence, "only %ju bytes were reported", (uintmax_t)told);
    else
        report_format(sentence, sizeof sentence, "with %ju bytes it is more than can be", (uintmax_t)told);
    report_misuse_args(sentence, "grey_external(%s%zu)", bytes < 0 ? "-" : "",
                       bytes < 0 ? 0 - (size_t)bytes : (size_t)bytes);
}

/* Memory that the program adds outside is as good a reason for a cycle as objects. */
static void collect_if_due(void)
{
    struct mutator *m = mutator_self();
    if (m == NULL || m->blocking != 0)
        return;
    m = mutator_enter("grey_external"); /* refused where threads are stopped, and by this one */
    if (m == NULL)
        return;
    mutator_leave(m);
    if (collector_is_due(m))
        collector_poll(m);
}

void grey_external(ptrdiff_t bytes)
{
    uint64_t before, after;
    do {
        before = aw_load_relaxed(&external);
        after = before + (uint64_t)(int64_t)bytes;
        if (after > INT64_MAX) {
            complain_of_external(bytes, before);
            return;
        }
        /* full, though a counter needs no order: there is no weaker one, and the call is not hot. */
    } while (!aw_cas_full(&external, before, after));
    if (bytes > 0)
        collect_if_due();
    else if (after < aw_load_relaxed(&external_least))
        aw_store_relaxed(&external_least, after); /* relaxed: of two at once either will do */
}

uint64_t control_external_bytes(void)
{
    return aw_load_relaxed(&external); /* relaxed: a counter */
}

uint64_t control_external_least(void)
{
    return aw_load_relaxed(&external_least); /* relaxed: see above */
}

void control_external_cycle(void)
{
    aw_store_relaxed(&external_least, control_external_bytes()); /* relaxed: see above */
}

/* ---- limits ---- */

#define REFRESH_NS UINT64_C(30000000000)

static struct {
    struct atomicw bytes;   /* [atomic] 90 % of the container's memory; 0 none or not read */
    struct atomicw read_ns; /* [atomic] when; 0 not yet */
} container;

void control_refresh(void)
{
    if (option_now(&options.cgroup_limit) == 0)
        return;
    uint64_t now = gcstats_now(), last = aw_load_relaxed(&container.read_ns);
    if (last != 0 && now - last < REFRESH_NS)
        return;
    /* full: one of several threads reads. */
    if (!aw_cas_full(&container.read_ns, last, now))
        return;
    uint64_t limit = limits_memory("");
    /* relaxed: pairs with control_memory_limit(); a number of its own. */
    aw_store_relaxed(&container.bytes, limit == UINT64_MAX ? 0 : limit / 10 * 9);
}

uint64_t control_memory_limit(void)
{
    uint64_t asked = option_now(&options.memory_limit);
    uint64_t given = option_now(&options.cgroup_limit) != 0 ? aw_load_relaxed(&container.bytes) : 0;
    if (asked == 0 || given == 0)
        return asked | given;
    return asked < given ? asked : given;
}

void control_pacer_input(struct pacer_input *in)
{
    uint64_t percent = option_now(&options.percent);
    in->percent = percent == 0 ? UINT64_MAX : percent;
    in->min_heap = option_now(&options.min_heap);
    in->limit = control_memory_limit();
    in->external_bytes = control_external_bytes();
    in->external_live = control_external_least();
}

/* ---- hooks ---- */

static struct hooks no_memory;

bool grey_no_memory_set(grey_no_memory_fn *fn, void *data)
{
    return hook_set(&no_memory, (hook_fn *)fn, data);
}

bool control_no_memory(size_t size)
{
    const struct hook *h = hook_get(&no_memory);
    return h != NULL && ((grey_no_memory_fn *)h->fn)(size, h->data);
}
