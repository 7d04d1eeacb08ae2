/* queue: see queue.h. */
#include "gc/queue.h"

/* One mapping's worth. */
#define CHUNK_PACKETS 8
#define KEEP_PACKETS  16
/* Of an empty packet: there is no memory behind all but its first page. */
#define TRIMMED SIZE_MAX

/* The lock is a marker's only: no thread that can be stopped ever holds it. */
static struct {
    struct lock lock;
    struct packet *full, *empty; /* [lock:mark] */
    size_t empty_count;          /* [lock:mark] */
    size_t made, limit;          /* [lock:mark] */
    bool refused;                /* [lock:mark] the system had no memory in this cycle */
    struct atomic32 full_count;  /* [atomic] changes under the lock */
} pool = { .lock = LOCK_INIT(RANK_MARK) };

static void put_empty_locked(struct packet *p)
{
    p->count = 0;
    p->next = pool.empty;
    pool.empty = p;
    pool.empty_count++;
}

static bool grow_locked(void)
{
    if (pool.refused)
        return false;
    struct packet *chunk = os_map(CHUNK_PACKETS * sizeof *chunk);
    if (chunk == NULL) {
        pool.refused = true; /* asking for each word that does not fit would take longer than the cycle */
        return false;
    }
    pool.made += CHUNK_PACKETS;
    for (size_t i = 0; i < CHUNK_PACKETS; i++)
        put_empty_locked(&chunk[i]);
    return true;
}

static struct packet *take_empty_locked(void)
{
    if (pool.limit != 0 && pool.made - pool.empty_count >= pool.limit)
        return NULL;
    if (pool.empty == NULL && !grow_locked())
        return NULL;
    struct packet *p = pool.empty;
    pool.empty = p->next;
    pool.empty_count--;
    p->count = 0;
    return p;
}

static struct packet *take_full_locked(void)
{
    struct packet *p = pool.full;
    if (p == NULL)
        return NULL;
    pool.full = p->next;
    a32_store_relaxed(&pool.full_count, a32_load_relaxed(&pool.full_count) - 1);
    return p;
}

static void put_full_locked(struct packet *p, size_t count)
{
    p->count = count;
    p->next = pool.full;
    pool.full = p;
    /* relaxed: a hint for queue_pool_has_work(); who acts on it takes the lock. */
    a32_store_relaxed(&pool.full_count, a32_load_relaxed(&pool.full_count) + 1);
}

void queue_reserve(size_t packets)
{
    lock_take(&pool.lock);
    pool.refused = false;
    while (pool.empty_count < packets && grow_locked())
        ;
    lock_drop(&pool.lock);
}

static void use(struct queue *q, struct packet *p, size_t count)
{
    q->top = p;
    q->bottom = p->word;
    q->sp = p->word + count;
    q->end = p->word + PACKET_WORDS;
}

bool queue_open(struct queue *q)
{
    lock_take(&pool.lock);
    pool.refused = false;
    struct packet *top = take_empty_locked(), *spare = top == NULL ? NULL : take_empty_locked();
    if (top != NULL && spare == NULL)
        put_empty_locked(top);
    lock_drop(&pool.lock);
    if (spare == NULL)
        return false;
    use(q, top, 0);
    q->spare = spare;
    q->spare_count = 0;
    return true;
}

static void swap(struct queue *q)
{
    struct packet *top = q->top;
    size_t count = (size_t)(q->sp - q->bottom);
    use(q, q->spare, q->spare_count);
    q->spare = top;
    q->spare_count = count;
}

/* The top is nearly full: the spare one, emptied if need be, takes its place. */
bool queue_make_room(struct queue *q)
{
    if (q->spare_count != 0) {
        lock_take(&pool.lock);
        struct packet *empty = take_empty_locked();
        if (empty != NULL) {
            put_full_locked(q->spare, q->spare_count);
            q->spare = empty;
            q->spare_count = 0;
        }
        lock_drop(&pool.lock);
        if (empty == NULL)
            return false;
    }
    swap(q);
    return true;
}

/* The top is empty. */
uintptr_t queue_pop_slow(struct queue *q)
{
    if (q->spare_count == 0) {
        if (!queue_pool_has_work())
            return 0;
        lock_take(&pool.lock);
        struct packet *full = take_full_locked();
        if (full != NULL) {
            put_empty_locked(q->spare);
            q->spare = full;
            q->spare_count = full->count;
        }
        lock_drop(&pool.lock);
        if (full == NULL)
            return 0;
    }
    swap(q);
    return *--q->sp;
}

/* The older half: nearer to the roots, so more hangs on it. */
static void share_half_locked(struct queue *q, struct packet *p)
{
    size_t count = (size_t)(q->sp - q->bottom), half = count / 2;
    __builtin_memcpy(p->word, q->bottom, half * sizeof *p->word);
    __builtin_memmove(q->bottom, q->bottom + half, (count - half) * sizeof *p->word);
    q->sp -= half;
    put_full_locked(p, half);
}

void queue_share(struct queue *q)
{
    if (queue_pool_has_work())
        return;
    lock_take(&pool.lock);
    struct packet *p = take_empty_locked();
    if (p != NULL && q->spare_count != 0) {
        put_full_locked(q->spare, q->spare_count);
        q->spare = p;
        q->spare_count = 0;
    } else if (p != NULL && q->sp - q->bottom > 1) {
        share_half_locked(q, p);
    } else if (p != NULL) {
        put_empty_locked(p);
    }
    lock_drop(&pool.lock);
}

bool queue_pool_has_work(void)
{
    return a32_load_relaxed(&pool.full_count) != 0;
}

/* A packet's first page stays: it holds the link. The newest are kept whole. */
void queue_trim(void)
{
    size_t page = os_page_size(), n = 0;
    lock_take(&pool.lock);
    for (struct packet *p = pool.empty; p != NULL && page < PACKET_BYTES; p = p->next) {
        if (++n <= KEEP_PACKETS || p->count == TRIMMED)
            continue;
        if (os_discard((char *)p + page, PACKET_BYTES - page))
            p->count = TRIMMED;
    }
    lock_drop(&pool.lock);
}

void queue_fork_child(void)
{
    pool.lock = (struct lock)LOCK_INIT(RANK_MARK);
}

void queue_limit(size_t packets)
{
    lock_take(&pool.lock);
    pool.limit = packets;
    lock_drop(&pool.lock);
}
