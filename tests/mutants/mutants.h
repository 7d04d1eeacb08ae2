/* What the programs of tests/mutants share. Each is about one remedy of alloc/without.h, whose name in
   small letters it bears: it ends with 0 as the library is, and with anything else when the library was
   built with GREY_MUTANTS and GREY_TEST_WITHOUT=<remedy> takes the remedy out.

   `--seconds S`: how long a program that needs luck tries. One that hangs is ended by a clock. */
#ifndef MUTANTS_H
#define MUTANTS_H

#include "../front/front.h"
#include <greyspan.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>

enum { HANG_SECONDS = 15 };

static double mutants_end;

__attribute__((noreturn, format(printf, 1, 2))) static inline void seen(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vdprintf(2, format, list);
    va_end(list);
    dprintf(2, "\n");
    _exit(1);
}

/* A program without luck does the whole of it anyway. */
static inline void mutants_begin(int argc, char **argv)
{
    double seconds = argc > 2 && strcmp(argv[1], "--seconds") == 0 ? strtod(argv[2], NULL) : 1;
    mutants_end = seconds_now() + seconds;
#ifdef GREY_SANITIZED
    seconds *= 4;
#endif
    alarm((unsigned)seconds + HANG_SECONDS);
}

static inline bool time_left(void)
{
    return seconds_now() < mutants_end;
}

/* Threads that stop at safepoints only have no registers that a signal would have to find. */
static inline void skip_if_cooperative(void)
{
    if (grey_get(GREY_SET_STOP) == GREY_STOP_COOPERATIVE)
        skip("threads stop at safepoints only");
}

static inline void *on_thread(void *(*fn)(void *), void *argument)
{
    pthread_t t;
    void *result = NULL;
    REQUIRE(grey_pthread_create(&t, NULL, fn, argument) == 0, "a thread starts");
    REQUIRE(grey_pthread_join(t, &result) == 0, "a thread can be joined");
    return result;
}

/* Objects that know themselves. */
struct known {
    uint64_t id, check;
    struct known *next;
    uint64_t more;
};

static inline struct known *known_new(uint64_t id)
{
    struct known *k = (struct known *)grey_alloc(GREY_CONSERVATIVE, sizeof *k);
    REQUIRE(k != NULL, "there is memory");
    if (k->id != 0 || k->check != 0 || k->next != NULL || k->more != 0)
        seen("a new object at %p is not zero", (void *)k);
    k->id = id;
    k->check = ~id;
    k->more = id * 3;
    return k;
}

static inline void known_check(const struct known *k, uint64_t id)
{
    if (k == NULL || k->id != id || k->check != ~id || k->more != id * 3)
        seen("object %llu at %p is lost", (unsigned long long)id, (const void *)k);
}

/* Objects of the size that just died are given out again, to be overwritten. */
static inline void churn(size_t count)
{
    for (size_t i = 0; i < count; i++)
        known_new(i | UINT64_C(1) << 60);
}

/* Collects so that what is not held is gone, and its memory used. */
static inline void collect_and_churn(void)
{
    grey_collect();
    churn(2000);
    grey_collect();
}

/* ---- one object, held in one way alone --------------------------------------------------------- */

/* Made on a thread that is gone, held by a handle until the holder has it; its address is told
   inverted, so that no other word leads to it. */
struct hidden {
    uintptr_t inverse;
    grey_handle *handle;
    grey_weak *weak;
};

static inline void *hidden_make(void *argument)
{
    struct hidden *h = (struct hidden *)argument;
    struct known *k = known_new(4711);
    h->handle = grey_handle_create(k);
    h->weak = grey_weak_create(k);
    h->inverse = ~(uintptr_t)k;
    REQUIRE(h->handle != NULL && h->weak != NULL, "a handle and a weak reference");
    return NULL;
}

static inline struct hidden hidden_new(void)
{
    struct hidden h;
    on_thread(hidden_make, &h);
    return h;
}

/* The holder has it now. */
static inline void hidden_let_go(struct hidden *h)
{
    grey_handle_release(h->handle);
}

/* How it is seen that the object is gone: its weak reference says so, though it is held. */
static inline void hidden_must_live(struct hidden *h, const char *where)
{
    grey_collect();
    grey_collect();
    struct known *k = (struct known *)grey_weak_get(h->weak);
    if (k == NULL)
        seen("the object held by %s is gone", where);
    known_check(k, 4711);
    grey_weak_release(h->weak);
}

/* ---- a thread that holds it while others collect ------------------------------------------------ */

struct holder {
    struct hidden object;
    void (*hold)(struct holder *h); /* takes the object, spins until told to let go */
    const char *where;
    int holds, done; /* atomic */
};

static inline void *holder_thread(void *argument)
{
    struct holder *h = (struct holder *)argument;
    h->hold(h);
    return NULL;
}

static inline void holder_wait(struct holder *h)
{
    while (__atomic_load_n(&h->holds, __ATOMIC_ACQUIRE) == 0)
        sleep_ms(1);
}

/* One object, through the whole of its life. */
static inline void hold_once(void (*hold)(struct holder *h), const char *where)
{
    pthread_t t;
    struct holder h = { .hold = hold, .where = where };
    h.object = hidden_new();
    REQUIRE(grey_pthread_create(&t, NULL, holder_thread, &h) == 0, "a thread starts");
    holder_wait(&h);
    hidden_let_go(&h.object);
    hidden_must_live(&h.object, where);
    __atomic_store_n(&h.done, 1, __ATOMIC_RELEASE);
    REQUIRE(grey_pthread_join(t, NULL) == 0, "the thread ends");
}

#endif
