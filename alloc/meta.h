/* meta: memory for the allocator's own records, outside the heap, zeroed when taken.
   Small pieces are cut from chunks and never unmapped; fixalloc recycles those of one size. */
#ifndef ALLOC_META_H
#define ALLOC_META_H

#include "alloc/lock.h"

/* Zeroed, aligned to 64 bytes; NULL when the system refuses. Any thread; takes the meta lock. */
GREY_HIDDEN void *meta_alloc(size_t bytes);
/* Bytes mapped for metadata so far. */
GREY_HIDDEN size_t meta_bytes(void);

/* Records of one size (Go's fixalloc). Given back ones are reused by the same fixalloc. */
struct fixalloc {
    size_t size;     /* [const] */
    void *free_list; /* [lock:meta] linked through the first word */
};

GREY_HIDDEN void *fixalloc_take(struct fixalloc *f);       /* zeroed, or NULL */
GREY_HIDDEN void *fixalloc_take_dirty(struct fixalloc *f); /* of any content, or NULL */
GREY_HIDDEN void fixalloc_give(struct fixalloc *f, void *record);

GREY_HIDDEN struct lock *meta_lock(void); /* for fork */

#endif
