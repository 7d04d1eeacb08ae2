/* handle: words that are roots, given out one by one.

   They lie in regions, each twice as large as the one before, so that a word never moves, however
   many there are, and a pointer is told to be a handle by a look at a few regions. A bit says which
   are in use. A free word leads to the next one; what lies in our own memory is no object, so the
   whole of a region's used part can be handed out as a range of roots. */
#include "gc/mutator.h"

#include <errno.h>

enum { FIRST_WORDS = 512, REGIONS_MAX = 40 }; /* the last would be larger than memory */

struct grey_handle {
    struct atomicw value; /* [atomic] written by grey_write(); of a free handle [lock:roots] the next one */
};

struct region {
    struct grey_handle *word; /* [const] */
    struct atomicw *used;     /* [atomic] a bit a word, written under the lock */
    size_t words;             /* [const] */
    struct atomicw fresh;     /* [atomic] words from here on were never in use; written under the lock */
};

static struct {
    struct region region[REGIONS_MAX];
    struct atomic32 regions;      /* [atomic] how many there are; written under the lock */
    struct grey_handle *free_list; /* [lock:roots] */
} handles;

enum { WORD_BITS = sizeof(uintptr_t) * 8 };

static bool add_region_locked(void)
{
    uint32_t n = a32_load_relaxed(&handles.regions);
    size_t words = (size_t)FIRST_WORDS << n, bytes = words * sizeof(struct grey_handle);
    if (n == REGIONS_MAX)
        return false;
    char *memory = os_map(round_up(bytes + words / 8, os_page_size()));
    if (memory == NULL)
        return false;
    struct region *r = &handles.region[n];
    r->word = (struct grey_handle *)memory;
    r->used = (struct atomicw *)(memory + bytes);
    r->words = words;
    /* release: pairs with the acquire in region_of() and handle_each_stopped(). */
    a32_store_release(&handles.regions, n + 1);
    return true;
}

/* The region that a pointer to a handle lies in, any pointer, or NULL. */
static struct region *region_of(const grey_handle *h)
{
    for (uint32_t n = a32_load_acquire(&handles.regions); n > 0; n--) {
        struct region *r = &handles.region[n - 1];
        if ((uintptr_t)h - (uintptr_t)r->word < r->words * sizeof *h)
            return (uintptr_t)h % sizeof *h == 0 ? r : NULL;
    }
    return NULL;
}

static bool is_used(const struct region *r, const grey_handle *h)
{
    size_t i = (size_t)(h - r->word);
    /* relaxed: whoever was given the handle was given it after the store. */
    return (aw_load_relaxed(&r->used[i / WORD_BITS]) >> (i % WORD_BITS) & 1) != 0;
}

static void set_used_locked(struct region *r, const grey_handle *h, bool used)
{
    assert(lock_is_held(roots_lock()));
    size_t i = (size_t)(h - r->word);
    uintptr_t bit = (uintptr_t)1 << (i % WORD_BITS), word = aw_load_relaxed(&r->used[i / WORD_BITS]);
    aw_store_relaxed(&r->used[i / WORD_BITS], used ? word | bit : word & ~bit);
}

/* The last region's next word, or the first of a new region. */
static struct grey_handle *take_fresh_locked(void)
{
    uint32_t n = a32_load_relaxed(&handles.regions);
    struct region *r = n == 0 ? NULL : &handles.region[n - 1];
    if (r == NULL || aw_load_relaxed(&r->fresh) == r->words) {
        if (!add_region_locked())
            return NULL;
        r = &handles.region[n];
    }
    size_t i = aw_load_relaxed(&r->fresh);
    aw_store_relaxed(&r->fresh, i + 1); /* relaxed: read while threads are stopped */
    return &r->word[i];
}

static struct grey_handle *take_locked(void)
{
    assert(lock_is_held(roots_lock()));
    struct grey_handle *h = handles.free_list;
    if (h == NULL)
        return take_fresh_locked();
    handles.free_list = (struct grey_handle *)aw_load_relaxed(&h->value);
    return h;
}

grey_handle *handle_create(void *object)
{
    lock_take(roots_lock());
    struct grey_handle *h = take_locked();
    if (h != NULL)
        set_used_locked(region_of(h), h, true);
    lock_drop(roots_lock());
    if (h != NULL)
        grey_write(&h->value, object);
    return h;
}

bool handle_release(grey_handle *h)
{
    struct region *r = region_of(h);
    if (r == NULL)
        return false;
    lock_take(roots_lock());
    bool ok = is_used(r, h);
    if (ok) {
        /* H9: while marking, the value is shaded here, before it is overwritten. */
        set_used_locked(r, h, false);
        aw_store_relaxed(&h->value, (uintptr_t)handles.free_list);
        handles.free_list = h;
    }
    lock_drop(roots_lock());
    return ok;
}

void *handle_get(const grey_handle *h)
{
    return (void *)aw_load_acquire(&h->value); /* acquire: pairs with the release in grey_write() */
}

void handle_each_stopped(void (*f)(const uintptr_t *from, size_t count, void *context), void *context)
{
    uint32_t n = a32_load_acquire(&handles.regions);
    for (uint32_t i = 0; i < n; i++)
        f((const uintptr_t *)handles.region[i].word, aw_load_relaxed(&handles.region[i].fresh), context);
}

/* ---- the calls ---- */

/* Says what is wrong with a handle that is none. */
static bool is_live(const grey_handle *h, const char *call)
{
    const struct region *r = region_of(h);
    if (likely(r != NULL && is_used(r, h)))
        return true;
    bool was = r != NULL && (size_t)(h - r->word) < aw_load_relaxed(&r->fresh);
    report_misuse(call, h, was ? "the handle was released" : "not a handle");
    return false;
}

grey_handle *grey_handle_create(void *object)
{
    struct mutator *m = mutator_enter("grey_handle_create");
    if (m == NULL)
        return NULL;
    grey_handle *h = handle_create(object);
    mutator_leave(m);
    if (h == NULL)
        errno = ENOMEM;
    return h;
}

void *grey_handle_get(const grey_handle *h)
{
    struct mutator *m = mutator_enter("grey_handle_get");
    if (m == NULL)
        return NULL;
    void *object = is_live(h, "grey_handle_get") ? handle_get(h) : NULL;
    mutator_leave(m);
    return object;
}

void grey_handle_set(grey_handle *h, void *object)
{
    struct mutator *m = mutator_enter("grey_handle_set");
    if (m == NULL)
        return;
    if (is_live(h, "grey_handle_set"))
        grey_write(&h->value, object);
    mutator_leave(m);
}

void grey_handle_release(grey_handle *h)
{
    struct mutator *m = mutator_enter("grey_handle_release");
    if (m == NULL)
        return;
    if (!handle_release(h))
        is_live(h, "grey_handle_release");
    mutator_leave(m);
}
