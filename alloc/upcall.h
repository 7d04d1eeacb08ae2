/* upcall: how the allocator calls the collector, which it does not know. */
#ifndef ALLOC_UPCALL_H
#define ALLOC_UPCALL_H

#include "alloc/lock.h"

/* Managed objects that come in through the manual calls, on slow paths, no lock held. NULL until the
   collector's first use: then no managed object exists. */
struct upcall {
    void (*free)(void *p, const char *call);
    void *(*realloc)(void *p, size_t size, const char *call);
    size_t (*usable)(const void *p, const char *call);
    /* fork: before any lock is taken; each of the collector's, which come before the heap's; after all
       are dropped. */
    void (*fork_prepare)(void);
    void (*fork_each_lock)(void (*f)(struct lock *l));
    void (*fork_parent)(void);
    void (*fork_child)(void);
    /* Between them the thread may wait for libc's locks: nobody waits for it to stop. */
    void (*block_enter)(void);
    void (*block_leave)(void);
    void (*print)(int fd); /* the collector's part of the summary; may be NULL */
};
GREY_HIDDEN extern struct atomicw upcalls; /* [atomic] const struct upcall *, set once */

/* From now on the collector is asked. Waits for the end of a fork that began without it (heap.c). */
GREY_HIDDEN void upcall_set(const struct upcall *calls);

/* acquire: pairs with the release of upcall_set(). */
GREY_INLINE const struct upcall *upcall(void)
{
    return (const struct upcall *)aw_load_acquire(&upcalls);
}

#endif
