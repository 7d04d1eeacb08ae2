/* hook: a function of the program's with its argument, read without a lock at any time, also while threads
   are stopped: a load when none is set.

   K1  A record never changes and is never given back, so whoever has read its address may use it.
       There is one for each pair that the program ever set. */
#ifndef GC_HOOK_H
#define GC_HOOK_H

#include "gc/gc.h"

typedef void hook_fn(void); /* cast back by who calls */

struct hook {
    hook_fn *fn;             /* [const] */
    void *data;              /* [const] */
    const struct hook *next; /* [const] */
};
struct hooks {
    struct atomicw now; /* [atomic] const struct hook *, the one in force; NULL none */
    struct atomicw all; /* [atomic] const struct hook *, newest first */
};

/* fn NULL: none from now on. False with errno ENOMEM, and the hook is as it was. */
GREY_HIDDEN bool hook_set(struct hooks *h, hook_fn *fn, void *data);

/* acquire: pairs with the release in hook_set(). */
GREY_INLINE const struct hook *hook_get(const struct hooks *h)
{
    return (const struct hook *)aw_load_acquire(&h->now);
}

#endif
