/* writes: the slow forms of grey_write and its family, bulk writes, and GREY_CHECK_WRITES.

   GREY_CHECK_WRITES keeps a shadow of the heap: a word for each word of an arena in which somebody wrote
   through the barrier. grey_barrier_on is set for good, so that all such writes come here.

   W1  A shadow word is what the barrier stored last at its address, 0 after the memory was zeroed for
       allocation, or what the last check found there.
   W2  A slot and its shadow change together under the stripe of the slot, by a thread that cannot be
       stopped meanwhile: while threads are stopped W1 holds for every slot.
   W3  Slots outside managed memory have no shadow and are not checked; nor are objects without
       pointers, root blocks, ephemerons and weak tables. */
#ifndef GC_WRITES_H
#define GC_WRITES_H

#include "gc/object.h"

GREY_HIDDEN void writes_init(void); /* reads the option; sets grey_barrier_on */
GREY_HIDDEN bool writes_checked(void);
/* Threads stopped, marked: compares the slots of marked objects with their shadow and reports changes
   that no barrier announced; the shadow is as the slots are afterwards. */
GREY_HIDDEN void writes_check_stopped(void);
/* Memory was zeroed for allocation: a run of slots, a large object, what an object grew by. Nobody else
   knows the memory yet. */
GREY_HIDDEN void writes_zeroed(uintptr_t from, size_t bytes);
GREY_HIDDEN void writes_fork_child(void);

#endif
