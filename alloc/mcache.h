/* mcache: a thread's cache of free blocks. No lock, no atomic read-modify-write.

   For each size class a stack of block addresses in metadata memory: malloc pops, free pushes.
   An empty stack is refilled from the span that the thread caches for the class, lowest
   address on top; a full one gives its older half back. Stacks start small and double with
   use, within a budget of bytes a thread may hold (GREY_CACHE).

   M1  base[0] of every stack is 0, so that popping an empty stack yields "no block" without a
       test of its own; top points one past the newest block; top == limit means full.
       A bin's offset in the cache is what a page's entry holds as code.
   M2  A thread without a cache of its own (new, dying, or under valgrind) has mcache_none,
       whose stacks are empty and full at once: every call takes the slow path.
   M3  A block in a stack has its alloc bit set (span.h S1) and carries its cookie (S3). */
#ifndef ALLOC_MCACHE_H
#define ALLOC_MCACHE_H

#include "alloc/mcentral.h"

/* What malloc and free of a class need, together. */
struct mcache_bin {
    uintptr_t *top;
    uintptr_t *limit;
    uint64_t magic;    /* [const] class_magic of the code; 0 in mcache_none */
    uint32_t capacity; /* of the stack's array; 0: none yet */
    uint32_t unused;
};
static_assert(sizeof(struct mcache_bin) == (size_t)1 << ENTRY_CODE_SHIFT, "an entry's code bits are a bin's offset");

struct mcache {
    struct mcache_bin bin[CODE_COUNT];      /* [owner] those of managed codes stay all zero: no bin */
    uint16_t shard;                         /* [const] */
    uint16_t exit_rounds;                   /* [owner] see thread.c */
    uint16_t victim;                        /* [owner] where the last eviction stopped */
    uint16_t overflows;                     /* [owner] while the scavenger was at work */
    size_t granted;                         /* [owner] sum of capacity * block size */
    struct span *cached[CLASS_SMALL_LAST + 1]; /* [owner] the span a refill takes from */
    struct mcache *next, *prev;             /* [lock:threads] */
};

GREY_HIDDEN extern struct mcache mcache_none;

/* The calling thread's cache. Initial-exec: one load, and no allocation behind it. */
GREY_HIDDEN extern __thread struct mcache *mcache_self __attribute__((tls_model("initial-exec")));

GREY_HIDDEN void mcache_init(struct mcache *c, unsigned shard);

/* Fills the empty stack of a class. Where there is no stack, or none for so large a block, *block is
   one for the program instead, and *zeroed says whether it is known to be all zero. False when
   out of memory. */
GREY_HIDDEN bool mcache_refill(struct mcache *c, unsigned code, uintptr_t *block, bool *zeroed);

/* Caches a block (already checked, its cookie not yet set) although the stack is full. Returns
   a block that turned out to be free twice, or 0. */
GREY_HIDDEN uintptr_t mcache_overflow(struct mcache *c, unsigned code, uintptr_t block);

/* Gives everything back. The cache is as new. */
GREY_HIDDEN void mcache_flush(struct mcache *c);

/* Bytes in the cache's stacks; exact for the owner, an estimate for others. */
GREY_HIDDEN size_t mcache_bytes(const struct mcache *c, size_t blocks[CLASS_COUNT]);

/* The bin of a page map entry. */
GREY_INLINE struct mcache_bin *mcache_bin_at(struct mcache *c, uint32_t entry)
{
    return (struct mcache_bin *)((char *)c + (entry & ENTRY_CODE));
}
static_assert(offsetof(struct mcache, bin) == 0, "bins come first");

/* The newest block of the stack, still on it; 0 when there is none. */
GREY_INLINE uintptr_t mcache_peek(const struct mcache *c, unsigned code)
{
    return c->bin[code].top[-1];
}

GREY_INLINE void mcache_drop_top(struct mcache *c, unsigned code)
{
    c->bin[code].top--;
}

/* False when the stack is full. */
GREY_INLINE bool mcache_push(struct mcache_bin *bin, uintptr_t block)
{
    uintptr_t *top = bin->top;
    if (unlikely(top == bin->limit))
        return false;
    *cookie_at(block) = cookie_of(block);
    *top = block;
    bin->top = top + 1;
    return true;
}

#endif
