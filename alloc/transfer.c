/* transfer: see transfer.h. */
#include "alloc/transfer.h"

#include <string.h>

#include "alloc/mcentral.h"
#include "alloc/meta.h"

/* A batch is worth about this many bytes of blocks. */
#define BATCH_BYTES KIB(128)
#define SLOTS       64

struct transfer {
    struct lock lock;
    struct atomic32 count;    /* [lock:transfer] batches; a look without the lock is a hint */
    uintptr_t *batch[SLOTS];  /* [lock:transfer] the newest last; those from count on are spare */
} __attribute__((aligned(64)));

static struct transfer transfers[MCENTRAL_SHARDS][CLASS_SMALL_LAST + 1];
static struct {
    struct atomicw bytes; /* [atomic] X2 */
} __attribute__((aligned(64))) held[MCENTRAL_SHARDS];

void transfer_init(void)
{
    for (unsigned i = 0; i < MCENTRAL_SHARDS; i++)
        for (unsigned code = 0; code <= CLASS_SMALL_LAST; code++)
            transfers[i][code].lock = (struct lock)LOCK_INIT(RANK_TRANSFER);
}

size_t transfer_size(unsigned code)
{
    size_t n = BATCH_BYTES / size_classes[code].size;
    return n < TRANSFER_BATCH ? n : TRANSFER_BATCH;
}

static size_t batch_bytes(unsigned code)
{
    return transfer_size(code) * size_classes[code].size;
}

/* The buffer of the next batch, which stays where it is for the next time. NULL: no room. */
static uintptr_t *next_buffer_locked(struct transfer *t)
{
    uint32_t n = a32_load_relaxed(&t->count); /* relaxed, also below: the lock orders it */
    if (n == SLOTS)
        return NULL;
    if (t->batch[n] == NULL)
        t->batch[n] = meta_alloc(TRANSFER_BATCH * sizeof(uintptr_t));
    return t->batch[n];
}

bool transfer_put(unsigned code, unsigned shard, const uintptr_t *blocks)
{
    struct transfer *t = &transfers[shard][code];
    size_t bytes = batch_bytes(code);
    /* relaxed, all: a bound. Added first, so that a fork in between leaves no count too small. */
    if (aw_add_relaxed(&held[shard].bytes, bytes) + bytes > TRANSFER_BYTES) {
        aw_add_relaxed(&held[shard].bytes, -bytes);
        return false;
    }
    lock_take(&t->lock);
    uintptr_t *buffer = next_buffer_locked(t);
    if (buffer != NULL) {
        memcpy(buffer, blocks, transfer_size(code) * sizeof *buffer);
        a32_store_relaxed(&t->count, a32_load_relaxed(&t->count) + 1);
    }
    lock_drop(&t->lock);
    if (buffer == NULL)
        aw_add_relaxed(&held[shard].bytes, -bytes);
    return buffer != NULL;
}

static bool get_from(unsigned shard, unsigned code, uintptr_t *out)
{
    struct transfer *t = &transfers[shard][code];
    if (a32_load_relaxed(&t->count) == 0) /* relaxed: a hint; one missed is found the next time */
        return false;
    lock_take(&t->lock);
    uint32_t n = a32_load_relaxed(&t->count);
    if (n > 0) {
        memcpy(out, t->batch[n - 1], transfer_size(code) * sizeof *out);
        a32_store_relaxed(&t->count, n - 1);
    }
    lock_drop(&t->lock);
    if (n > 0)
        aw_add_relaxed(&held[shard].bytes, -batch_bytes(code));
    return n > 0;
}

bool transfer_get(unsigned code, unsigned shard, uintptr_t *out)
{
    /* Then the others: what a consumer thread frees comes back to its producer this way. */
    for (unsigned i = 0; i < MCENTRAL_SHARDS; i++)
        if (get_from((shard + i) % MCENTRAL_SHARDS, code, out))
            return true;
    return false;
}

bool transfer_drain(unsigned code, uintptr_t *out)
{
    return transfer_get(code, 0, out);
}

size_t transfer_bytes(void)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < MCENTRAL_SHARDS; i++)
        bytes += aw_load_relaxed(&held[i].bytes);
    return bytes;
}

void transfer_each_lock(void (*f)(struct lock *l))
{
    for (unsigned i = 0; i < MCENTRAL_SHARDS; i++)
        for (unsigned code = CLASS_SMALL_FIRST; code <= CLASS_SMALL_LAST; code++)
            f(&transfers[i][code].lock);
}
