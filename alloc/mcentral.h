/* mcentral: for each size class, the spans that no thread allocates from just now.

   There are MCENTRAL_SHARDS sets of centrals (shards); each thread uses the one that fewest others do, and a span belongs to the shard whose thread took it last. So threads
   meet at a lock only when one frees what another allocated, and then once a batch.

   C1  A span of small blocks is cached by one thread, or in exactly one list of its shard:
       partial when it has a free slot, full when not.
   C2  Everything about a span's slots is guarded by its shard's lock for its class, also
       while it is cached: the thread that caches it takes that lock for each refill.
   C3  A span changes its shard only under the old shard's lock, cached by nobody. Whoever
       locks a shard on behalf of a span looks again which shard it is in.

   Managed spans have centrals of their own: gc/space.h. */
#ifndef ALLOC_MCENTRAL_H
#define ALLOC_MCENTRAL_H

#include "alloc/mheap.h"

#define MCENTRAL_SHARDS 8
#define MCENTRAL_BATCH  256 /* blocks moved under one lock, at most */

/* The one page heap. */
GREY_HIDDEN extern struct mheap heap_pages;

GREY_HIDDEN void mcentral_init(void);

/* Takes up to want blocks (at most MCENTRAL_BATCH) of a small class into out, in the order in
   which a stack should hold them. *cached is the span that the calling thread allocates from,
   and may change. 0 when out of memory. */
GREY_HIDDEN size_t mcentral_take(unsigned code, unsigned shard, struct span **cached, uintptr_t *out, size_t want);

/* Takes back n blocks (at most MCENTRAL_BATCH) of a small class, of any spans. Returns a block
   that was free already, or 0; the others are freed all the same. Overwrites blocks[]. */
GREY_HIDDEN uintptr_t mcentral_give(unsigned code, uintptr_t *blocks, size_t n);

/* The thread that cached s allocates from it no more. */
GREY_HIDDEN void mcentral_uncache(struct span *s);

/* Gives what is kept for reuse, batches in transfer and empty spans, to the page heap. */
GREY_HIDDEN void mcentral_drop_kept(void);

/* Gives back the memory of free slots in partly used spans of one class and shard in which nothing
   was freed since the last call. Returns the bytes. For the scavenger, about once a second, with
   its lock held. */
GREY_HIDDEN size_t mcentral_purge(unsigned code, unsigned shard);

/* For fork, and for who counts every span: f on all locks, in rank order. */
GREY_HIDDEN void mcentral_each_lock(void (*f)(struct lock *l));

#endif
