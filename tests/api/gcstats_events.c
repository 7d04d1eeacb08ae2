/* The listener hears of each cycle in order, at any time it is set; the trace line counts the same cycles. */
#include "api.h"

#include <pthread.h>

struct heard {
    enum grey_event event;
    uint64_t time_ns, value;
    void *data;
};

enum { MOST = 100000 };
static struct heard heard[MOST];
static size_t count; /* events come one at a time but for SWEPT and RELEASED, which are counted apart */
static size_t swept, released;

static void listen(enum grey_event event, uint64_t time_ns, uint64_t value, void *data)
{
    if (event == GREY_EVENT_SWEPT)
        __atomic_fetch_add(&swept, 1, __ATOMIC_RELAXED);
    else if (event == GREY_EVENT_RELEASED)
        __atomic_fetch_add(&released, (size_t)value, __ATOMIC_RELAXED);
    else if (count < MOST)
        heard[count++] = (struct heard){ event, time_ns, value, data };
}

static void other(enum grey_event event, uint64_t time_ns, uint64_t value, void *data)
{
    (void)event;
    (void)time_ns;
    (void)value;
    __atomic_fetch_add((size_t *)data, 1, __ATOMIC_RELAXED);
}

/* The sweeper may be telling just now. */
static size_t so_far(const size_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static struct grey_gc_stats now(void)
{
    struct grey_gc_stats s;
    CHECK(grey_gc_stats(&s, sizeof s), "there is an answer");
    return s;
}

static void litter(size_t mib)
{
    for (size_t i = 0; i < mib * 64; i++)
        hide(grey_alloc(GREY_NOSCAN, 16000));
}

static void each_cycle_tells_its_steps_in_order(void)
{
    static const enum grey_event steps[] = {
        GREY_EVENT_CYCLE_BEGIN, GREY_EVENT_STOP_BEGIN, GREY_EVENT_STOPPED,
        GREY_EVENT_MARKED,      GREY_EVENT_RESUMED,    GREY_EVENT_CYCLE_END,
    };
    int data;
    CHECK(grey_listener_set(listen, &data), "a listener");
    struct grey_gc_stats before = now();
    for (int i = 0; i < 5; i++) {
        litter(2);
        grey_collect();
    }
    struct grey_gc_stats after = now();
    CHECK(count == (after.cycles - before.cycles) * COUNT(steps), "%zu events of %ju cycles", count,
          (uintmax_t)(after.cycles - before.cycles));
    for (size_t i = 0; i < count; i++) {
        CHECK(heard[i].event == steps[i % COUNT(steps)], "event %zu is %d", i, heard[i].event);
        CHECK(i == 0 || heard[i].time_ns >= heard[i - 1].time_ns, "time goes on at event %zu", i);
        CHECK(heard[i].data == &data, "the data are ours");
    }
    for (size_t i = 0; i + 5 < count; i += COUNT(steps)) {
        CHECK(heard[i].value == before.cycles + 1 + i / COUNT(steps) && heard[i + 5].value == heard[i].value,
              "the cycle's number: %ju, %ju", (uintmax_t)heard[i].value, (uintmax_t)heard[i + 5].value);
        CHECK(heard[i + 4].value > 0, "the stop took time");
    }
    CHECK(count > 0 && heard[count - 3].value == after.marked_bytes, "what was marked");
    CHECK(count > 0 && heard[count - 2].value == after.stop_ns_last, "how long the stop was: %ju, %ju",
          (uintmax_t)heard[count - 2].value, (uintmax_t)after.stop_ns_last);
    CHECK(so_far(&swept) >= 5, "five times all was swept, told %zu times", so_far(&swept));
}

/* What begins for a listener ends for it. */
static void a_cycle_given_up_ends(void)
{
    static const enum grey_event steps[] = {
        GREY_EVENT_CYCLE_BEGIN, GREY_EVENT_STOP_BEGIN, GREY_EVENT_RESUMED, GREY_EVENT_CYCLE_END,
    };
    grey_disable(); /* but for those that are asked for */
    size_t first = count;
    uint64_t cycles = now().cycles;
    grey_critical_enter();
    grey_collect();
    grey_critical_leave();
    CHECK(now().cycles == cycles && count == first + COUNT(steps), "a cycle is given up: %zu events", count - first);
    for (size_t i = 0; i < COUNT(steps) && first + i < count; i++)
        CHECK(heard[first + i].event == steps[i], "event %zu of it is %d", i, heard[first + i].event);
    if (count == first + COUNT(steps))
        CHECK(heard[first].value == cycles + 1 && heard[first + 2].value > 0 && heard[first + 3].value == 0,
              "numbered %ju, stopped for %ju ns, ended with %ju", (uintmax_t)heard[first].value,
              (uintmax_t)heard[first + 2].value, (uintmax_t)heard[first + 3].value);
    grey_collect();
    CHECK(count > 0 && heard[count - 1].event == GREY_EVENT_CYCLE_END && heard[count - 1].value == cycles + 1,
          "the next one has its number");
    grey_enable();
}

static void memory_given_back_is_told(void)
{
    litter(64);
    grey_collect();
    size_t before = so_far(&released), back = grey_trim();
    grey_collect();
    size_t told = so_far(&released) - before;
    CHECK(back > 0 && told >= back, "%zu bytes given back, told %zu", back, told);
}

static void no_listener_hears_nothing(void)
{
    CHECK(grey_listener_set(NULL, NULL), "none");
    size_t before = count;
    grey_collect();
    CHECK(count == before, "nothing is heard");
}

static bool stop;

static void *set_listeners(void *counts)
{
    for (unsigned i = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++)
        grey_listener_set(i % 4 == 0 ? NULL : other, (size_t *)counts + i % 4);
    return NULL;
}

static size_t heard_by(const size_t counts[4])
{
    return so_far(&counts[1]) + so_far(&counts[2]) + so_far(&counts[3]);
}

static void listeners_may_change_at_any_time(void)
{
    static size_t counts[4];
    pthread_t setters[2];
    for (size_t i = 0; i < COUNT(setters); i++)
        CHECK(pthread_create(&setters[i], NULL, set_listeners, counts) == 0, "a thread");
    for (int i = 0; i < 1000 && (i < 50 || heard_by(counts) == 0); i++)
        grey_collect();
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (size_t i = 0; i < COUNT(setters); i++)
        pthread_join(setters[i], NULL);
    CHECK(counts[0] == 0, "the pair of NULL is none");
    CHECK(heard_by(counts) > 0, "some was heard");
    CHECK(grey_listener_set(NULL, NULL), "none");
}

static char written[4 << 20]; /* a loose root */

/* As many lines as cycles, each taken apart as tools take Go's. */
static void the_trace_has_a_line_a_cycle(void)
{
    struct outcome *o = run_shell("GREY_GCTRACE=1 '%s' trace 2>&1", self_path());
    unsigned lines = 0, forced = 0, cycles = 0, with_data = 0;
    CHECK(succeeded(o), "it runs: %s", o->output);
    for (char *line = strtok(o->output, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        unsigned number, percent, before, end, after, goal, stacks, globals, cpus, used = 0;
        double at, a, b, c, d, e, f, g, h;
        if (sscanf(line, "cycles %u", &cycles) == 1)
            continue;
        int n = sscanf(line,
                       "gc %u @%lfs %u%%: %lf+%lf+%lf ms clock, %lf+%lf/%lf/%lf+%lf ms cpu, "
                       "%u->%u->%u MB, %u MB goal, %u MB stacks, %u MB globals, %u P%n",
                       &number, &at, &percent, &a, &b, &c, &d, &e, &f, &g, &h, &before, &end, &after, &goal,
                       &stacks, &globals, &cpus, &used);
        CHECK(n == 18 && (line[used] == '\0' || strcmp(line + used, " (forced)") == 0), "a line of Go's: %s",
              line);
        forced += strstr(line, " (forced)") != NULL;
        with_data += globals >= sizeof written >> 20 && stacks < sizeof written >> 20;
        CHECK(number == ++lines, "lines are numbered: %s", line);
        CHECK(after <= before && percent <= 100 && cpus >= 1 && e == 0 && g == 0,
              "its figures are likely: %s", line);
    }
    CHECK(lines == cycles && cycles > 3, "%u lines of %u cycles", lines, cycles);
    CHECK(forced == 2, "two were asked for: %u", forced);
    CHECK(with_data == lines, "writable data are globals, and no stacks: in %u lines", with_data);
    o = run_shell("GREY_GCTRACE=0 '%s' trace 2>&1", self_path());
    CHECK(strncmp(o->output, "cycles ", 7) == 0, "no line without it: %s", o->output);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        memset(written, argc, sizeof written); /* pages never touched are no roots */
        grey_keep(written); /* nor are those that the compiler need not write */
        grey_collect();
        litter(30);
        grey_collect();
        printf("cycles %u\n", (unsigned)now().cycles);
        return result();
    }
    each_cycle_tells_its_steps_in_order();
    a_cycle_given_up_ends();
    memory_given_back_is_told();
    no_listener_hears_nothing();
    listeners_may_change_at_any_time();
    the_trace_has_a_line_a_cycle();
    return result();
}
