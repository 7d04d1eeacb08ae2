/* kind: the table of kinds, and types of typed objects. */
#ifndef GC_KIND_H
#define GC_KIND_H

#include "gc/object.h"
#include "gc/space.h"

struct central; /* space.c */

struct kind {
    const char *name;                                           /* [const] */
    unsigned trace;                                             /* [const] enum trace */
    void (*callback)(void *object, struct grey_tracer *tracer); /* [const] of TRACE_CUSTOM */
    struct atomicw centrals;                                    /* [atomic] struct central *, made at first use */
};

GREY_HIDDEN struct kind *kind_of(grey_kind k);
GREY_HIDDEN grey_kind kind_create(const struct grey_kind_info *info); /* 0 with errno */
GREY_HIDDEN const char *kind_name(grey_kind k);                       /* NULL: there is no such kind */
GREY_HIDDEN unsigned kind_count(void); /* kinds below it exist */
GREY_HIDDEN struct lock *kind_lock(void);
GREY_HIDDEN const grey_type *kind_type_create(const struct grey_type_info *info);

#endif
