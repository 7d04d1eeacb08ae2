/* space: managed spans: allocation from them, sweeping them.

   A thread allocates from runs: neighbouring free slots of a cached span, zeroed and given their alloc
   bits when the run is taken (H2), so that the fast path is a bump of the cursor.

   A1  Alloc bit clear: the slot is free, and no marker touches it. Set: an object, or a slot of a
       cached run, all zero.
   A2  Mark bits are all clear when a cycle begins. While threads are stopped marking sets them; the
       unused part [floor, cursor) of every cached run is marked like its objects, so that a thread
       stopped amid the fast path may go on (H1).
   A3  A span whose sweep_gen is the space's is swept. Advancing the generation (threads stopped)
       makes all spans unswept; sweeping turns mark bits into alloc bits and clears them. Cached
       spans are swept before threads go on, so no thread allocates from an unswept one (H17).
   A4  A span is cached by one thread or in one list of its central; every list is swept or unswept
       by parity of the generation. */
#ifndef GC_SPACE_H
#define GC_SPACE_H

#include "gc/gc.h"

/* What a thread takes for allocation before the heap's account hears of it. */
#define SPACE_ACCOUNT_BYTES KIB(64)

#define MANAGED_CLASSES (CLASS_SMALL_LAST + 1)

/* A thread's cached span of one class and kind. */
struct cached {
    struct span *span;
    uint32_t next_slot; /* where the search for the next run goes on */
};
struct kind_cache {
    struct grey_bins bins;
    struct cached cached[MANAGED_CLASSES];
};
struct cache {
    struct kind_cache *kind[GREY_KINDS]; /* [owner] NULL until the thread uses the kind */
    uintptr_t tiny;                      /* [owner] the free cell of the slot in use for tiny objects, or 0 */
    uint64_t fresh_bytes, fresh_objects; /* [owner] taken for allocation, not yet accounted */
    bool look, assist; /* [owner] accounted since the thread last looked at the clock, helped to sweep */
};

struct space_sums { /* since the start, but for spans: now */
    uint64_t spans, span_bytes;
    uint64_t allocated_bytes, allocated_objects, freed_bytes, freed_objects;
};

struct mutator;
struct object;

/* The bins of kinds that a thread has not used: empty. */
GREY_HIDDEN extern struct grey_bins space_no_bins;

/* A zeroed object; m is busy and stays so, a collection never happens inside; NULL when memory
   (or the hard limit) refuses. alignment is a power of two. */
GREY_HIDDEN void *space_alloc(struct mutator *m, grey_kind kind, size_t size, size_t alignment);

/* A zeroed object of a type: of the kind GREY_TYPED or KIND_TYPED_LARGE, or noscan if the type has no pointers. */
GREY_HIDDEN void *space_alloc_typed(struct mutator *m, const struct grey_type *type, size_t bytes);
/* One object of a type from what the calling thread has cached, or NULL. Not busy, attached or not. */
GREY_HIDDEN void *space_try_typed(const struct grey_type *type);

/* Frees an object early. False when it is free already. Busy. */
GREY_HIDDEN bool space_free(const struct object *o);
/* The pages behind the first so many bytes of a large object are free. Busy. */
GREY_HIDDEN void space_shrink(const struct object *o, size_t bytes);

/* Threads stopped, mark bits clear: marks what threads have cached for allocation. */
GREY_HIDDEN void space_mark_cached_stopped(struct mutator *m);
/* Threads stopped, marking done: a new generation; cached spans are swept at once. */
GREY_HIDDEN void space_flip_stopped(void);
GREY_HIDDEN void space_sweep_cached_stopped(struct mutator *m);
/* Every managed span, threads stopped. */
GREY_HIDDEN void space_each_span_stopped(void (*f)(struct span *s, void *context), void *context);

/* Sweeps up to so many spans. False when nothing is left to sweep. */
GREY_HIDDEN bool space_sweep_some(size_t spans);
GREY_HIDDEN bool space_is_swept(void);
GREY_HIDDEN uint32_t space_generation(void);
/* Bytes of objects: marked in the last cycle, and taken for allocation since. */
GREY_HIDDEN uint64_t space_live_bytes(void);
GREY_HIDDEN void space_set_live_stopped(uint64_t marked_bytes);
GREY_HIDDEN size_t space_unswept(void); /* spans: an estimate */

/* The thread's cached spans go back; cursors' rests become free. Busy. */
GREY_HIDDEN void space_cache_flush(struct mutator *m);
/* The same, for a thread that ends: the cache's memory, too. */
GREY_HIDDEN void space_cache_end(struct mutator *m);
/* What the thread took for allocation enters the heap's account. */
GREY_HIDDEN void space_account(struct mutator *m);

GREY_HIDDEN struct space_sums space_sums(void);
GREY_HIDDEN size_t space_class_stats(struct grey_class_stats *out, size_t max);
GREY_HIDDEN bool space_check_stopped(void); /* walks A1 to A4; says what does not hold */
GREY_HIDDEN void space_each_lock(void (*f)(struct lock *l)); /* for fork, in rank order */
GREY_HIDDEN void space_fork_child(void);

#endif
