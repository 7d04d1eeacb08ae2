/* gctrace: see gctrace.h. Numbers are rounded as Go's itoaDiv and fmtNSAsMS do. */
#include "gc/gctrace.h"

struct decimal {
    char text[32];
};

/* value / 10^places with all its places. */
static struct decimal decimal(uint64_t value, unsigned places)
{
    struct decimal d;
    uint64_t scale = 1;
    for (unsigned i = 0; i < places; i++)
        scale *= 10;
    size_t used = report_format(d.text, sizeof d.text, "%ju", (uintmax_t)(value / scale));
    if (places > 0)
        d.text[used++] = '.';
    for (; scale > 1; scale /= 10)
        d.text[used++] = (char)('0' + value % scale / (scale / 10));
    d.text[used] = '\0';
    return d;
}

/* Two digits that count, at most three places; whole milliseconds from 10 ms on. */
static struct decimal ms(uint64_t ns)
{
    uint64_t n = ns / 1000;
    unsigned places = 3;
    if (ns >= 10000000)
        return decimal(ns / 1000000, 0);
    if (n == 0)
        return decimal(0, 0);
    for (; n >= 100; n /= 10)
        places--;
    return decimal(n, places);
}

static uint64_t mib(uint64_t bytes)
{
    return bytes >> 20;
}

/* Of all CPUs since the start. */
static unsigned percent(const struct gctrace *t)
{
    double all = (double)(t->cycle->resumed_ns - t->start_ns) * (double)t->cpus;
    double share = all <= 0 ? 0 : (double)t->total_cpu_ns * 100 / all;
    return share > 100 ? 100 : (unsigned)share;
}

size_t gctrace_format(const struct gctrace *t, char out[GCTRACE_LINE_MAX])
{
    const struct cycle_record *r = t->cycle;
    uint64_t stopping = r->stopped_ns - r->asked_ns, marking = r->marked_ns - r->stopped_ns;
    uint64_t ending = r->resumed_ns - r->marked_ns;

    /* Assists and idle marking, the first and last of Go's three, are none while marking stops the world. */
    return report_format(out, GCTRACE_LINE_MAX,
                         "gc %ju @%ss %u%%: %s+%s+%s ms clock, %s+0/%s/0+%s ms cpu, "
                         "%ju->%ju->%ju MB, %ju MB goal, %ju MB stacks, %ju MB globals, %ju P%s",
                         (uintmax_t)r->number, decimal((r->begin_ns - t->start_ns) / 1000000, 3).text,
                         percent(t), ms(stopping).text, ms(marking).text, ms(ending).text,
                         ms(stopping * t->cpus).text, ms(r->mark.cpu_ns).text, ms(ending * t->cpus).text,
                         (uintmax_t)mib(r->heap_before), (uintmax_t)mib(r->heap_before),
                         (uintmax_t)mib(r->mark.bytes), (uintmax_t)mib(r->goal),
                         (uintmax_t)mib(r->mark.private_bytes),
                         (uintmax_t)mib(r->mark.root_bytes - r->mark.private_bytes), (uintmax_t)t->cpus,
                         r->reason == CYCLE_FORCED ? " (forced)" : "");
}
