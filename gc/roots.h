/* roots: memory outside managed objects that keeps objects alive: DESIGN's three classes. */
#ifndef GC_ROOTS_H
#define GC_ROOTS_H

#include "gc/gc.h"

enum root_class {
    ROOT_STACK,       /* private: a thread's stack */
    ROOT_REGISTERS,
    ROOT_TLS,         /* static and dynamic thread-local storage, thread-specific values */
    ROOT_VALUE_STACK,
    ROOT_FIBER,
    ROOT_DATA,        /* loose: writable data of loaded objects */
    ROOT_RANGE,
    ROOT_BLOCK,       /* grey_alloc_root */
    ROOT_CALLBACK,
    ROOT_HANDLE,      /* barriered */
    ROOT_SLOTS,
    ROOT_INTERNAL,    /* what the collector itself keeps: finalizer queue, objects in transit */
    ROOT_CLASSES
};

struct root_range {
    const uintptr_t *from, *to; /* aligned to words; [from, to) */
    enum root_class class;
    const char *name; /* of the thread or the loaded object, or NULL; lives as long as threads are stopped */
    const uintptr_t *origin; /* the words are a copy of those here; NULL: they are no copy */
};

/* Who is told of the roots. exact: a word that is a reference, slot may be NULL. Private ranges'
   words go through the decode hook and the rule of derived pointers (H16) on the sink's side. */
struct root_sink {
    void (*range)(struct root_sink *sink, const struct root_range *r);
    void (*exact)(struct root_sink *sink, enum root_class class, void *slot, uintptr_t value);
    struct grey_tracer *tracer; /* given to root callbacks */
};

GREY_INLINE bool root_is_private(enum root_class c)
{
    return c <= ROOT_FIBER;
}

/* By the coordinator before the stop, no lock held but RANK_CYCLE's: reads the loader's list, opens what
   is needed to tell touched pages. False without memory: no cycle can be run then. */
GREY_HIDDEN bool roots_prepare(void);
/* After the stop: false when a module was opened since roots_prepare(), or is just being opened, for a
   thread may have put a reference into its data. Then threads are to go on, and prepare and stop are to
   be done again. */
GREY_HIDDEN bool roots_are_current_stopped(void);
GREY_HIDDEN void roots_finish(void); /* after the resume */
/* Between stop and resume: all loose and barriered roots; root blocks are the space's. Ranges are
   readable until roots_finish() or the next visit. */
GREY_HIDDEN void roots_visit_stopped(struct root_sink *sink);
/* The words of a private range or register as the decode hook sees them. */
GREY_HIDDEN extern grey_decode_fn *roots_decode; /* NULL: as they are */

/* The loader's list as of roots_prepare(): for a thread's TLS blocks. memsz of module id, 0 unknown. */
GREY_HIDDEN size_t roots_tls_modules(void);            /* highest module id */
GREY_HIDDEN size_t roots_tls_bytes(size_t module_id);

/* Handles for the library's own use, by threads attached or not, that are not stopped meanwhile: NULL
   without memory. */
GREY_HIDDEN grey_handle *handle_create(void *object);
GREY_HIDDEN void *handle_get(const grey_handle *h);
GREY_HIDDEN bool handle_release(grey_handle *h); /* false: it is none, or was released */
/* Calls f for each piece of the table of handles, with the number of words in it. Threads stopped. */
GREY_HIDDEN void handle_each_stopped(void (*f)(const uintptr_t *from, size_t count, void *context),
                                     void *context);

/* For fork, RANK_CYCLE's lock held. */
GREY_HIDDEN void roots_fork_prepare(void);
GREY_HIDDEN void roots_fork_child(void);
GREY_HIDDEN struct lock *roots_lock(void);

#endif
