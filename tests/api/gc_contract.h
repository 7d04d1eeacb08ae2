/* What the tests of managed allocation share: work on a thread that is gone afterwards, so that no
   stale word of a stack or a register keeps what it left, and objects that are watched. */
#ifndef TESTS_API_GC_CONTRACT_H
#define TESTS_API_GC_CONTRACT_H

#include "api.h"

/* splitmix64 */
__attribute__((unused)) static uint64_t random_next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

__attribute__((unused)) static void *on_thread(void *(*fn)(void *), void *argument)
{
    pthread_t t;
    void *result = NULL;
    if (grey_pthread_create(&t, NULL, fn, argument) != 0) {
        CHECK(false, "a thread starts");
        return NULL;
    }
    CHECK(grey_pthread_join(t, &result) == 0, "it can be joined");
    return result;
}

/* All bytes are zero. */
__attribute__((unused)) static bool all_zero(const void *p, size_t size)
{
    const unsigned char *at = (const unsigned char *)p;
    return size == 0 || (at[0] == 0 && memcmp(at, at + 1, size - 1) == 0);
}

/* Bytes that tell their place, none of them part of an address, in a row of 256 that repeats: what is longer
   is left to memcpy and memcmp, which are fast under sanitizers, too. */
enum { ROW = 256 };

__attribute__((unused)) static void fill(void *p, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n && i < ROW; i++)
        ((unsigned char *)p)[i] = (unsigned char)(0x80 | (seed + i * 7));
    for (size_t done = ROW; done < n; done *= 2)
        memcpy((char *)p + done, p, done < n - done ? done : n - done);
}

__attribute__((unused)) static bool holds(const void *p, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n && i < ROW; i++)
        if (((const unsigned char *)p)[i] != (unsigned char)(0x80 | (seed + i * 7)))
            return false;
    return n <= ROW || memcmp(p, (const char *)p + ROW, n - ROW) == 0;
}

/* ---- objects that are watched by weak references ---------------------------------------------- */

enum { WATCHED_MOST = 4096 };

static struct {
    grey_weak *weak[WATCHED_MOST];
    size_t count;
} watched;

__attribute__((unused)) static void *watch(void *object)
{
    grey_weak *w = object == NULL ? NULL : grey_weak_create(object);
    CHECK(w != NULL && watched.count < WATCHED_MOST, "an object can be watched");
    if (w != NULL && watched.count < WATCHED_MOST)
        watched.weak[watched.count++] = w;
    return object;
}

/* How many of them live after two collections; forgets them all. */
__attribute__((unused)) static size_t watched_alive(void)
{
    size_t alive = 0;
    grey_collect();
    grey_collect();
    for (size_t i = 0; i < watched.count; i++) {
        alive += grey_weak_get(watched.weak[i]) != NULL;
        grey_weak_release(watched.weak[i]);
    }
    watched.count = 0;
    return alive;
}

/* Of n objects that nothing holds a few may look held by a stale word. */
#define CHECK_MOST_DIE(n, what)                                                                              \
    do {                                                                                                     \
        size_t alive_ = watched_alive();                                                                     \
        CHECK(alive_ * 10 <= (n), "%s: %zu of %zu live", what, alive_, (size_t)(n));                         \
    } while (0)

#define CHECK_ALL_LIVE(n, what)                                                                              \
    do {                                                                                                     \
        size_t alive_ = watched_alive();                                                                     \
        CHECK(alive_ == (n), "%s: %zu of %zu live", what, alive_, (size_t)(n));                              \
    } while (0)

#endif
