/* mcache: a thread's cache of free blocks. No lock, no atomic read-modify-write.

   For each size class a stack of block addresses in metadata memory: malloc pops, free pushes.
   An empty stack is refilled from the span that the thread caches for the class, lowest
   address on top; a full one gives its older half back. Stacks start small and double with
   use, within a budget of bytes a thread may hold (GREY_CACHE).

   M1  base[0] of every stack is 0, so that popping an empty stack yields "no block" without a
       test of its own; top points one past the newest block; top == limit means full.
   M2  A thread without a cache of its own (new, dying, or under valgrind) has mcache_none,
       whose stacks are empty and full at once: every call takes the slow path.
   M3  A block in a stack has its alloc bit set (span.h S1) and carries its cookie (S3). */
#ifndef ALLOC_MCACHE_H
#define ALLOC_MCACHE_H

#include "alloc/mcentral.h"

struct mcache_stack {
    uintptr_t *top;
    uintptr_t *limit;
};

struct mcache {
    struct mcache_stack stack[CLASS_COUNT]; /* [owner] */
    uint16_t capacity[CLASS_COUNT];         /* [owner] of the stack's array; 0: none yet */
    uint16_t shard;                         /* [const] */
    uint16_t exit_rounds;                   /* [owner] see thread.c */
    uint16_t victim;                        /* [owner] where the last eviction stopped */
    size_t granted;                         /* [owner] sum of capacity * block size */
    struct span *cached[CLASS_SMALL_LAST + 1]; /* [owner] the span a refill takes from */
    struct mcache *next, *prev;             /* [lock:threads] */
};

GREY_HIDDEN extern struct mcache mcache_none;

/* The calling thread's cache. Initial-exec: one load, and no allocation behind it. */
GREY_HIDDEN extern __thread struct mcache *mcache_self __attribute__((tls_model("initial-exec")));

GREY_HIDDEN void mcache_init(struct mcache *c, unsigned shard);

/* A block of the class, its cookie cleared; 0 when out of memory. *zeroed says whether the
   block is known to be all zero. */
GREY_HIDDEN uintptr_t mcache_refill(struct mcache *c, unsigned code, bool *zeroed);

/* Caches a block (already checked, its cookie not yet set) although the stack is full. Returns
   a block that turned out to be free twice, or 0. */
GREY_HIDDEN uintptr_t mcache_overflow(struct mcache *c, unsigned code, uintptr_t block);

/* Gives everything back. The cache is as new. */
GREY_HIDDEN void mcache_flush(struct mcache *c);

/* Bytes in the cache's stacks; exact for the owner, an estimate for others. */
GREY_HIDDEN size_t mcache_bytes(const struct mcache *c, size_t blocks[CLASS_COUNT]);

/* The newest block of the stack, still on it; 0 when there is none. */
GREY_INLINE uintptr_t mcache_peek(const struct mcache *c, unsigned code)
{
    return c->stack[code].top[-1];
}

GREY_INLINE void mcache_drop_top(struct mcache *c, unsigned code)
{
    c->stack[code].top--;
}

/* False when the stack is full. */
GREY_INLINE bool mcache_push(struct mcache *c, unsigned code, uintptr_t block)
{
    struct mcache_stack *s = &c->stack[code];
    uintptr_t *top = s->top;
    if (unlikely(top == s->limit))
        return false;
    *cookie_at(block) = cookie_of(block);
    *top = block;
    s->top = top + 1;
    return true;
}

#endif
