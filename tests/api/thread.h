/* What the tests of threads share: an object whose only reference a test puts somewhere, and a witness
   that tells whether it lives. */
#ifndef TESTS_API_THREAD_H
#define TESTS_API_THREAD_H

#include "api.h"

#include <pthread.h>
#include <sched.h>

enum { OBJECT_WORDS = 8 };

struct object {
    uintptr_t word[OBJECT_WORDS];
};

struct witness {
    grey_weak *weak;
    uintptr_t tag;
};

static inline bool flag(const int *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE) != 0;
}

static inline void raise_flag(int *word)
{
    __atomic_store_n(word, 1, __ATOMIC_RELEASE);
}

static inline void await(const int *word)
{
    while (!flag(word)) {
        grey_safepoint();
        sched_yield();
    }
}

/* A new object, each of whose words is the tag. */
__attribute__((noinline, unused)) static struct object *make_object(struct witness *w, uintptr_t tag)
{
    struct object *o = grey_alloc(GREY_CONSERVATIVE, sizeof *o);
    if (o == NULL)
        abort();
    for (size_t i = 0; i < OBJECT_WORDS; i++)
        o->word[i] = tag;
    *w = (struct witness){ grey_weak_create(o), tag };
    return o;
}

__attribute__((unused)) static bool object_is_whole(const struct object *o, uintptr_t tag)
{
    for (size_t i = 0; i < OBJECT_WORDS; i++)
        if (o->word[i] != tag)
            return false;
    return true;
}

__attribute__((noinline, unused)) static bool is_alive(const struct witness *w)
{
    const struct object *o = grey_weak_get(w->weak);
    return o != NULL && object_is_whole(o, w->tag);
}

/* Stale words of calls that are over. */
__attribute__((noinline, unused)) static void scrub(void)
{
    volatile uintptr_t over[4096];
    for (size_t i = 0; i < COUNT(over); i++)
        over[i] = 0;
}

/* Collects, and lets others have what was freed. */
__attribute__((noinline, unused)) static void collect_and_reuse(void)
{
    scrub();
    grey_collect();
    for (int i = 0; i < 2000; i++) {
        struct object *o = grey_alloc(GREY_CONSERVATIVE, sizeof *o);
        if (o != NULL)
            memset(o, 0xdd, sizeof *o);
    }
}

__attribute__((unused)) static uint64_t cycles_now(void)
{
    struct grey_gc_stats s;
    grey_gc_stats(&s, sizeof s);
    return s.cycles;
}

__attribute__((unused)) static uint64_t threads_now(void)
{
    struct grey_gc_stats s;
    grey_gc_stats(&s, sizeof s);
    return s.threads;
}

/* Runs this program again with an argument, and a setting in its environment. */
__attribute__((unused)) static struct outcome *run_self(const char *environment, const char *argument)
{
    return run_shell("%s '%s' %s 2>&1", environment, self_path(), argument);
}

#endif
