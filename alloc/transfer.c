/* transfer: see transfer.h. */
#include "alloc/transfer.h"

#include <string.h>

#include "alloc/mcentral.h"
#include "alloc/meta.h"

/* A batch is worth about this many bytes of blocks. */
#define BATCH_BYTES KIB(64)
#define SLOTS       64

struct transfer {
    struct lock lock;
    struct atomic32 count;    /* [lock:transfer] batches; a look without the lock is a hint */
    uintptr_t *batch[SLOTS];  /* [lock:transfer] the newest last */
} __attribute__((aligned(64)));

static struct transfer transfers[MCENTRAL_SHARDS][CLASS_SMALL_LAST + 1];
static unsigned shard_count;                /* [const] */
static struct atomicw held_bytes;           /* [atomic] X2 */
static struct fixalloc batch_records = { .size = TRANSFER_BATCH * sizeof(uintptr_t) };

void transfer_init(unsigned shards)
{
    shard_count = shards;
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

bool transfer_put(unsigned code, unsigned shard, const uintptr_t *blocks)
{
    struct transfer *t = &transfers[shard][code];
    /* relaxed: two threads may both see room for the last batch. */
    if (aw_load_relaxed(&held_bytes) + batch_bytes(code) > TRANSFER_BYTES)
        return false;
    uintptr_t *batch = fixalloc_take_dirty(&batch_records);
    if (batch == NULL)
        return false;
    memcpy(batch, blocks, transfer_size(code) * sizeof *batch);
    lock_take(&t->lock);
    uint32_t n = a32_load_relaxed(&t->count); /* relaxed, also below: the lock orders it */
    if (n < SLOTS) {
        t->batch[n] = batch;
        a32_store_relaxed(&t->count, n + 1);
    }
    lock_drop(&t->lock);
    if (n == SLOTS) {
        fixalloc_give(&batch_records, batch);
        return false;
    }
    aw_add_relaxed(&held_bytes, batch_bytes(code));
    return true;
}

static bool get_from(struct transfer *t, unsigned code, uintptr_t *out)
{
    if (a32_load_relaxed(&t->count) == 0) /* relaxed: a hint; one missed is found the next time */
        return false;
    uintptr_t *batch = NULL;
    lock_take(&t->lock);
    uint32_t n = a32_load_relaxed(&t->count);
    if (n > 0) {
        batch = t->batch[n - 1];
        a32_store_relaxed(&t->count, n - 1);
    }
    lock_drop(&t->lock);
    if (batch == NULL)
        return false;
    aw_add_relaxed(&held_bytes, -batch_bytes(code));
    memcpy(out, batch, transfer_size(code) * sizeof *out);
    fixalloc_give(&batch_records, batch);
    return true;
}

bool transfer_get(unsigned code, unsigned shard, uintptr_t *out)
{
    /* Then the others: what a consumer thread frees comes back to its producer this way. */
    for (unsigned i = 0; i < shard_count; i++)
        if (get_from(&transfers[(shard + i) % shard_count][code], code, out))
            return true;
    return false;
}

bool transfer_drain(unsigned code, uintptr_t *out)
{
    return transfer_get(code, 0, out);
}

size_t transfer_bytes(void)
{
    return aw_load_relaxed(&held_bytes);
}

void transfer_each_lock(void (*f)(struct lock *l))
{
    for (unsigned i = 0; i < shard_count; i++)
        for (unsigned code = CLASS_SMALL_FIRST; code <= CLASS_SMALL_LAST; code++)
            f(&transfers[i][code].lock);
}
