/* meta: see meta.h. */
#include "alloc/meta.h"

#include <string.h>

#include "alloc/os.h"

/* One chunk serves a small program for its life; pieces of more than a quarter get their own map. */
#define CHUNK_BYTES KIB(128)
#define META_ALIGN  64

static struct {
    struct lock lock;
    char *next;        /* [lock:meta] unused part of the chunk */
    char *end;         /* [lock:meta] */
    struct atomicw mapped; /* [atomic] bytes, for statistics */
} meta = { .lock = LOCK_INIT(RANK_META) };

struct lock *meta_lock(void)
{
    return &meta.lock;
}

static void *map_counted(size_t bytes)
{
    bytes = round_up(bytes, os_page_size());
    void *p = os_map(bytes);
    if (p != NULL)
        aw_add_relaxed(&meta.mapped, bytes); /* relaxed: a statistic */
    return p;
}

static void *cut_locked(size_t bytes)
{
    assert(lock_is_held(&meta.lock));
    if ((size_t)(meta.end - meta.next) < bytes) {
        char *chunk = map_counted(CHUNK_BYTES);
        if (chunk == NULL)
            return NULL;
        meta.next = chunk;
        meta.end = chunk + CHUNK_BYTES;
    }
    void *p = meta.next;
    meta.next += bytes;
    return p;
}

void *meta_alloc(size_t bytes)
{
    bytes = round_up(bytes, META_ALIGN);
    if (bytes > CHUNK_BYTES / 4)
        return map_counted(bytes);
    lock_take(&meta.lock);
    void *p = cut_locked(bytes);
    lock_drop(&meta.lock);
    return p;
}

size_t meta_bytes(void)
{
    return aw_load_relaxed(&meta.mapped);
}

void *fixalloc_take_dirty(struct fixalloc *f)
{
    lock_take(&meta.lock);
    void *p = f->free_list;
    if (p != NULL)
        memcpy(&f->free_list, p, sizeof(void *));
    lock_drop(&meta.lock);
    return p != NULL ? p : meta_alloc(f->size);
}

void *fixalloc_take(struct fixalloc *f)
{
    void *p = fixalloc_take_dirty(f);
    return p == NULL ? NULL : memset(p, 0, f->size);
}

void fixalloc_give(struct fixalloc *f, void *record)
{
    lock_take(&meta.lock);
    memcpy(record, &f->free_list, sizeof(void *));
    f->free_list = record;
    lock_drop(&meta.lock);
}
