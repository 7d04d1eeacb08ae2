/* weak: references that do not keep their object, and are cleared when it dies. */
#include "gc/settle.h"

#include <errno.h>

#include "gc/mark.h"

struct grey_weak {
    struct record record;
    struct atomicw value; /* [atomic] what was given: an address in the object; 0 when it is gone */
};

/* [lock:lifetime] */
static struct store weaks = { .record_bytes = sizeof(struct grey_weak), .type = RECORD_WEAK };
static struct atomicw cleared; /* [atomic] a statistic */

grey_weak *grey_weak_create(void *object)
{
    struct mutator *m = mutator_enter("grey_weak_create");
    if (m == NULL)
        return NULL;
    struct grey_weak *w = NULL;
    struct object o;
    if (lifetime_object(object, "grey_weak_create", &o)) {
        lock_take(lifetime_lock);
        w = (struct grey_weak *)record_file_locked(&weaks, o.base);
        if (w != NULL) /* release: pairs with the acquire in grey_weak_get() */
            aw_store_release(&w->value, (uintptr_t)object);
        else
            errno = ENOMEM;
        lock_drop(lifetime_lock);
    }
    mutator_leave(m);
    return w;
}

/* Is this a weak reference in use? If not, a sentence. Records are never unmapped, and it takes some
   time until one is used again. */
static bool is_in_use(const grey_weak *w, const char *call)
{
    enum record_state state = record_state(&w->record);
    if (w->record.type == RECORD_WEAK && (state == RECORD_FILED || state == RECORD_CLEARED))
        return true;
    report_misuse(call, w, w->record.type == RECORD_WEAK && state == RECORD_FREE ? "released already"
                                                                                 : "not a weak reference");
    return false;
}

void *grey_weak_get(const grey_weak *w)
{
    struct mutator *m = w == NULL ? NULL : mutator_enter("grey_weak_get");
    if (m == NULL)
        return NULL;
    void *object = NULL;
    if (is_in_use(w, "grey_weak_get"))
        /* acquire: pairs with the release in grey_weak_create(). H10: a marker that runs beside the
           program must be told of the object here, before the caller is; now it is found on the
           caller's stack, for it cannot be stopped between the load and mutator_leave(). */
        object = (void *)aw_load_acquire(&w->value);
    mutator_leave(m);
    return object;
}

void grey_weak_release(grey_weak *w)
{
    struct mutator *m = w == NULL ? NULL : mutator_enter("grey_weak_release");
    if (m == NULL)
        return;
    bool in_use = true;
    lock_take(lifetime_lock);
    if (record_state(&w->record) == RECORD_FILED && w->record.type == RECORD_WEAK)
        record_unfile(&w->record, RECORD_CLEARED);
    if (record_state(&w->record) == RECORD_CLEARED && w->record.type == RECORD_WEAK)
        store_give_locked(&weaks, &w->record);
    else
        in_use = false;
    lock_drop(lifetime_lock);
    mutator_leave(m);
    if (!in_use)
        (void)is_in_use(w, "grey_weak_release"); /* says why not */
}

static void clear(struct record *r)
{
    record_unfile(r, RECORD_CLEARED);
    /* relaxed: threads are stopped, or the caller frees the object that they would read */
    aw_store_relaxed(&((struct grey_weak *)r)->value, 0);
    aw_add_relaxed(&cleared, 1); /* relaxed: a statistic */
}

static void clear_if_dead(struct record *r, void *unused)
{
    (void)unused;
    if (mark_is_missing(r->node.key))
        clear(r);
}

void weak_clear_stopped(void)
{
    if (!without(WEAK_CLEAR))
        store_walk_stopped(&weaks, clear_if_dead, NULL);
}

void weak_forget_locked(struct record *r)
{
    assert(lock_is_held(lifetime_lock));
    clear(r);
}

uint64_t weak_cleared(void)
{
    return aw_load_relaxed(&cleared); /* relaxed: a statistic */
}
