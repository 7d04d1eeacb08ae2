/* grey_gc_stats: its identities in every answer, its size, what counts where; the classes; the summary. */
#include "api.h"
#include "blocking.h"

/* Returns the number of cycles. */
static uint64_t check_identities(const char *when)
{
    struct grey_gc_stats s;
    uint64_t stops = 0;
    memset(&s, 0xff, sizeof s);
    CHECK(grey_gc_stats(&s, sizeof s), "%s there is an answer", when);
    CHECK(s.heap_live_bytes == s.marked_bytes + s.fresh_bytes, "%s: live %ju is not marked %ju and fresh %ju",
          when, (uintmax_t)s.heap_live_bytes, (uintmax_t)s.marked_bytes, (uintmax_t)s.fresh_bytes);
    CHECK(s.objects_allocated == s.objects_freed + s.objects_live, "%s: objects %ju, freed %ju, live %ju",
          when, (uintmax_t)s.objects_allocated, (uintmax_t)s.objects_freed, (uintmax_t)s.objects_live);
    CHECK(s.bytes_allocated == s.bytes_freed + s.bytes_live, "%s: bytes %ju, freed %ju, live %ju", when,
          (uintmax_t)s.bytes_allocated, (uintmax_t)s.bytes_freed, (uintmax_t)s.bytes_live);
    CHECK(s.mapped_bytes == s.in_use_bytes + s.warm_bytes + s.released_bytes,
          "%s: mapped %ju, in use %ju, warm %ju, "
          "released %ju",
          when, (uintmax_t)s.mapped_bytes, (uintmax_t)s.in_use_bytes, (uintmax_t)s.warm_bytes,
          (uintmax_t)s.released_bytes);
    CHECK(s.released_bytes <= s.mapped_bytes, "%s: no part is negative", when);
    CHECK(s.cycles == s.growth_cycles + s.limit_cycles + s.forced_cycles + s.stress_cycles + s.period_cycles +
                          s.no_memory_cycles,
          "%s: %ju cycles are not the sum of their reasons", when, (uintmax_t)s.cycles);
    for (int i = 0; i < GREY_PAUSE_BUCKETS; i++)
        stops += s.pause_histogram[i];
    CHECK(stops == s.cycles, "%s: the histogram has %ju stops of %ju cycles", when, (uintmax_t)stops,
          (uintmax_t)s.cycles);
    CHECK(s.stop_ns_total == s.stopping_ns + s.roots_ns + s.marking_ns + s.settling_ns + s.resuming_ns,
          "%s: the stops are the sum of their phases", when);
    CHECK(s.stop_ns_max <= s.stop_ns_total && s.stop_ns_last <= s.stop_ns_max,
          "%s: last %ju, max %ju, total %ju", when, (uintmax_t)s.stop_ns_last, (uintmax_t)s.stop_ns_max,
          (uintmax_t)s.stop_ns_total);
    return s.cycles;
}

static struct grey_gc_stats now(void)
{
    struct grey_gc_stats s;
    CHECK(grey_gc_stats(&s, sizeof s), "there is an answer");
    return s;
}

static void before_the_first_use_all_is_zero(void)
{
    struct grey_gc_stats s = now();
    CHECK(s.cycles == 0 && s.objects_allocated == 0 && s.threads == 0 && s.stop_ns_total == 0 &&
              s.heap_goal_bytes == 0,
          "nothing has happened");
    CHECK(grey_class_stats(NULL, 0) == 0, "there are no classes");
    CHECK(!grey_thread_is_attached(), "asking does not attach");
    check_identities("before the first use");
}

static void the_size_is_the_callers(void)
{
    enum { MORE = 64 };
    static unsigned char raw[sizeof(struct grey_gc_stats) + MORE];
    struct grey_gc_stats whole;
    CHECK(!grey_gc_stats(NULL, sizeof whole), "nowhere to write");
    memset(raw, 0xaa, sizeof raw);
    CHECK(!grey_gc_stats((void *)raw, 0) && raw[0] == 0xaa, "nothing to write");
    /* A program with an older header knows the first fields only. */
    for (size_t size = 1; size < sizeof whole; size += 37) {
        memset(raw, 0xaa, sizeof raw);
        CHECK(grey_gc_stats((void *)raw, size), "a part of %zu bytes", size);
        for (size_t i = size; i < sizeof raw; i++)
            CHECK(raw[i] == 0xaa, "byte %zu of %zu is not written", i, size);
    }
    /* One with a newer header finds 0 in what we do not know. */
    memset(raw, 0xaa, sizeof raw);
    CHECK(grey_gc_stats((void *)raw, sizeof raw), "more than we know");
    for (size_t i = sizeof whole; i < sizeof raw; i++)
        CHECK(raw[i] == 0, "byte %zu is 0", i);
}

/* Objects of 4 KiB: each is more than a run, so each is counted by itself. */
static void allocation_and_freeing_are_counted(void)
{
    enum { N = 2000, SIZE = 20000 };
    struct grey_gc_stats before = now();
    for (int i = 0; i < N; i++)
        hide(grey_alloc(GREY_NOSCAN, SIZE));
    struct grey_gc_stats after = now();
    CHECK(after.objects_allocated - before.objects_allocated >= N &&
              after.objects_allocated - before.objects_allocated < N + 20,
          "%ju objects for %d", (uintmax_t)(after.objects_allocated - before.objects_allocated), N);
    CHECK(after.bytes_allocated - before.bytes_allocated >= (uint64_t)N * SIZE, "their bytes are counted");
    check_identities("after allocation");
    grey_collect();
    after = now();
    CHECK(after.objects_freed - before.objects_freed > N / 10 * 9, "most were garbage: %ju freed",
          (uintmax_t)(after.objects_freed - before.objects_freed));
    CHECK(after.bytes_freed - before.bytes_freed > (uint64_t)N * SIZE / 10 * 9, "their bytes, too");
    CHECK(after.forced_cycles > before.forced_cycles, "a cycle was asked for");
    CHECK(after.stop_ns_last > 0 && after.mark_cpu_ns > before.mark_cpu_ns && after.root_bytes > 0,
          "it took time");
    check_identities("after a cycle");
}

/* A cycle after which nothing is allocated: what was marked is what there is. */
static void what_lives_is_what_was_marked(void)
{
    enum { N = 500, SIZE = 10000 };
    static void *kept[N];
    CHECK(grey_root_add(kept, sizeof kept), "a root");
    for (int i = 0; i < N; i++)
        kept[i] = grey_alloc(GREY_NOSCAN, SIZE);
    grey_collect();
    struct grey_gc_stats s = now();
    CHECK(s.marked_bytes >= (uint64_t)N * SIZE && s.marked_bytes <= (uint64_t)N * SIZE * 2, "%ju marked",
          (uintmax_t)s.marked_bytes);
    CHECK(s.objects_live >= N, "%ju objects", (uintmax_t)s.objects_live);
    CHECK(s.in_use_bytes >= s.marked_bytes, "they lie in pages");
    CHECK(s.heap_goal_bytes > s.heap_live_bytes, "the goal is beyond: %ju", (uintmax_t)s.heap_goal_bytes);
    CHECK(s.threads == 1, "one thread: %ju", (uintmax_t)s.threads);
    CHECK(grey_root_remove(kept, sizeof kept), "no root");
    memset(kept, 0, sizeof kept);
}

static void classes_have_rows(void)
{
    enum { MOST = 512, N = 1000 };
    static struct grey_class_stats rows[MOST];
    static void *kept[N + 1];
    for (int i = 0; i < N; i++)
        kept[i] = grey_alloc(GREY_CONSERVATIVE, 48);
    kept[N] = grey_alloc(GREY_NOSCAN, 4 << 20);
    size_t count = grey_class_stats(rows, MOST), small = 0, large = 0;
    CHECK(count > 0 && count <= MOST, "%zu rows", count);
    CHECK(grey_class_stats(NULL, 0) >= count, "they can be counted first");
    for (size_t i = 0; i < count && i < MOST; i++) {
        CHECK(rows[i].objects <= rows[i].slots, "row %zu: %zu objects in %zu slots", i, rows[i].objects,
              rows[i].slots);
        for (size_t j = 0; j < i; j++)
            CHECK(rows[i].kind != rows[j].kind || rows[i].size != rows[j].size, "rows %zu and %zu are one", i,
                  j);
        if (rows[i].kind == GREY_CONSERVATIVE && rows[i].size == 48)
            small = rows[i].objects;
        if (rows[i].kind == GREY_NOSCAN && rows[i].size == 0)
            large = rows[i].objects;
    }
    CHECK(small >= N, "%zu objects of 48 bytes", small);
    CHECK(large >= 1, "%zu large objects", large);
    rows[1].kind = 0xabcd;
    CHECK(grey_class_stats(rows, 1) == count && rows[1].kind == 0xabcd,
          "no more rows than there is room for");
    memset(kept, 0, sizeof kept);
}

static bool stop;

static void *allocate(void *unused)
{
    for (unsigned i = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++)
        hide(grey_alloc(i % 2 == 0 ? GREY_NOSCAN : GREY_CONSERVATIVE, 16 + i % 3000));
    return unused;
}

static void *collect(void *unused)
{
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
        grey_collect();
    return unused;
}

/* Until there was a good number of cycles. */
static void ask_on(const char *when)
{
    uint64_t enough = check_identities(when) + (UNDER_TSAN ? 100 : 1000);
    for (int i = 0; i < 1000000 && check_identities(when) < enough; i++)
        grey_safepoint();
}

/* A thread that is not attached asks as well. */
static void *ask(void *unused)
{
    ask_on("beside others");
    CHECK(!grey_thread_is_attached(), "asking does not attach");
    return unused;
}

static void identities_hold_while_threads_go_on(void)
{
    pthread_t workers[3], asker;
    for (size_t i = 0; i < COUNT(workers); i++)
        CHECK(pthread_create(&workers[i], NULL, i == 0 ? collect : allocate, NULL) == 0, "a thread");
    CHECK(pthread_create(&asker, NULL, ask, NULL) == 0, "a thread");
    ask_on("while threads allocate");
    join(asker);
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (size_t i = 0; i < COUNT(workers); i++)
        join(workers[i]);
    check_identities("after threads ended");
}

static void the_summary_tells_of_the_collector(void)
{
    struct outcome *o = run_shell("GREY_STATS=1 '%s' use 2>&1", self_path());
    CHECK(succeeded(o) && strstr(o->output, "the collector:\n") != NULL, "a part is the collector's: %s",
          o->output);
    CHECK(strstr(o->output, "cycles: ") != NULL && strstr(o->output, " 2 forced") != NULL,
          "it counts cycles: %s", o->output);
    CHECK(strstr(o->output, "stops of less than ") != NULL, "it tells of stops");
    o = run_shell("GREY_STATS=1 '%s' nothing 2>&1", self_path());
    CHECK(strstr(o->output, "greyspan ") != NULL && strstr(o->output, "collector") == NULL,
          "a program that does not use the collector hears nothing of it: %s", o->output);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        if (strcmp(argv[1], "use") == 0) {
            hide(grey_alloc(GREY_NOSCAN, 100));
            grey_collect();
            grey_collect();
        } else {
            grey_free(hide(grey_malloc(1)));
        }
        return 0;
    }
    before_the_first_use_all_is_zero();
    allocation_and_freeing_are_counted();
    what_lives_is_what_was_marked();
    the_size_is_the_callers();
    classes_have_rows();
    identities_hold_while_threads_go_on();
    the_summary_tells_of_the_collector();
    return result();
}
