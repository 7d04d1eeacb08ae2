/* What the programs here ask of their memory manager, in one vocabulary, so that one source serves
 * them all. The build defines one of
 *
 *     MEMORY_GREYSPAN        Greyspan's collector, every word of an object may be a pointer
 *     MEMORY_GREYSPAN_TYPED  the same, objects described by their pointers
 *     MEMORY_LIBGC           the Boehm-Demers-Weiser collector
 *     MEMORY_BY_HAND         malloc and free of whatever library is loaded
 *
 * Everything on a program's hot path is inline: the vocabulary must not cost one contender more than
 * another. The rest is in memory.c. */
#ifndef BENCH_GC_MEMORY_H
#define BENCH_GC_MEMORY_H

#ifdef MEMORY_LIBGC
#define GC_THREADS /* pthread_create and its like become libgc's */
#endif

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef MEMORY_GREYSPAN_TYPED
#define MEMORY_GREYSPAN
#endif

#if defined MEMORY_GREYSPAN
#include <greyspan.h>
#elif defined MEMORY_LIBGC
#include <gc.h>
#elif !defined MEMORY_BY_HAND
#error "one of the MEMORY_ macros says whose memory it is"
#endif

/* An object's layout: bit i of `pointers` says that word i is one. */
struct memory_shape {
    const char *name;
    size_t size;
    uint64_t pointers;
    const void *type; /* Greyspan's description of it, from memory_describe() */
};
#define MEMORY_SHAPE(object, bits)                                                                           \
    {                                                                                                        \
        .name = #object, .size = sizeof(object), .pointers = (bits)                                          \
    }

/* Must the program free? A constant, so that the frees vanish where nobody needs them. */
#ifdef MEMORY_BY_HAND
enum { MEMORY_FREES = true };
#else
enum { MEMORY_FREES = false };
#endif

/* What the manager did since memory_begin(). */
struct memory_figures {
    uint64_t cycles;
    uint64_t stop_p99_ns, stop_max_ns, stop_total_ns;
};

void memory_begin(void);
void memory_describe(struct memory_shape *shape);
struct memory_figures memory_figures(void);
uint64_t memory_mark_ns(void); /* collects; how long the marking took. 0: there is no collector */
const char *memory_name(void);

static inline void *memory_must(void *p)
{
    if (__builtin_expect(p == NULL, 0)) {
        perror("no memory");
        exit(1);
    }
    return p;
}

/* ---- objects: an object with pointers, an array of nothing but pointers, bytes without any. The first two
        come zeroed from a collector; by hand the first does not, and the program writes all of it. ---- */

#if defined MEMORY_GREYSPAN

#ifdef MEMORY_GREYSPAN_TYPED
extern const grey_type *memory_pointer;

static inline void *memory_new(size_t size, const struct memory_shape *shape)
{
    (void)size;
    return memory_must(grey_alloc_typed((const grey_type *)shape->type));
}

static inline void *memory_pointers(size_t count)
{
    return memory_must(grey_alloc_array(memory_pointer, count));
}
#else
static inline void *memory_new(size_t size, const struct memory_shape *shape)
{
    (void)shape;
    return memory_must(grey_alloc(GREY_CONSERVATIVE, size));
}

static inline void *memory_pointers(size_t count)
{
    return memory_must(grey_alloc(GREY_CONSERVATIVE, count * sizeof(void *)));
}
#endif

static inline void *memory_bytes(size_t size)
{
    return memory_must(grey_alloc(GREY_NOSCAN, size));
}

#elif defined MEMORY_LIBGC

static inline void *memory_new(size_t size, const struct memory_shape *shape)
{
    (void)shape;
    return memory_must(GC_malloc(size));
}

static inline void *memory_pointers(size_t count)
{
    return memory_must(GC_malloc(count * sizeof(void *)));
}

static inline void *memory_bytes(size_t size)
{
    return memory_must(GC_malloc_atomic(size));
}

#else

static inline void *memory_new(size_t size, const struct memory_shape *shape)
{
    (void)shape;
    return memory_must(malloc(size));
}

static inline void *memory_pointers(size_t count)
{
    return memory_must(calloc(count, sizeof(void *)));
}

static inline void *memory_bytes(size_t size)
{
    return memory_must(malloc(size));
}

#endif

static inline void memory_free(void *p)
{
#ifdef MEMORY_BY_HAND
    free(p);
#else
    (void)p;
#endif
}

/* ---- writes of pointers into objects: one that nobody has seen yet, and any ---- */

static inline void memory_init(void *slot, void *value)
{
#ifdef MEMORY_GREYSPAN
    grey_init(slot, value);
#else
    *(void **)slot = value;
#endif
}

static inline void memory_write(void *slot, void *value)
{
#ifdef MEMORY_GREYSPAN
    grey_write(slot, value);
#else
    *(void **)slot = value;
#endif
}

/* The object lives, and is what it says, until here. */
static inline void memory_keep(const void *p)
{
    __asm__ __volatile__("" : : "r"(p) : "memory");
}

/* ---- threads that allocate ---- */

static inline void memory_thread(pthread_t *thread, void *(*body)(void *), void *argument)
{
#ifdef MEMORY_GREYSPAN
    int status = grey_pthread_create(thread, NULL, body, argument);
#else
    int status = pthread_create(thread, NULL, body, argument);
#endif
    if (status != 0) {
        fputs("a thread could not be started\n", stderr);
        exit(1);
    }
}

static inline void memory_join(pthread_t thread)
{
#ifdef MEMORY_GREYSPAN
    grey_pthread_join(thread, NULL);
#else
    pthread_join(thread, NULL);
#endif
}

#endif
