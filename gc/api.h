/* api: managed objects that come in through the manual calls (struct upcall). */
#ifndef GC_API_H
#define GC_API_H

#include "gc/gc.h"

/* An object of any kind but a typed one, with all that grey_alloc does: a cycle that is due, the last resort.
   Not busy. */
GREY_HIDDEN void *api_alloc(const char *call, grey_kind kind, size_t size);

GREY_HIDDEN void api_free(void *p, const char *call);
GREY_HIDDEN void *api_realloc(void *p, size_t size, const char *call);
GREY_HIDDEN size_t api_usable(const void *p, const char *call);

#endif
