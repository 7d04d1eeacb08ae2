/* world: threads in known places, and what the collector would scan of them while they are stopped. */
#ifndef UNIT_WORLD_H
#define UNIT_WORLD_H

#include "gc/collector.h"
#include "gc/stop.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/valgrind.h>

/* How many of the scanned words of each class are this word. */
struct found {
    struct root_sink sink;
    uintptr_t complement; /* of the word, so that this is no place where it is found */
    size_t of[ROOT_CLASSES], all;
};

__attribute__((no_sanitize("address", "thread"))) static inline void world_look(struct root_sink *sink,
                                                                                const struct root_range *r)
{
    struct found *f = (struct found *)sink;
    VALGRIND_DISABLE_ERROR_REPORTING; /* nobody has written to some of these words */
    for (const uintptr_t *p = r->from; p < r->to; p++)
        if (~*p == f->complement) {
            f->of[r->class]++;
            f->all++;
        }
    VALGRIND_ENABLE_ERROR_REPORTING;
}

static inline void world_exact(struct root_sink *sink, enum root_class class, void *slot, uintptr_t value)
{
    (void)sink, (void)class, (void)slot, (void)value;
}

static inline void world_scan(void *context)
{
    struct found *f = context;
    f->sink = (struct root_sink){ .range = world_look, .exact = world_exact };
    mutator_roots_stopped(&f->sink);
}

/* Runs f with all threads but the calling one stopped. */
static inline void world_stopped(void (*f)(void *context), void *context)
{
    struct mutator *m = mutator_enter("test");
    mutator_leave(m);
    if (!collector_with_world_stopped(m, f, context))
        abort();
}

static inline void world_find_complement(uintptr_t complement, struct found *f)
{
    memset(f, 0, sizeof *f);
    f->complement = complement;
    world_stopped(world_scan, f);
}

/* A thread that goes to a place, says that it is there, and waits in it until it is told to leave. */
struct visitor {
    pthread_t thread;
    void (*place)(struct visitor *v);
    uintptr_t complement; /* of the word that it hides there */
    void *more;
    struct atomic32 there, leave, gone;
};

static inline bool visitor_may_stay(struct visitor *v)
{
    return a32_load_acquire(&v->leave) == 0;
}

static inline void visitor_is_there(struct visitor *v)
{
    a32_store_release(&v->there, 1);
}

/* Touches no stack and no register that a place may use. */
static inline void visitor_stay(struct visitor *v)
{
    visitor_is_there(v);
    while (visitor_may_stay(v))
        cpu_relax();
}

static inline void *visitor_main(void *argument)
{
    struct visitor *v = argument;
    grey_thread_attach();
    v->place(v);
    a32_store_release(&v->gone, 1);
    return NULL;
}

static inline void visitor_wait(const struct atomic32 *word)
{
    while (a32_load_acquire(word) == 0) {
        grey_safepoint();
        sched_yield();
    }
}

static inline void visitor_start(struct visitor *v, void (*place)(struct visitor *v))
{
    static uintptr_t count;
    *v =
        (struct visitor){ .place = place, .complement = ~(UINT64_C(0x5eed000000000000) + ++count * 0x10001) };
    if (pthread_create(&v->thread, NULL, visitor_main, v) != 0)
        abort();
    visitor_wait(&v->there);
}

static inline void visitor_end(struct visitor *v)
{
    a32_store_release(&v->leave, 1);
    grey_blocking_enter();
    pthread_join(v->thread, NULL);
    grey_blocking_leave();
}

#endif
