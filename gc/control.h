/* control: what the program decides about the collector, as the core asks for it.

   Options that grey_set() changes while threads run are read by option_now() (alloc/options.h). */
#ifndef GC_CONTROL_H
#define GC_CONTROL_H

#include "gc/mutator.h"
#include "gc/pacer.h"

/* For calls that do not attach the thread: busy if it is attached, NULL if not, or if it is in a blocking
   region. Then it is never stopped, so it may hold locks; the coordinator takes none meanwhile (G2). */
GREY_HIDDEN struct mutator *control_enter(const char *call);
GREY_HIDDEN void control_leave(struct mutator *m);

/* grey_disable() without its grey_enable(): no cycle begins by itself. */
GREY_HIDDEN bool control_is_disabled(void);

/* Memory outside the heap that objects hold, as the program told. */
GREY_HIDDEN uint64_t control_external_bytes(void);

/* The least of it since the last cycle, which is about what living objects hold. _cycle: a cycle is over. */
GREY_HIDDEN uint64_t control_external_least(void);
GREY_HIDDEN void control_external_cycle(void);

/* The soft limit in force, the lower of GREY_MEMORY_LIMIT and 90 % of the container's memory; 0 none. */
GREY_HIDDEN uint64_t control_memory_limit(void);

/* Reads the container's limit again when it was read more than 30 s ago (or never). By gc_init() and by the
   coordinator before it stops threads. Reads files; no lock is taken. */
GREY_HIDDEN void control_refresh(void);

/* Percent (UINT64_MAX for never), minimum, limit and external bytes as of now; the rest is the caller's. */
GREY_HIDDEN void control_pacer_input(struct pacer_input *in);

/* Asks the program's hook before an allocation of so many bytes fails: true to try again. No lock held, not
   busy; the hook may not return (longjmp). */
GREY_HIDDEN bool control_no_memory(size_t size);

#endif
