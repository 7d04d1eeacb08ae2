/* transit: arguments of threads that have not begun and results of threads that have ended (H11), which
   exist nowhere but in libc's own records. */
#ifndef GC_TRANSIT_H
#define GC_TRANSIT_H

#include "gc/mutator.h"

GREY_HIDDEN void transit_roots_stopped(struct root_sink *sink);
GREY_HIDDEN struct lock *transit_lock(void);
GREY_HIDDEN void transit_fork_child(void);

#endif
