/* What the stress programs share: the names of the heap under test, arguments, blocks that
   describe themselves, and failures that name the seed.

   Built as it is, a program uses grey_malloc and its kin and can be linked with the
   allocator's objects, sanitizers included. With -DSTRESS_LIBC_NAMES it uses malloc and its
   kin, knows nothing of Greyspan and runs under LD_PRELOAD. */
#ifndef STRESS_H
#define STRESS_H

#include "../front/front.h"
#include <signal.h>
#include <stdarg.h>

#ifdef STRESS_LIBC_NAMES
#define heap_malloc  malloc
#define heap_calloc  calloc
#define heap_realloc realloc
#define heap_aligned memalign
#define heap_free    free
#define heap_usable  malloc_usable_size
#define heap_trim()  malloc_trim(0)
#else
#include <greyspan.h>
#define heap_malloc  grey_malloc
#define heap_calloc  grey_calloc
#define heap_realloc grey_realloc
#define heap_aligned grey_aligned_alloc
#define heap_free    grey_free
#define heap_usable  grey_usable_size
#define heap_trim()  grey_trim()
#endif

struct stress_arguments {
    uint64_t seed;
    double seconds;
    unsigned threads;
    bool forks;
};

static struct stress_arguments arguments;

__attribute__((noreturn, format(printf, 2, 3))) static inline void stress_failed(uint64_t step,
                                                                                 const char *format, ...)
{
    char text[400];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    dprintf(2, "stress: seed %llu, step %llu: %s\n", (unsigned long long)arguments.seed,
            (unsigned long long)step, text);
    abort();
}

/* Printed before anything can go wrong. Without --seed each run takes another one. */
static inline void stress_begin(int argc, char **argv)
{
    arguments = (struct stress_arguments){ .seconds = 4, .threads = 4, .forks = true };
    arguments.seed = (uint64_t)(seconds_now() * 1e6) ^ (uint64_t)getpid() << 32;
#if defined(__SANITIZE_THREAD__)
    arguments.forks = false; /* its run-time takes no fork with threads */
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
    arguments.forks = false;
#endif
#endif
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (strcmp(name, "--seed") == 0)
            arguments.seed = strtoull(value, NULL, 0);
        else if (strcmp(name, "--seconds") == 0)
            arguments.seconds = strtod(value, NULL);
        else if (strcmp(name, "--threads") == 0)
            arguments.threads = (unsigned)strtoul(value, NULL, 0);
        else if (strcmp(name, "--forks") == 0)
            arguments.forks = atoi(value) != 0;
        else {
            dprintf(2, "usage: [--seed N] [--seconds S] [--threads N] [--forks 0|1]\n");
            exit(2);
        }
    }
    if (arguments.threads == 0 || arguments.threads > 64)
        arguments.threads = 4;
    dprintf(1, "seed %llu (replay with --seed %llu)\n", (unsigned long long)arguments.seed,
            (unsigned long long)arguments.seed);
}

/* A forked child that hangs is ended by SIGALRM. The clock counts ticks, so that it stands still while the
   whole program is stopped from outside. */
enum { TICK_SECONDS = 10 };

static volatile sig_atomic_t child_ticks;

__attribute__((unused)) static void child_tick(int number)
{
    if (--child_ticks > 0) {
        alarm(TICK_SECONDS);
    } else {
        signal(number, SIG_DFL);
        raise(number);
    }
}

static inline void child_clock(unsigned seconds)
{
    struct sigaction a = { .sa_handler = child_tick, .sa_flags = SA_RESTART };
    child_ticks = (int)(seconds / TICK_SECONDS);
    sigaction(SIGALRM, &a, NULL);
    alarm(TICK_SECONDS);
}

/* Mostly small, now and then up to 4 MiB. */
static inline size_t stress_size(uint64_t *random)
{
    size_t kind = random_below(random, 1000);
    if (kind < 600)
        return random_below(random, 256);
    if (kind < 850)
        return random_below(random, 4 * KIB);
    if (kind < 970)
        return random_below(random, 64 * KIB);
    if (kind < 996)
        return random_below(random, 512 * KIB);
    return random_below(random, 4 * MIB);
}

/* The middle of a large block is nobody else's: its edges tell. */
enum { STRESS_WHOLE = 64 << 10, STRESS_EDGE = 4096 };

static inline void stress_fill(void *p, size_t size, uint64_t seed)
{
    if (size <= STRESS_WHOLE) {
        pattern_fill(p, size, seed);
        return;
    }
    pattern_fill(p, STRESS_EDGE, seed);
    pattern_fill((char *)p + size - STRESS_EDGE, STRESS_EDGE, seed + 1);
}

static inline bool stress_holds(const void *p, size_t size, uint64_t seed)
{
    if (size <= STRESS_WHOLE)
        return pattern_holds(p, size, seed);
    return pattern_holds(p, STRESS_EDGE, seed) &&
           pattern_holds((const char *)p + size - STRESS_EDGE, STRESS_EDGE, seed + 1);
}

/* What of the pattern is left after a resize from one size to another. */
static inline bool stress_holds_start(const void *p, size_t from, size_t to, uint64_t seed)
{
    size_t common = from < to ? from : to;
    size_t filled = from <= STRESS_WHOLE ? common : common < STRESS_EDGE ? common : STRESS_EDGE;
    return pattern_holds(p, filled / 8 * 8, seed);
}

#endif
