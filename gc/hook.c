/* hook: see hook.h. */
#include "gc/hook.h"

#include <errno.h>

static const struct hook *find(const struct hooks *h, hook_fn *fn, void *data)
{
    /* acquire: pairs with the push in add(). */
    const struct hook *k = (const struct hook *)aw_load_acquire(&h->all);
    while (k != NULL && (k->fn != fn || k->data != data))
        k = k->next;
    return k;
}

static const struct hook *add(struct hooks *h, hook_fn *fn, void *data)
{
    struct hook *k = meta_alloc(sizeof *k);
    uintptr_t first;
    if (k == NULL)
        return NULL;
    *k = (struct hook){ .fn = fn, .data = data };
    do {
        first = aw_load_relaxed(&h->all);
        k->next = (const struct hook *)first;
        /* full: pairs with the acquire in find(). */
    } while (!aw_cas_full(&h->all, first, (uintptr_t)k));
    return k;
}

/* Of two threads that set the same pair at once each may add it: that costs a record. */
static const struct hook *find_or_add(struct hooks *h, hook_fn *fn, void *data)
{
    const struct hook *k = find(h, fn, data);
    return k != NULL ? k : add(h, fn, data);
}

bool hook_set(struct hooks *h, hook_fn *fn, void *data)
{
    const struct hook *k = NULL;
    if (fn != NULL && (k = find_or_add(h, fn, data)) == NULL) {
        errno = ENOMEM;
        return false;
    }
    /* release: pairs with the acquire in hook_get(). */
    aw_store_release(&h->now, (uintptr_t)k);
    return true;
}
