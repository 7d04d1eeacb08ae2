/* memcheck: allocation while valgrind's memcheck runs the program: blocks announced by client requests,
 * with red zones.
 *
 * Then heap.c hands every call to this module, which builds on the raw calls of heap.h. A raw block
 * holds
 *
 *     raw                 user                 user + size          raw + usable
 *      | header, red zone  | the program's bytes | red zone >= 16 B   |
 *
 * and only the program's bytes are accessible to the program. Freed blocks wait in a quarantine, so
 * that a use after free is seen. docs/preload.md has the recipe.
 */
#ifndef ALLOC_MEMCHECK_H
#define ALLOC_MEMCHECK_H

#include "alloc/base.h"

/* True when memcheck runs us; false on the bare machine and under valgrind's other tools, which
   measure the allocator as it is. Callable at any time. */
GREY_HIDDEN bool memcheck_present(void);

/* memcheck_present(), asked once by heap_init(). [const] from then on. */
GREY_HIDDEN extern bool memcheck_on;

/* The calls below mean what their namesakes in heap.h mean. alignment is a power of two; 16 or
   less is the alignment of malloc. */
GREY_HIDDEN void *memcheck_alloc(size_t size, size_t alignment, bool zero, const char *call);
GREY_HIDDEN void memcheck_free(void *p, const char *call);
GREY_HIDDEN void memcheck_free_sized(void *p, size_t size, const char *call);
GREY_HIDDEN void *memcheck_realloc(void *p, size_t size, const char *call);
GREY_HIDDEN size_t memcheck_usable(const void *p, const char *call);

/* In the child of a fork, whose other threads are gone, perhaps in the midst of a free. */
GREY_HIDDEN void memcheck_fork_child(void);

/* Memory that managed objects will use is the program's as a whole. */
GREY_HIDDEN void memcheck_open(uintptr_t base, size_t bytes);

/* The same word, which memcheck takes for defined: a conservative scan looks at whatever there is. */
GREY_HIDDEN uintptr_t memcheck_defined(uintptr_t word);

#endif
