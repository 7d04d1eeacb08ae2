/* root_table: a bag of pairs of words, such as a range and its length: added, removed and found in
   constant time, visited as an array. What was added twice is there until it is removed twice. */
#ifndef GC_ROOT_TABLE_H
#define GC_ROOT_TABLE_H

#include "gc/gc.h"

struct root_pair {
    uintptr_t a, b;
    uint32_t times; /* added and not removed */
    uint32_t next;  /* in its bucket: index + 1, 0 at the end */
    bool flag;      /* the user's */
};

/* [lock:roots], and read while threads are stopped; all zero is an empty table. */
struct root_table {
    struct root_pair *pairs;
    uint32_t *bucket; /* index + 1, 0 when empty; as many as there is room for pairs */
    size_t count, room;
};

/* False without memory. flag counts when the pair is new. */
GREY_HIDDEN bool root_table_add(struct root_table *t, uintptr_t a, uintptr_t b, bool flag);
/* False when there is no such pair. */
GREY_HIDDEN bool root_table_remove(struct root_table *t, uintptr_t a, uintptr_t b);

#endif
