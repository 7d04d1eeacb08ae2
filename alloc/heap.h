/* heap: one allocation, one free; small or large, fast or slow.

   The walk. malloc(n), n up to 1 KiB: the size class is one load, the newest block of this
   thread's stack for the class another; its cookie is verified and cleared. free(p): the arena
   of p, the page's entry, one multiplication that says whether p starts a block, the cookie,
   a push. Neither takes a lock, does an atomic read-modify-write or calls anything. All that is
   unusual ends in a *_slow function: no cache yet, an empty or full stack, a large block,
   misuse, valgrind. docs/allocation.md tells the same with the cost of each step. */
#ifndef ALLOC_HEAP_H
#define ALLOC_HEAP_H

#include "alloc/mcache.h"

/* A larger alignment than this cannot be had. */
#define ALIGN_MAX ((size_t)1 << (ADDRESS_BITS - 2))

/* In all of these, call is what the program called, for messages. */
GREY_HIDDEN void *heap_malloc_slow(size_t size, const char *call);
GREY_HIDDEN void heap_free_slow(void *p, const char *call);

/* The newest cached block of a class, its cookie verified and cleared; 0 when there is none or
   somebody wrote to it. Before heap_init() every stack is empty. */
GREY_INLINE uintptr_t heap_pop(unsigned code)
{
    struct mcache *c = mcache_self;
    uintptr_t block = mcache_peek(c, code);
    /* No block has address 0, and the 0 of an empty stack would be no block's cookie. */
    if (unlikely(block == 0) || unlikely(*cookie_at(block) != cookie_of(block)))
        return 0;
    mcache_drop_top(c, code);
    *cookie_at(block) = 0;
    return block;
}

/* The cached block of at most SMALL_MAX bytes that is aligned, or NULL. */
GREY_INLINE void *heap_pop_aligned(size_t alignment, size_t size)
{
    if (unlikely(alignment > PAGE_BYTES || size > SMALL_MAX))
        return NULL;
    return (void *)heap_pop(sizeclass_aligned(size, alignment < MIN_ALIGN ? MIN_ALIGN : alignment));
}

/* NULL and errno = ENOMEM when out of memory; errno is kept otherwise. */
GREY_INLINE void *heap_malloc(size_t size, const char *call)
{
    if (likely(size <= TABLE8_MAX)) {
        uintptr_t block = heap_pop(size_to_class8[(size + 7) >> 3]);
        if (likely(block != 0))
            return (void *)block;
    }
    return heap_malloc_slow(size, call);
}

/* The calling thread's bin for the block that starts at this address, if it is one of a class, in the
   window, and not marked free; NULL for anything else. Of mcache_none never a bin: its magic is 0. */
GREY_INLINE struct mcache_bin *heap_bin_of(uintptr_t block)
{
    uintptr_t slot = (block >> ARENA_SHIFT) - aw_load_relaxed(&pagemap_first);
    if (unlikely(slot >= WINDOW_SLOTS))
        return NULL;
    const struct arena *a = (const struct arena *)aw_load_acquire(&pagemap_window[slot]);
    if (unlikely(a == NULL))
        return NULL;
    uint32_t entry = arena_entry(a, block);
    struct mcache_bin *bin = mcache_bin_at(mcache_self, entry);
    bool starts = entry_offset(entry, block) * bin->magic < bin->magic;
    return likely(starts) && likely(*cookie_at(block) != cookie_of(block)) ? bin : NULL;
}

/* p may be NULL. errno is kept. */
GREY_INLINE void heap_free(void *p, const char *call)
{
    struct mcache_bin *bin = heap_bin_of((uintptr_t)p);
    if (likely(bin != NULL) && likely(mcache_push(bin, (uintptr_t)p)))
        return;
    heap_free_slow(p, call);
}

GREY_HIDDEN void *heap_calloc(size_t count, size_t size, const char *call);
/* realloc(p, 0) frees p and returns NULL, as glibc's does. */
GREY_HIDDEN void *heap_realloc(void *p, size_t size, const char *call);
/* alignment is a power of two up to ALIGN_MAX. */
GREY_HIDDEN void *heap_aligned(size_t alignment, size_t size, const char *call);
GREY_HIDDEN void heap_free_sized(void *p, size_t size, const char *call);
GREY_HIDDEN size_t heap_usable(const void *p, const char *call);

/* What is kept for speed goes to the page heap. */
GREY_HIDDEN void heap_reclaim(void);

/* Gives every free page back to the system. Bytes given back. */
GREY_HIDDEN size_t heap_trim(void);

/* Idempotent; the first allocation calls it. */
GREY_HIDDEN void heap_init(void);

/* At the start of the program's main thread: it counts as a user of the heap from now on. */
GREY_HIDDEN void heap_start_main(void);

GREY_HIDDEN void heap_fork_prepare(void);
GREY_HIDDEN void heap_fork_parent(void);
GREY_HIDDEN void heap_fork_child(void);

/* Is there heap memory at p, of whatever kind? Any thread, any value. */
GREY_HIDDEN bool heap_contains(const void *p);

/* Without messages, for memcheck.c, which wraps them. NULL when out of memory; 0 when p is not the
   start of a live block. */
GREY_HIDDEN void *heap_raw_alloc(size_t size, size_t alignment, bool zero);
GREY_HIDDEN void heap_raw_free(void *p);
GREY_HIDDEN size_t heap_raw_usable(const void *p);

struct heap_stats {
    size_t mapped;     /* address space reserved for the heap */
    size_t committed;  /* in_use + warm */
    size_t in_use;     /* pages of spans */
    size_t managed;    /* of them, the collector's */
    size_t warm;       /* free pages with memory behind them */
    size_t released;   /* free pages without */
    size_t peak;       /* highest committed */
    size_t metadata;   /* bytes mapped outside the heap */
    size_t large_bytes, large_blocks; /* spans of one block */
    size_t spans;
    size_t threads;    /* caches */
    size_t cached;     /* bytes of free blocks in them */
    uint64_t spans_created;
    uint64_t scavenged_total; /* bytes given back since the start */
    unsigned class_count;
    struct {
        size_t size, spans, slots, used; /* used: slots not free; cached ones are used here */
    } classes[CLASS_COUNT];
};
GREY_HIDDEN void heap_stats_read(struct heap_stats *out);

#endif
