/* os: what the allocator asks of the operating system, and the only place that knows it.
   Raw system calls where libc's wrappers would touch errno, which a caller of free() keeps.
   Nothing here allocates but for os_helper_start(). Tests replace this module by tests/fake/os_fake.c. */
#ifndef ALLOC_OS_H
#define ALLOC_OS_H

#include "alloc/atomics.h"

/* Memory. Addresses and sizes are multiples of os_page_size(); false or NULL when refused. */
GREY_HIDDEN size_t os_page_size(void);
GREY_HIDDEN void *os_reserve(uintptr_t hint, size_t bytes);   /* address space, no memory */
GREY_HIDDEN bool os_commit(void *p, size_t bytes);            /* reserved -> zeroed, writable */
GREY_HIDDEN bool os_discard(void *p, size_t bytes);           /* gives the memory back, keeps it committed: reads as zero */
GREY_HIDDEN void os_release(void *p, size_t bytes);           /* gives the addresses back too */
GREY_HIDDEN void *os_map(size_t bytes);                       /* zeroed, writable, for metadata */
GREY_HIDDEN void os_advise_huge(void *p, size_t bytes);       /* of 2 MiB where pages are of 4 KiB */
GREY_HIDDEN void os_advise_small(void *p, size_t bytes);      /* no huge ones any more */

/* Threads and time. */
GREY_HIDDEN void os_futex_wait(struct atomic32 *word, uint32_t expected);
GREY_HIDDEN void os_futex_wait_ns(struct atomic32 *word, uint32_t expected, uint64_t ns);
GREY_HIDDEN void os_futex_wake(struct atomic32 *word, int count);

/* Runs fn on a thread of its own: all signals blocked but libc's own, a small stack, the name given,
   detached. False when refused. *h lives as long as the thread. Allocates, and waits for libc's
   locks: see os_is_loader(). */
struct os_helper {
    void (*fn)(void *argument);
    void *argument;
    const char *name;
};
GREY_HIDDEN bool os_helper_start(const struct os_helper *h);

/* Is this code the dynamic loader's? It frees a thread's dynamic TLS under a lock of libc's that
   starting a thread needs, so a call of free() from there must not start one. True for everything
   before os_learn_loader(), which a constructor calls. */
GREY_HIDDEN bool os_is_loader(const void *code);
GREY_HIDDEN void os_learn_loader(void);

/* Process. */
GREY_HIDDEN bool os_secure(void);      /* set-uid or the like: the environment is not trusted */
GREY_HIDDEN uint64_t os_random(void);  /* the same for the life of the process */
GREY_HIDDEN int os_getpid(void);
GREY_HIDDEN int os_gettid(void);
GREY_HIDDEN int os_write(int fd, const char *s, size_t n); /* 0, or an error's number */
GREY_HIDDEN _Noreturn void os_abort(void);

#endif
