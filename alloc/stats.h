/* stats: the heap's statistics as sums and as text, for grey_stats, GREY_STATS=1, malloc_stats and
 * malloc_info. The numbers come from heap_stats_read(); nothing here counts.
 */
#ifndef ALLOC_STATS_H
#define ALLOC_STATS_H

#include "alloc/heap.h"
#include "greyspan.h"

#include <stdio.h>

/* The sums of greyspan.h, whose identities hold exactly even when threads allocate meanwhile, and,
   unless detail is NULL, the reading they were made of. */
GREY_HIDDEN void stats_read(struct grey_stats *sums, struct heap_stats *detail);

/* Writes the summary to a file descriptor; no stdio, no allocation. */
GREY_HIDDEN void stats_print(int fd);

/* Writes the heap as XML in the shape of glibc's malloc_info to out. */
GREY_HIDDEN void stats_xml(FILE *out);

#endif
