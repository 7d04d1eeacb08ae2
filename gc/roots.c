/* roots: loose and barriered roots; see roots.h. Private ones are the mutators', root blocks the
   space's, handles in handle.c.

   R1  The tables change under the lock, by threads that cannot be stopped meanwhile; while threads
       are stopped they are read without it.
   R2  What the loader knows is read before the stop and checked after it (alloc/image.h, I1 and I2).

   Ranges of 64 KiB and more are looked up in the system's page map first, so that large tables cost
   what they use: a page that nobody touched holds zeroes, or what the program's file has there. */
#include "gc/mutator.h"
#include "gc/root_table.h"

#include <errno.h>
#include <string.h>

#include "alloc/image.h"

#define TOUCH_MIN KIB(64)
/* Of the memory for copies so much is kept from one cycle to the next. */
#define COPY_KEPT MIB(1)

static struct {
    struct lock lock;
    struct root_table ranges;    /* [lock:roots] address and bytes; flag: is_sparse() */
    struct root_table slots;     /* [lock:roots] alike */
    struct root_table callbacks; /* [lock:roots] function and data */
    struct atomic32 has_sparse;  /* [atomic] was a sparse range ever added? */
    /* [owner] the coordinator's: copies of what may be unmapped (I2). */
    char *copies;
    size_t copies_room, copies_used;
    bool was_stale;
} roots = { .lock = LOCK_INIT(RANK_ROOTS) };

grey_decode_fn *roots_decode; /* [lock:roots] read while threads are stopped */

struct lock *roots_lock(void)
{
    return &roots.lock;
}

void roots_fork_prepare(void)
{
    image_fork_prepare();
}

void roots_fork_child(void)
{
    if (!without(H6_LOADER))
        image_fork_child();
    image_touched_close(); /* H18: it shows the parent's pages */
    roots.copies_used = 0;
}

/* ---- before the stop and after it ---- */

/* Room for a copy of all data that may vanish. Without it they are read where they are. */
static void prepare_copies(void)
{
    size_t need = 0;
    for (size_t i = 0; i < image_data_count(); i++)
        if (!image_data(i)->lasting)
            need += image_data(i)->to - image_data(i)->from;
    if (need <= roots.copies_room)
        return;
    if (roots.copies_room > 0)
        os_release(roots.copies, roots.copies_room);
    need = round_up(need, os_page_size());
    roots.copies = os_map(need);
    roots.copies_room = roots.copies == NULL ? 0 : need;
}

static bool has_sparse_data(void)
{
    for (size_t i = 0; i < image_data_count(); i++)
        if (image_data(i)->to - image_data(i)->from >= TOUCH_MIN)
            return true;
    return false;
}

/* A module that is being opened may take its time. */
static void wait_a_little(void)
{
    static struct atomic32 nobody_wakes;
    os_futex_wait_ns(&nobody_wakes, 0, 1000000);
}

bool roots_prepare(void)
{
    if (roots.was_stale)
        wait_a_little();
    roots.was_stale = false;
    if (!image_read())
        return false;
    prepare_copies();
    if (has_sparse_data() || a32_load_relaxed(&roots.has_sparse) != 0)
        image_touched_open();
    return true;
}

bool roots_are_current_stopped(void)
{
    if (without(H6_DLOPEN) || image_is_current())
        return true;
    roots.was_stale = true;
    return false;
}

void roots_finish(void)
{
    image_touched_close();
    if (roots.copies_used > COPY_KEPT)
        os_discard(roots.copies, roots.copies_room);
    roots.copies_used = 0;
}

size_t roots_tls_modules(void)
{
    return image_tls_modules();
}

size_t roots_tls_bytes(size_t module_id)
{
    return image_tls_bytes(module_id);
}

/* ---- visiting ---- */

/* What is common to the pieces that a range is visited in. */
struct visit {
    struct root_sink *sink;
    enum root_class class;
    const char *name;
};

static void visit_words(uintptr_t from, uintptr_t to, const uintptr_t *origin, const struct visit *v)
{
    from = round_up(from, sizeof(uintptr_t));
    to = round_down(to, sizeof(uintptr_t));
    if (from >= to)
        return;
    struct root_range r = { (const uintptr_t *)from, (const uintptr_t *)to, v->class, v->name, origin };
    v->sink->range(v->sink, &r);
}

static void visit_run(uintptr_t from, uintptr_t to, void *context)
{
    visit_words(from, to, NULL, context);
}

/* I2: in pieces between pages that are gone. The copies' room suffices for every module's data once. */
static void visit_copy(uintptr_t from, uintptr_t to, void *context)
{
    while (from < to) {
        size_t bytes = to - from;
        if (without(H6_DLCLOSE) || roots.copies_room - roots.copies_used < bytes) {
            visit_words(from, to, NULL, context);
            return;
        }
        char *copy = roots.copies + roots.copies_used;
        ptrdiff_t n = image_copy(copy, from, bytes);
        if (n < 0) {
            visit_words(from, to, NULL, context);
            return;
        }
        visit_words((uintptr_t)copy, (uintptr_t)copy + (size_t)n, (const uintptr_t *)from, context);
        roots.copies_used += round_up((size_t)n, sizeof(uintptr_t));
        from += (size_t)n;
        if (from < to)
            from = round_down(from + os_page_size(), os_page_size());
    }
}

static void visit_touched(uintptr_t from, uintptr_t to, image_run_fn *f, struct visit *v)
{
    if (to - from >= TOUCH_MIN)
        image_each_touched(from, to, f, v);
    else
        f(from, to, v);
}

static void visit_data(struct root_sink *sink)
{
    roots.copies_used = 0;
    for (size_t i = 0; i < image_data_count(); i++) {
        const struct image_data *d = image_data(i);
        struct visit v = { sink, ROOT_DATA, d->name };
        visit_touched(d->from, d->to, d->lasting ? visit_run : visit_copy, &v);
    }
}

static void visit_table(const struct root_table *t, struct root_sink *sink, enum root_class class)
{
    struct visit v = { sink, class, NULL };
    for (size_t i = 0; i < t->count; i++) {
        const struct root_pair *p = &t->pairs[i];
        if (p->flag)
            visit_touched(p->a, p->a + p->b, visit_run, &v);
        else
            visit_run(p->a, p->a + p->b, &v);
    }
}

static void visit_handles(const uintptr_t *from, size_t count, void *context)
{
    struct visit v = { context, ROOT_HANDLE, NULL };
    visit_words((uintptr_t)from, (uintptr_t)(from + count), NULL, &v);
}

void roots_visit_stopped(struct root_sink *sink)
{
    if (option_now(&options.roots) != GREY_ROOTS_EXACT && !without(ROOT_DATA))
        visit_data(sink);
    visit_table(&roots.ranges, sink, ROOT_RANGE);
    visit_table(&roots.slots, sink, ROOT_SLOTS);
    handle_each_stopped(visit_handles, sink);
    for (size_t i = 0; i < roots.callbacks.count; i++) {
        const struct root_pair *p = &roots.callbacks.pairs[i];
        ((grey_root_fn *)p->a)((void *)p->b, sink->tracer);
    }
}

/* ---- the calls ---- */

static bool refuse(int code)
{
    errno = code;
    return false;
}

/* Memory that a program can have: not NULL, not empty, no wrap, nothing above the addresses there are. */
static bool is_range(const void *from, size_t bytes)
{
    uintptr_t end;
    return from != NULL && bytes != 0 && !__builtin_add_overflow((uintptr_t)from, bytes, &end)
           && end <= (uintptr_t)1 << ADDRESS_BITS;
}

static bool add(struct root_table *t, uintptr_t a, uintptr_t b, bool sparse, const char *call)
{
    struct mutator *m = mutator_enter(call);
    if (m == NULL)
        return false;
    lock_take(&roots.lock);
    bool ok = root_table_add(t, a, b, sparse);
    if (ok && sparse)
        a32_store_relaxed(&roots.has_sparse, 1); /* relaxed: seen late, the range is scanned whole */
    lock_drop(&roots.lock);
    mutator_leave(m);
    return ok || refuse(ENOMEM);
}

static bool take_out(struct root_table *t, uintptr_t a, uintptr_t b, const char *call)
{
    struct mutator *m = mutator_enter(call);
    if (m == NULL)
        return false;
    lock_take(&roots.lock);
    /* H9: while marking, what the range or callback names is shaded here, before it is no root. */
    bool ok = root_table_remove(t, a, b);
    lock_drop(&roots.lock);
    mutator_leave(m);
    return ok || refuse(EINVAL);
}

/* May pages of a range be left out that nobody touched here? The system is asked before a lock is taken. */
static bool is_sparse(const void *from, size_t bytes)
{
    return bytes >= TOUCH_MIN && image_is_private((uintptr_t)from, (uintptr_t)from + bytes);
}

bool grey_root_add(void *from, size_t bytes)
{
    if (!is_range(from, bytes))
        return refuse(EINVAL);
    return add(&roots.ranges, (uintptr_t)from, bytes, is_sparse(from, bytes), "grey_root_add");
}

bool grey_root_remove(void *from, size_t bytes)
{
    return take_out(&roots.ranges, (uintptr_t)from, bytes, "grey_root_remove");
}

bool grey_slots_add(void *slots, size_t count)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, sizeof(void *), &bytes) || !is_range(slots, bytes)
        || (uintptr_t)slots % sizeof(void *) != 0)
        return refuse(EINVAL);
    return add(&roots.slots, (uintptr_t)slots, bytes, is_sparse(slots, bytes), "grey_slots_add");
}

bool grey_slots_remove(void *slots, size_t count)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, sizeof(void *), &bytes))
        return refuse(EINVAL);
    return take_out(&roots.slots, (uintptr_t)slots, bytes, "grey_slots_remove");
}

bool grey_root_callback_add(grey_root_fn *fn, void *data)
{
    if (fn == NULL)
        return refuse(EINVAL);
    return add(&roots.callbacks, (uintptr_t)fn, (uintptr_t)data, false, "grey_root_callback_add");
}

bool grey_root_callback_remove(grey_root_fn *fn, void *data)
{
    return take_out(&roots.callbacks, (uintptr_t)fn, (uintptr_t)data, "grey_root_callback_remove");
}

void grey_decode_set(grey_decode_fn *fn)
{
    struct mutator *m = mutator_enter("grey_decode_set");
    if (m == NULL)
        return;
    lock_take(&roots.lock);
    roots_decode = fn;
    lock_drop(&roots.lock);
    mutator_leave(m);
}
