/* transfer: whole batches of free blocks on their way from one thread's cache to another's, or
   back to the same one. A cache that overflows leaves batches here before it gives blocks back
   to their spans, and one that runs dry looks here first: a batch costs a copy of its addresses
   and one lock, while a span's bits cost several instructions a block.

   X1  A block here has its alloc bit set (span.h S1) and carries its cookie (S3).
   X2  What a shard's batches hold stays below TRANSFER_BYTES; the scavenger drains it. */
#ifndef ALLOC_TRANSFER_H
#define ALLOC_TRANSFER_H

#include "alloc/lock.h"
#include "alloc/sizeclass.h"

#define TRANSFER_BYTES MIB(4)
#define TRANSFER_BATCH 256 /* blocks of a batch, at most */

GREY_HIDDEN void transfer_init(void);

/* Blocks of a batch of this small class. */
GREY_HIDDEN size_t transfer_size(unsigned code);

/* Moves one batch in or out. False when there is no room, or none to have. */
GREY_HIDDEN bool transfer_put(unsigned code, unsigned shard, const uintptr_t *blocks);
GREY_HIDDEN bool transfer_get(unsigned code, unsigned shard, uintptr_t *out);

/* Takes any batch of the class out, for whoever empties all; false when there is none. */
GREY_HIDDEN bool transfer_drain(unsigned code, uintptr_t *out);

/* Bytes of all batches. An estimate while threads run. */
GREY_HIDDEN size_t transfer_bytes(void);

/* For fork: f on every lock, in rank order. */
GREY_HIDDEN void transfer_each_lock(void (*f)(struct lock *l));

#endif
