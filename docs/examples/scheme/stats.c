/* What the collector did, for a program that measures: SCHEME_STATS=FILE in the environment has one line of
 * JSON written there at exit. A stop lasts from the request to the moment when the last thread may go on. */
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "scheme.h"

struct figures {
    uint64_t cycles, stop_max_ns, stop_total_ns;
};

#ifdef SCHEME_LIBGC

/* The callback comes with the allocator's lock held, so one at a time; threads are stopped, or about to be. */
static struct figures seen;
static uint64_t stop_began;

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void GC_CALLBACK listen(GC_EventType event)
{
    if (event == GC_EVENT_PRE_STOP_WORLD) {
        stop_began = now_ns();
    } else if (event == GC_EVENT_POST_START_WORLD) {
        uint64_t took = now_ns() - stop_began;
        seen.stop_total_ns += took;
        seen.stop_max_ns = took > seen.stop_max_ns ? took : seen.stop_max_ns;
    }
}

static void begin(void)
{
    GC_set_on_collection_event(listen);
}

static struct figures figures(void)
{
    seen.cycles = GC_get_gc_no();
    return seen;
}

#else

static void begin(void)
{
}

static struct figures figures(void)
{
    struct grey_gc_stats s = { 0 };
    grey_gc_stats(&s, sizeof s);
    return (struct figures){ s.cycles, s.stop_ns_max, s.stop_ns_total };
}

#endif

static void write_figures(void)
{
    FILE *out = fopen(getenv("SCHEME_STATS"), "w");
    if (out == NULL)
        return;
    const struct figures f = figures();
    fprintf(out, "{\"cycles\": %llu, \"stop_max_ns\": %llu, \"stop_total_ns\": %llu}\n",
            (unsigned long long)f.cycles, (unsigned long long)f.stop_max_ns,
            (unsigned long long)f.stop_total_ns);
    fclose(out);
}

/* Called once, behind the collector's own beginnings. */
void stats_start(void)
{
    if (getenv("SCHEME_STATS") == NULL)
        return;
    begin();
    atexit(write_figures);
}
