/* memcheck: announced blocks, red zones, quarantine. See memcheck.h.
 *
 * M1  A block the program holds: its size bytes accessible, all else of the raw block is not.
 * M2  A block in the quarantine: nothing of it accessible; its header says so.
 * M3  A raw block in the heap's hands: all of it addressable, for the heap keeps words of its own in
 *     free blocks; undefined but for the first ones, so that the leak search follows no pointer that
 *     the program left behind.
 *
 * Speed does not matter here: memcheck costs a factor of twenty. The lock is for the quarantine.
 */
#include "alloc/memcheck.h"

#include "alloc/heap.h"
#include "alloc/lock.h"
#include "alloc/report.h"

#include <errno.h>
#include <string.h>
#include <valgrind/memcheck.h>

bool memcheck_on;

enum block_state { BLOCK_LIVE = 0x11fe, BLOCK_FREED = 0xdead };

/* At the start of each raw block, inaccessible except inside header_read() and header_write(). */
struct header {
    size_t size;     /* what the program asked for */
    size_t front;    /* distance from the raw block to the program's */
    uintptr_t next;  /* in the quarantine: the block freed after this one */
    uintptr_t state; /* enum block_state */
};

/* The least room before and behind the program's bytes. In front the header comes first, so that an
   underrun by less than the red zone leaves it whole. */
enum { FRONT_MIN = 64, BACK_MIN = 16, RED_ZONE = 16 };
static_assert(FRONT_MIN >= sizeof(struct header) + RED_ZONE && BACK_MIN >= RED_ZONE,
              "the zones are what memcheck is told");
static_assert(FRONT_MIN % MIN_ALIGN == 0, "the program's bytes are aligned");

#define QUARANTINE_BYTES MIB(16)

static struct {
    struct lock lock;
    uintptr_t first, last; /* [lock:quarantine] raw blocks, oldest first */
    size_t bytes;          /* [lock:quarantine] in them, zones included */
} quarantine = { .lock = LOCK_INIT(RANK_MEMCHECK) };

/* Of valgrind's tools only memcheck answers this one. */
bool memcheck_present(void)
{
    char byte = 0, bits;
    return RUNNING_ON_VALGRIND && VALGRIND_GET_VBITS(&byte, &bits, 1) == 1;
}

static size_t raw_bytes(const struct header *h)
{
    return h->front + h->size + BACK_MIN;
}

static struct header header_read(uintptr_t raw)
{
    (void)VALGRIND_MAKE_MEM_DEFINED(raw, sizeof(struct header));
    struct header h = *(const struct header *)raw;
    (void)VALGRIND_MAKE_MEM_NOACCESS(raw, sizeof(struct header));
    return h;
}

static void header_write(uintptr_t raw, struct header h)
{
    (void)VALGRIND_MAKE_MEM_DEFINED(raw, sizeof(struct header));
    *(struct header *)raw = h;
    (void)VALGRIND_MAKE_MEM_NOACCESS(raw, sizeof(struct header));
}

/* Bytes of the raw block that starts here, 0 if none does. The heap looks into the block to see
   whether it is free; that is no error of the program. */
static size_t raw_usable(uintptr_t raw)
{
    VALGRIND_DISABLE_ERROR_REPORTING;
    size_t usable = heap_raw_usable((const void *)raw);
    VALGRIND_ENABLE_ERROR_REPORTING;
    return usable;
}

/* Where the raw block of p starts, and its header; 0 when p is none of our blocks. The front zone is
   FRONT_MIN or the alignment, so there are few places to look, and the heap knows of each whether a
   live raw block starts there. */
static uintptr_t find(const void *p, struct header *h)
{
    for (size_t front = FRONT_MIN; front <= (uintptr_t)p / 2; front *= 2) {
        uintptr_t raw = (uintptr_t)p - front;
        size_t usable = raw_usable(raw);
        if (usable < front + BACK_MIN)
            continue;
        *h = header_read(raw);
        if (h->front == front && (h->state == BLOCK_LIVE || h->state == BLOCK_FREED))
            return raw;
    }
    return 0;
}

void *memcheck_alloc(size_t size, size_t alignment, bool zero, const char *call)
{
    size_t front = alignment > FRONT_MIN ? alignment : FRONT_MIN;
    void *raw = NULL;

    (void)call;
    if (size <= PTRDIFF_MAX && front <= PTRDIFF_MAX - size - BACK_MIN)
        raw = heap_raw_alloc(front + size + BACK_MIN, alignment, false);
    if (raw == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    char *user = (char *)raw + front;
    (void)VALGRIND_MAKE_MEM_NOACCESS(raw, raw_usable((uintptr_t)raw)); /* M1 */
    header_write((uintptr_t)raw, (struct header){ .size = size, .front = front, .state = BLOCK_LIVE });
    VALGRIND_MALLOCLIKE_BLOCK(user, size, RED_ZONE, zero);
    if (zero)
        memset(user, 0, size);
    return user;
}

/* M3, then the heap takes it. */
static void give_back(uintptr_t raw)
{
    (void)VALGRIND_MAKE_MEM_UNDEFINED(raw, raw_usable(raw));
    memset((void *)raw, 0, sizeof(struct header));
    heap_raw_free((void *)raw);
}

/* Takes the oldest block out while the quarantine is too large; 0 when it is not. */
static uintptr_t oldest_surplus(void)
{
    uintptr_t raw = 0;
    lock_take(&quarantine.lock);
    if (quarantine.bytes > QUARANTINE_BYTES) {
        raw = quarantine.first;
        struct header h = header_read(raw);
        quarantine.first = h.next;
        quarantine.bytes -= raw_bytes(&h);
        if (h.next == 0)
            quarantine.last = 0;
    }
    lock_drop(&quarantine.lock);
    return raw;
}

/* M2. False when the block was there already: of two threads that free it, one is told. */
static bool quarantine_add(uintptr_t raw)
{
    lock_take(&quarantine.lock);
    struct header h = header_read(raw);
    bool live = h.state == BLOCK_LIVE;
    if (live) {
        h.state = BLOCK_FREED;
        h.next = 0;
        header_write(raw, h);
        if (quarantine.last != 0) {
            struct header last = header_read(quarantine.last);
            last.next = raw;
            header_write(quarantine.last, last);
        } else {
            quarantine.first = raw;
        }
        quarantine.last = raw;
        quarantine.bytes += raw_bytes(&h);
    }
    lock_drop(&quarantine.lock);
    return live;
}

/* Why p is no live block. Memcheck first tells where it was allocated and freed. */
static const char *reason(const void *p, uintptr_t raw, const char *freed)
{
    VALGRIND_FREELIKE_BLOCK(p, RED_ZONE);
    if (raw != 0)
        return freed;
    return pagemap_find((uintptr_t)p) != NULL ? "not the start of a block" : "not a block of this heap";
}

static const char not_allocated[] = "not an allocated block";

static void release(void *p, uintptr_t raw, const char *call)
{
    if (!quarantine_add(raw)) {
        report_misuse(call, p, "double free");
        return;
    }
    VALGRIND_FREELIKE_BLOCK(p, RED_ZONE);
    while ((raw = oldest_surplus()) != 0)
        give_back(raw);
}

void memcheck_free(void *p, const char *call)
{
    struct header h;
    if (p == NULL)
        return;
    uintptr_t raw = find(p, &h);
    if (raw != 0 && h.state == BLOCK_LIVE)
        release(p, raw, call);
    else
        report_misuse(call, p, reason(p, raw, "double free"));
}

void memcheck_free_sized(void *p, size_t size, const char *call)
{
    struct header h;
    char sentence[64];

    if (p == NULL)
        return;
    uintptr_t raw = find(p, &h);
    if (raw == 0 || h.state != BLOCK_LIVE) {
        report_misuse_args(reason(p, raw, not_allocated), "%s(%p, %zu)", call, p, size);
    } else if (size > h.size) {
        report_format(sentence, sizeof sentence, "the block holds %zu bytes", h.size);
        report_misuse_args(sentence, "%s(%p, %zu)", call, p, size);
    } else {
        release(p, raw, call);
    }
}

/* Always moves, so that old pointers are found out. */
void *memcheck_realloc(void *p, size_t size, const char *call)
{
    struct header h;

    if (p == NULL)
        return memcheck_alloc(size, MIN_ALIGN, false, call);
    uintptr_t raw = find(p, &h);
    if (raw == 0 || h.state != BLOCK_LIVE) {
        report_misuse_args(reason(p, raw, not_allocated), "%s(%p, %zu)", call, p, size);
        return NULL;
    }
    if (size == 0) {
        release(p, raw, call);
        return NULL;
    }
    void *moved = memcheck_alloc(size, MIN_ALIGN, false, call);
    if (moved == NULL)
        return NULL;
    memcpy(moved, p, size < h.size ? size : h.size);
    release(p, raw, call);
    return moved;
}

/* Exactly the size asked for: a byte more would be an overrun. */
size_t memcheck_usable(const void *p, const char *call)
{
    struct header h;
    if (p == NULL)
        return 0;
    if (find(p, &h) != 0 && h.state == BLOCK_LIVE)
        return h.size;
    report_misuse(call, p, not_allocated);
    return 0;
}

void memcheck_fork_child(void)
{
    if (!memcheck_on)
        return;
    /* Another thread may have held the lock, its list cut in the middle. A new one for the child;
       what the old one holds stays inaccessible for ever. */
    quarantine.lock = (struct lock)LOCK_INIT(RANK_MEMCHECK);
    quarantine.first = quarantine.last = 0;
    quarantine.bytes = 0;
}

uintptr_t memcheck_defined(uintptr_t word)
{
    VALGRIND_MAKE_MEM_DEFINED(&word, sizeof word);
    return word;
}

void memcheck_open(uintptr_t base, size_t bytes)
{
    VALGRIND_MAKE_MEM_DEFINED((void *)base, bytes);
}
