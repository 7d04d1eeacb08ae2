/* remote/SIZE: one thread allocates, the other frees, a ring between them. exchange/SIZE: both
 * threads allocate and each frees what the other sent. The rows of one thread run the same
 * program with nobody else: what passing blocks on costs by itself. */
#include "malloc_rows.h"

#include <sched.h>
#include <stdlib.h>

enum { RING_SLOTS = 4096, RING_BURST = 64 };

/* Single producer, single consumer. Each end publishes its position once per burst. */
struct ring {
    _Alignas(128) uint64_t written; /* released by the producer, acquired by the consumer */
    _Alignas(128) uint64_t read;    /* released by the consumer, acquired by the producer */
    _Alignas(128) void *slot[RING_SLOTS];
};

static struct ring rings[2];

static uint64_t peek(const uint64_t *position)
{
    return __atomic_load_n(position, __ATOMIC_ACQUIRE);
}

static void publish(uint64_t *position, uint64_t value)
{
    __atomic_store_n(position, value, __ATOMIC_RELEASE);
}

static void reset_rings(void)
{
    for (int i = 0; i < 2; i++)
        rings[i].written = rings[i].read = 0;
}

/* Allocates up to a burst into the ring, as far as there is room; `limit` blocks in all. */
static uint64_t send_burst(struct ring *ring, uint64_t limit, size_t size)
{
    uint64_t at = ring->written;
    uint64_t room = RING_SLOTS - (at - peek(&ring->read));
    uint64_t end = at + (room < RING_BURST ? room : RING_BURST);
    if (end > limit)
        end = limit;
    for (uint64_t i = at; i < end; i++) {
        uint64_t *p = malloc(size != 0 ? size : mixed_size[i % MIXED_COUNT]);
        *p = i;
        ring->slot[i % RING_SLOTS] = p;
    }
    if (end != at)
        publish(&ring->written, end);
    return end - at;
}

static uint64_t receive_burst(struct ring *ring)
{
    uint64_t at = ring->read;
    uint64_t end = peek(&ring->written);
    if (end - at > RING_BURST)
        end = at + RING_BURST;
    for (uint64_t i = at; i < end; i++)
        free(ring->slot[i % RING_SLOTS]);
    if (end != at)
        publish(&ring->read, end);
    return end - at;
}

static void relax(unsigned *idle)
{
    if (++*idle % 256 == 0)
        sched_yield();
}

/* Sends `sends` blocks into `out` and receives as many as `receives` from `in`. */
static void work(struct ring *out, uint64_t sends, struct ring *in, uint64_t receives, size_t size)
{
    unsigned idle = 0;
    while (sends != out->written || receives != in->read) {
        uint64_t moved = 0;
        if (sends != out->written)
            moved += send_burst(out, sends, size);
        if (receives != in->read)
            moved += receive_burst(in);
        if (moved == 0)
            relax(&idle);
    }
}

static void produce_only(struct ring *out, uint64_t sends, size_t size)
{
    for (unsigned idle = 0; sends != out->written;)
        if (send_burst(out, sends, size) == 0)
            relax(&idle);
}

static void consume_only(struct ring *in, uint64_t receives)
{
    for (unsigned idle = 0; receives != in->read;)
        if (receive_burst(in) == 0)
            relax(&idle);
}

static void remote(struct bench *b)
{
    size_t size = bench_arg(b, 0);
    bool first = bench_thread(b) == 0;
    if (first)
        reset_rings();
    uint64_t n = bench_begin(b);
    if (bench_threads(b) == 1)
        work(&rings[0], n, &rings[0], n, size);
    else if (first)
        produce_only(&rings[0], n, size);
    else
        consume_only(&rings[0], n);
    bench_end(b, first ? n : 0);
}

static void exchange(struct bench *b)
{
    size_t size = bench_arg(b, 0);
    unsigned me = bench_thread(b);
    if (me == 0)
        reset_rings();
    uint64_t n = bench_begin(b);
    work(&rings[me], n, &rings[bench_threads(b) - 1 - me], n, size);
    bench_end(b, n);
}

#define REMOTE(group, function, label, size)                                                                 \
    {                                                                                                        \
        .name = group "/" label, .body = function, .arg = { size }, .scaling = true                          \
    }
static const struct bench_row rows[] = {
    REMOTE("remote", remote, "64", 64),     REMOTE("remote", remote, "512", 512),
    REMOTE("remote", remote, "4K", 4096),   REMOTE("remote", remote, "mixed", 0),
    REMOTE("exchange", exchange, "64", 64), REMOTE("exchange", exchange, "mixed", 0),
};
const struct bench_rows remote_rows = { rows, sizeof rows / sizeof rows[0] };
