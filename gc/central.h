/* central: for each kind and size class the managed spans that no thread allocates from, swept and
   not; made, swept and given back here. Class 0 holds the large objects' spans. */
#ifndef GC_CENTRAL_H
#define GC_CENTRAL_H

#include "gc/object.h"
#include "gc/space.h"

/* Gives back the span (or NULL) that a thread cached, and returns one with a free slot, cached from now
   on; NULL when out of memory. Sweeps what it finds unswept. Busy, like all of these but the _stopped. */
GREY_HIDDEN struct span *central_exchange(grey_kind kind, unsigned class, struct span *old);
GREY_HIDDEN void central_give(struct span *s);

/* A span for one large object: its alloc bit clear, known to nobody until published. */
GREY_HIDDEN struct span *central_take_large(grey_kind kind, struct pages pages, size_t align);
GREY_HIDDEN void central_publish_large(struct span *s);

/* Frees an object early; false when it is free already. */
GREY_HIDDEN bool central_free(const struct object *o);

GREY_HIDDEN void central_sweep_cached_stopped(struct span *s);

/* All sums but what was allocated. */
GREY_HIDDEN void central_sums(struct space_sums *out);

#endif
