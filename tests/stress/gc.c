/* The collector against random graphs: objects of every kind, roots of every class, weak
   references, ephemerons, finalizers and pools, from 1 to 64 threads that come and go, with
   collections from now and then down to at every allocation. Each object describes itself, each
   reference has the id of the object that it must lead to beside it (gc_objects.h), and the
   program counts outside of the heap who is held (gc_track.h). Where the seed is even finalizers
   bring objects back.

   A run is a row of phases; seed and number decide what a phase is like and what each of its
   threads does, not how they interleave. `--threads N` sets the number of threads. */
#include "gc_threads.h"

/* The sanitizer of threads makes a collection fifty times as slow. */
#define SLOW (!WITH_FIBERS)

struct phase {
    unsigned threads;
    uint64_t stress, percent, min_heap, workers, verify, check_trace, memory_limit;
    size_t most;        /* bytes of the largest objects */
    uint64_t limit;     /* bytes of objects from which on nothing may hold more */
    double seconds;
    bool module;
};

static struct {
    struct phase phase;
    uint64_t number;
    unsigned threads; /* wanted by the user; 0: as it comes */
    double begin, end, next_line;
    struct thread thread[THREADS_MOST];
} the;

#define PICK(random, ...)                                                                                    \
    ((const uint64_t[]){ __VA_ARGS__ }[random_below(random, sizeof(uint64_t[]){ __VA_ARGS__ } / sizeof(uint64_t))])

static struct phase phase_choose(uint64_t *random)
{
    struct phase p = { .threads = (unsigned)PICK(random, 1, 2, 3, 4, 4, 8, 16, THREADS_MOST) };
    if (SLOW && p.threads > 4)
        p.threads = 4;
    if (the.threads != 0)
        p.threads = the.threads;
    p.stress = PICK(random, 0, 0, 1, 2, 5, 20, 100, 1000);
    p.percent = PICK(random, 10, 50, 100, 300);
    p.min_heap = PICK(random, 64 * KIB, MIB, 4 * MIB);
    p.workers = PICK(random, 0, 1, 2, 4);
    p.verify = PICK(random, 0, 0, 1);
    p.check_trace = PICK(random, 0, 0, 1);
    p.memory_limit = PICK(random, 0, 0, 0, 20 * MIB);
    p.module = random_below(random, 2) == 0 && grey_get(GREY_SET_ROOTS) != GREY_ROOTS_EXACT;
    p.most = PICK(random, 600, 40 * KIB, 300 * KIB, 4 * MIB);
    p.limit = p.stress == 0 ? 48 * MIB : p.stress >= 100 ? 12 * MIB : p.stress >= 5 ? 2 * MIB : 400 * KIB;
    if (p.stress != 0 && p.stress < 100 && p.most > 40 * KIB)
        p.most = 40 * KIB;
    double total = arguments.seconds;
    p.seconds = total < 4 ? total / 8 : total < 100 ? total / 24 : 4;
    return p;
}

static void phase_set(const struct phase *p)
{
    bool done = grey_set(GREY_SET_STRESS, p->stress) && grey_set(GREY_SET_PERCENT, p->percent) &&
                grey_set(GREY_SET_MIN_HEAP, p->min_heap) && grey_set(GREY_SET_WORKERS, p->workers) &&
                grey_set(GREY_SET_VERIFY, p->verify) && grey_set(GREY_SET_CHECK_TRACE, p->check_trace) &&
                grey_set(GREY_SET_MEMORY_LIMIT, p->memory_limit);
    if (!done)
        stress_failed(0, "a setting was refused");
    world.most = p->most;
    world.life = p->stress != 0 && p->stress < 100 ? 100 * p->stress : 8000;
    if (SLOW)
        world.life = 200;
}

static struct grey_gc_stats statistics(void)
{
    struct grey_gc_stats s;
    if (!grey_gc_stats(&s, sizeof s))
        stress_failed(0, "no statistics");
    return s;
}

/* A count that other threads raise. */
static uint64_t now(const uint64_t *count)
{
    return __atomic_load_n(count, __ATOMIC_ACQUIRE);
}

static void say_state(const char *what)
{
    struct grey_gc_stats s = statistics();
    dprintf(1,
            "%s %.0f s: phase %llu (%u threads, a cycle every %llu): %llu steps, %llu objects, %llu cycles, "
            "%llu finalizers, %llu cleanups, %llu forks, %llu KiB marked\n",
            what, seconds_now() - the.begin, (unsigned long long)the.number, the.phase.threads,
            (unsigned long long)the.phase.stress, (unsigned long long)now(&world.steps_done),
            (unsigned long long)now(&world.made), (unsigned long long)s.cycles,
            (unsigned long long)now(&track.finalizers),
            (unsigned long long)now(&track.cleanups), (unsigned long long)now(&forks_done),
            (unsigned long long)s.marked_bytes >> 10);
}

/* What the header promises of every answer. */
static void check_statistics(void)
{
    struct grey_gc_stats s = statistics();
    uint64_t pauses = 0;
    for (size_t i = 0; i < GREY_PAUSE_BUCKETS; i++)
        pauses += s.pause_histogram[i];
    const struct {
        uint64_t a, b;
        const char *what;
    } sums[] = {
        { s.heap_live_bytes, s.marked_bytes + s.fresh_bytes, "live bytes" },
        { s.objects_allocated, s.objects_freed + s.objects_live, "objects" },
        { s.bytes_allocated, s.bytes_freed + s.bytes_live, "bytes" },
        { s.mapped_bytes, s.in_use_bytes + s.warm_bytes + s.released_bytes, "pages" },
        { s.cycles, pauses, "pauses" },
        { s.cycles,
          s.growth_cycles + s.limit_cycles + s.forced_cycles + s.stress_cycles + s.period_cycles +
              s.no_memory_cycles,
          "cycles" },
        { s.stop_ns_total, s.stopping_ns + s.roots_ns + s.marking_ns + s.settling_ns + s.resuming_ns, "time" },
    };
    for (size_t i = 0; i < COUNT(sums); i++)
        if (sums[i].a != sums[i].b)
            stress_failed(0, "statistics: %s: %llu is not %llu", sums[i].what, (unsigned long long)sums[i].a,
                          (unsigned long long)sums[i].b);
    if (s.objects_freed > s.objects_allocated || s.bytes_freed > s.bytes_allocated)
        stress_failed(0, "statistics: more was freed than allocated");
    if (s.fresh_bytes > s.mapped_bytes || s.marked_bytes > s.mapped_bytes)
        stress_failed(0, "statistics: more lives than is mapped");
}

/* ---- a phase ----------------------------------------------------------------------------------------- */

static void watch_heap(void)
{
    struct grey_gc_stats s = statistics();
    uint64_t bytes = s.marked_bytes;
    if (bytes > the.phase.limit)
        __atomic_store_n(&world.prune, 1, __ATOMIC_RELAXED);
    else if (bytes < the.phase.limit / 2)
        __atomic_store_n(&world.prune, 0, __ATOMIC_RELAXED);
}

static void phase_event(uint64_t *random)
{
    static int null = -1;
    switch (random_below(random, 13)) {
    case 0:
        if (arguments.forks)
            fork_once(random_next(random));
        break;
    case 1:
        __atomic_store_n(&fork_wanted, arguments.forks, __ATOMIC_RELEASE);
        break;
    case 2:
        grey_collect();
        break;
    case 3:
        if (null < 0)
            null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (random_below(random, 8) == 0 && !grey_dump(null))
            stress_failed(0, "the heap could not be dumped");
        break;
    case 4: /* the loader's lock is taken while threads are stopped and started */
        dlclose(dlopen(module.path, RTLD_NOW | RTLD_LOCAL));
        break;
    case 5:
        check_statistics();
        break;
    case 6:
        detached_begin(random_next(random));
        break;
    default: {
        unsigned number = (unsigned)random_below(random, the.phase.threads);
        if (random_below(random, 4) == 0)
            pthread_cancel(the.thread[number].t);
        thread_join(&the.thread[number]);
        thread_begin(&the.thread[number], number, random_next(random));
    }
    }
}

static void phase_run(uint64_t *random)
{
    the.phase = phase_choose(random);
    phase_set(&the.phase);
    if (the.phase.module)
        module_load();
    double end = seconds_now() + the.phase.seconds;
    for (unsigned i = 0; i < the.phase.threads; i++)
        thread_begin(&the.thread[i], i, random_next(random));
    while (seconds_now() < end) {
        grey_blocking_call(nap, (void *)(uintptr_t)(1 + random_below(random, 8000000)));
        watch_heap();
        phase_event(random);
        if (seconds_now() > the.next_line) {
            say_state("after");
            the.next_line += 60;
        }
    }
    __atomic_store_n(&world.stop, 1, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < the.phase.threads; i++)
        thread_join(&the.thread[i]);
    __atomic_store_n(&world.stop, 0, __ATOMIC_RELAXED);
    detached_wait();
    fibers_drop();
    module_unload(random);
    if (!grey_verify())
        stress_failed(0, "grey_verify found something");
}

/* ---- what nobody holds must go ------------------------------------------------------------------------ */

__attribute__((noinline)) static void drop_all(uint64_t *random)
{
    shared_clear(random);
    memset(mail, 0, sizeof mail);
    grey_collect();
    grey_blocking_call(nap, (void *)(uintptr_t)2000000);
    grey_finalizers_run();
}

/* A stale word may hold an object and all that hangs on it: the most is asked for, not all. */
static void check_leaks(uint64_t *random)
{
    uint64_t before = now(&track.used), most = before < 400 ? 200 : before / 2;
    grey_set(GREY_SET_STRESS, 0);
    for (int i = 0; i < 200 && (i < 6 || now(&track.used) > most); i++)
        drop_all(random);
    uint64_t left = now(&track.used);
    if (left > most)
        stress_failed(0, "%llu of %llu objects are left that nothing holds", (unsigned long long)left,
                      (unsigned long long)before);
}

/* Where variables are no roots by themselves those that hold objects are made roots. */
static void begin_exact(void)
{
    if (!grey_root_add(globals_data, sizeof globals_data) || !grey_root_add(globals_bss, sizeof globals_bss) ||
        !grey_root_add(mail, sizeof mail) || !grey_root_add(resurrected, sizeof resurrected))
        stress_failed(0, "no roots");
}

static void begin(int argc, char **argv)
{
    static char path[4096 + 32];
    stress_begin(argc, argv);
    for (int i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], "--threads") == 0)
            the.threads = arguments.threads;
    ssize_t n = readlink("/proc/self/exe", path, 4096);
    char *slash = n < 0 ? NULL : (path[n] = '\0', strrchr(path, '/'));
    if (slash == NULL)
        stress_failed(0, "/proc/self/exe cannot be read");
    strcpy(slash, "/gc_plugin.so");
    module.path = path;
    grey_decode_set(unbox);
    objects_begin();
    track_begin();
    track.brings_back = arguments.seed % 2 == 0;
    keys_begin();
    shared_begin();
    if (grey_get(GREY_SET_ROOTS) == GREY_ROOTS_EXACT)
        begin_exact();
    pool = grey_pool_create(pool_make, NULL);
    if (pool == NULL)
        stress_failed(0, "no pool");
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    uint64_t random = arguments.seed;
    the.begin = seconds_now();
    the.end = the.begin + arguments.seconds;
    the.next_line = the.begin + 60;
    for (the.number = 1; seconds_now() < the.end; the.number++) {
        uint64_t phase = random_next(&random);
        phase_run(&phase);
        if (the.number % 8 == 0)
            check_leaks(&phase);
    }
    check_leaks(&random);
    say_state("all well after");
    return 0;
}
