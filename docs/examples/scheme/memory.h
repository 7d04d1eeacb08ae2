/* What the interpreter asks of a collector, in one place: allocation, writes, roots, threads, weak
 * references, finalizers, memory outside the heap. Greyspan, or with -DSCHEME_LIBGC Debian's libgc the way
 * its own users write it (memory_libgc.h). All of it is inline: what is measured is the collector.
 *
 * Words are `uintptr_t`. Allocations come zeroed and are NULL when there is no memory. */
#ifndef SCHEME_MEMORY_H
#define SCHEME_MEMORY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#ifdef SCHEME_LIBGC
#include "memory_libgc.h"
#else

#include <greyspan.h>

#define MEM_NAME "Greyspan"

/* Which objects have references is told by their kind:
 *   pairs, words  every word may be one: GREY_CONSERVATIVE, which the marker scans in its own loop;
 *   slots         a header with the number of references that follow it (value.h): a custom kind;
 *   bytes         none: GREY_NOSCAN. */
struct mem_local { /* what an allocating thread has of its own: nothing, here */
    char unused;
};

extern grey_kind mem_slots_kind; /* object.c creates it */

static inline void mem_begin(void (*trace)(void *, struct grey_tracer *))
{
    if (getenv("GREY_MIN_HEAP") == NULL)
        grey_set(GREY_SET_MIN_HEAP, 2 << 20); /* what fits into a cache of its own */
    mem_slots_kind = grey_kind_create(&(struct grey_kind_info){ "object", trace });
}

static inline void mem_local_begin(struct mem_local *m)
{
    (void)m;
}

static inline void *mem_pair(struct mem_local *m)
{
    (void)m;
    return grey_alloc(GREY_CONSERVATIVE, 16);
}

static inline void *mem_double(struct mem_local *m)
{
    (void)m;
    return grey_alloc(GREY_NOSCAN, 16);
}

/* A small object all of whose words are references, but for a header that looks like none. */
static inline void *mem_words(struct mem_local *m, size_t bytes)
{
    (void)m;
    return grey_alloc(GREY_CONSERVATIVE, bytes);
}

static inline void *mem_slots(struct mem_local *m, size_t bytes)
{
    (void)m;
    return grey_alloc(mem_slots_kind, bytes);
}

/* Early; nobody may have the object any more. */
static inline void mem_free(void *object)
{
    grey_free(object);
}

static inline void *mem_bytes(struct mem_local *m, size_t bytes)
{
    (void)m;
    return bytes <= 8 ? grey_alloc(GREY_NOSCAN, 16) : grey_alloc(GREY_NOSCAN, bytes);
}

/* ---- stores into managed objects and barriered slots ----------------------------------------------- */

static inline void mem_write(uintptr_t *slot, uintptr_t v)
{
    grey_write(slot, (void *)v);
}

/* Into an object that this thread has just allocated, shown to nobody, and has not allocated since. */
static inline void mem_init(uintptr_t *slot, uintptr_t v)
{
    grey_init(slot, (void *)v);
}

/* The same for two slots: one look at whether anybody marks. */
static inline void mem_init_pair(uintptr_t *slots, uintptr_t a, uintptr_t b)
{
    grey_init_pair(slots, (void *)a, (void *)b);
}

static inline void mem_copy(uintptr_t *to, const uintptr_t *from, size_t words)
{
    grey_copy(to, from, words * sizeof *to);
}

static inline void mem_move(uintptr_t *to, const uintptr_t *from, size_t words)
{
    grey_move(to, from, words * sizeof *to);
}

static inline bool mem_compare_exchange(uintptr_t *slot, uintptr_t *expected, uintptr_t v)
{
    return grey_compare_exchange(slot, (void **)expected, (void *)v);
}

/* ---- roots ------------------------------------------------------------------------------------------ */

/* A zeroed block whose words are roots, stored plainly; freed by hand. */
static inline void *mem_root_block(size_t bytes)
{
    return grey_alloc_root(bytes);
}

static inline void mem_root_free(void *p)
{
    grey_free(p);
}

/* Static words that are written by mem_write from here on. */
static inline bool mem_root_slots(uintptr_t *slots, size_t count)
{
    return grey_slots_add(slots, count);
}

/* The words from base to *top are the calling thread's value stack. */
static inline bool mem_stack_attach(uintptr_t *base, uintptr_t *volatile *top)
{
    return grey_stack_attach(base, (void *const *)top);
}

static inline void mem_stack_detach(uintptr_t *base)
{
    grey_stack_detach(base);
}

/* ---- threads ------------------------------------------------------------------------------------------ */

#define mem_thread_create grey_pthread_create
#define mem_thread_join   grey_pthread_join
#define mem_thread_detach grey_pthread_detach

static inline void mem_safepoint(void)
{
    grey_safepoint();
}

/* Around what may wait: locks, input, sleep. No managed memory is touched between the two. */
static inline void mem_blocking_enter(void)
{
    grey_blocking_enter();
}

static inline void mem_blocking_leave(void)
{
    grey_blocking_leave();
}

/* ---- lifetime ------------------------------------------------------------------------------------------- */

/* fn(object, NULL) once nothing leads to the object any more; on another thread, beside the program. */
static inline bool mem_finalizer(void *object, void (*fn)(void *, void *))
{
    return grey_finalizer_set(object, fn, NULL);
}

/* fn(data) once the object is gone; data is native memory and does not lead to the object. */
static inline bool mem_cleanup(void *object, void (*fn)(void *), void *data)
{
    return grey_cleanup_add(object, fn, data) != 0;
}

/* Where no thread of the library's runs finalizers and cleanups, somebody has to, now and then. */
static inline void mem_finalizers_run(void)
{
    if (grey_get(GREY_SET_FINALIZERS) == GREY_FINALIZERS_PUMP)
        grey_finalizers_run();
}

static inline void mem_external(ptrdiff_t bytes)
{
    grey_external(bytes);
}

/* A managed object whose value is alive while it and its key are. 0: the key is gone. */
typedef grey_ephemeron mem_ephemeron;
static inline mem_ephemeron *mem_ephemeron_new(struct mem_local *m, uintptr_t key, uintptr_t v)
{
    (void)m;
    return grey_ephemeron_create((void *)key, (void *)v);
}

static inline uintptr_t mem_ephemeron_key(const mem_ephemeron *e)
{
    return (uintptr_t)grey_ephemeron_key(e);
}

static inline uintptr_t mem_ephemeron_value(const mem_ephemeron *e)
{
    return (uintptr_t)grey_ephemeron_value(e);
}

static inline void mem_ephemeron_set(mem_ephemeron *e, uintptr_t v)
{
    grey_ephemeron_set(e, (void *)v);
}

/* A table with weak keys, a managed object. find takes any memory that hash and equal understand. */
typedef grey_weak_table mem_weak_table;
static inline mem_weak_table *mem_weak_table_new(uint64_t (*hash)(const void *),
                                                 bool (*equal)(const void *, const void *))
{
    return grey_weak_table_create(&(struct grey_weak_table_info){ .hash = hash, .equal = equal });
}

static inline uintptr_t mem_weak_table_get(mem_weak_table *t, const void *key)
{
    return (uintptr_t)grey_weak_table_get(t, key);
}

static inline bool mem_weak_table_put(mem_weak_table *t, void *key, uintptr_t v)
{
    return grey_weak_table_put(t, key, (void *)v);
}

/* ---- the rest --------------------------------------------------------------------------------------------- */

static inline void mem_collect(void)
{
    grey_collect();
    mem_finalizers_run();
}

#endif

/* Takes a lock whose owner may allocate: the wait is a blocking region. */
static inline void mem_lock(pthread_mutex_t *lock)
{
    if (pthread_mutex_trylock(lock) == 0)
        return;
    mem_blocking_enter();
    pthread_mutex_lock(lock);
    mem_blocking_leave();
}

static inline void mem_unlock(pthread_mutex_t *lock)
{
    pthread_mutex_unlock(lock);
}

#endif
