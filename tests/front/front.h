/* What the programs of tests/front share: checks that are sentences, values the compiler
   cannot see through (it may otherwise remove a malloc whose block nobody reads), patterns,
   and a look at the process from outside. Nothing here allocates by itself.

   A program returns front_result(): 0 when every check held, 1 otherwise; skip() ends with 77. */
#ifndef FRONT_H
#define FRONT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define KIB      ((size_t)1 << 10)
#define MIB      ((size_t)1 << 20)

enum { FRONT_SKIPPED = 77, FRONT_MOST_FAILURES = 20 };

static int front_failures;

/* A check that fails in a loop would bury the first message: stop after some. */
static inline void front_failed(void)
{
    if (__atomic_add_fetch(&front_failures, 1, __ATOMIC_RELAXED) >= FRONT_MOST_FAILURES)
        _exit(1);
}

/* The sentence says what must be true; it may take arguments like printf's. */
#define CHECK(cond, ...)                                                                                     \
    do {                                                                                                     \
        if (!(cond)) {                                                                                       \
            dprintf(2, "%s:%d: does not hold: ", __FILE_NAME__, __LINE__);                                   \
            dprintf(2, __VA_ARGS__);                                                                         \
            dprintf(2, "\n");                                                                                \
            front_failed();                                                                                  \
        }                                                                                                    \
    } while (0)

/* For what the rest of the program cannot do without. */
#define REQUIRE(cond, ...)                                                                                   \
    do {                                                                                                     \
        if (!(cond)) {                                                                                       \
            dprintf(2, "%s:%d: cannot go on: ", __FILE_NAME__, __LINE__);                                    \
            dprintf(2, __VA_ARGS__);                                                                         \
            dprintf(2, " (errno %d)\n", errno);                                                              \
            _exit(1);                                                                                        \
        }                                                                                                    \
    } while (0)

static inline int front_result(void)
{
    return __atomic_load_n(&front_failures, __ATOMIC_RELAXED) == 0 ? 0 : 1;
}

__attribute__((noreturn)) static inline void skip(const char *why)
{
    dprintf(2, "skipped: %s\n", why);
    _exit(FRONT_SKIPPED);
}

/* The build that checks itself needs a helper thread that libc knows, and so calls more. */
static inline void skip_in_check_build(void)
{
#ifdef GREY_CHECK
    skip("the build that checks itself differs in this");
#endif
}

static inline size_t hide(size_t n)
{
    __asm__ volatile("" : "+r"(n));
    return n;
}

static inline void *hidep(void *p)
{
    __asm__ volatile("" : "+r"(p) : : "memory");
    return p;
}

/* splitmix64: any seed gives a good sequence. */
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline size_t random_below(uint64_t *state, size_t n)
{
    return (size_t)(random_next(state) % n);
}

/* From 1 to 2^max_log2 - 1, small ones as likely as large ones. */
static inline size_t random_size(uint64_t *state, unsigned max_log2)
{
    unsigned bits = 1 + (unsigned)random_below(state, max_log2);
    return 1 + random_below(state, ((size_t)1 << bits) - 1);
}

/* A pattern in which every 8-byte word depends on its place and the seed. */
static inline uint64_t pattern_word(size_t i, uint64_t seed)
{
    return (seed + i) * UINT64_C(0x9e3779b97f4a7c15) ^ (seed << 7);
}

static inline void pattern_fill(void *p, size_t size, uint64_t seed)
{
    char *at = (char *)p;
    size_t words = size / 8;
    for (size_t i = 0; i < words; i++) {
        uint64_t w = pattern_word(i, seed);
        memcpy(at + i * 8, &w, 8);
    }
    uint64_t last = pattern_word(words, seed);
    memcpy(at + words * 8, &last, size % 8);
}

static inline bool pattern_holds(const void *p, size_t size, uint64_t seed)
{
    const char *at = (const char *)p;
    size_t words = size / 8;
    for (size_t i = 0; i < words; i++) {
        uint64_t w = pattern_word(i, seed);
        if (memcmp(at + i * 8, &w, 8) != 0)
            return false;
    }
    uint64_t last = pattern_word(words, seed);
    return memcmp(at + words * 8, &last, size % 8) == 0;
}

static inline bool all_zero(const void *p, size_t size)
{
    const unsigned char *at = (const unsigned char *)p;
    return size == 0 || (at[0] == 0 && memcmp(at, at + 1, size - 1) == 0);
}

/* One byte in every 4 KiB, so that the memory is really there. */
static inline void touch(void *p, size_t size)
{
    volatile char *at = (volatile char *)p;
    for (size_t i = 0; i < size; i += 4096)
        at[i] = 1;
}

/* The symbols that this libc's headers may not declare are looked up. */
static inline void *symbol(const char *name)
{
    return dlsym(RTLD_DEFAULT, name);
}

static inline double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static inline void sleep_ms(long ms)
{
    struct timespec t = { ms / 1000, (ms % 1000) * 1000000 };
    nanosleep(&t, NULL);
}

/* Field number `field` of /proc/self/statm (0 = address space, 1 = resident) in bytes. */
static inline size_t statm_bytes(int field)
{
    char text[256] = { 0 };
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    REQUIRE(n > 0, "/proc/self/statm can be read");
    char *at = text;
    unsigned long pages = 0;
    for (int i = 0; i <= field; i++)
        pages = strtoul(at, &at, 10);
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

static inline size_t resident_bytes(void)
{
    return statm_bytes(1);
}

#endif
