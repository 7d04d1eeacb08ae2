/* copies: other Greyspans in this process.
 *
 * Two heaps that do not know of each other end in a free of a foreign block. It happens when the
 * static library is linked into two plugins, or into a program that runs with the preload library.
 * Each copy therefore carries an ELF note that leads to its record, and looks for the others' when
 * it starts.
 *
 * A copy whose functions are all interposed by another's (libgreyspan.so under the preload library,
 * which exports the API too) is never called. It stays dormant: harmless, and without a heap.
 */
#ifndef ALLOC_COPIES_H
#define ALLOC_COPIES_H

#include "alloc/base.h"

/* Says that this copy has the malloc front door. Before copies_start(). */
GREY_HIDDEN void copies_have_front(void);

/* Decides whether this copy is live or dormant, and ends the program with a sentence when another
   is live beside it. True when this copy is live. Called by the constructor, under the dynamic
   linker's lock. */
GREY_HIDDEN bool copies_start(void);

/* True after copies_start() said so. */
GREY_HIDDEN bool copies_is_live(void);

/* What grey_version() answers. Its address tells whose answer it is. */
GREY_HIDDEN extern const char copies_version[];

#endif
