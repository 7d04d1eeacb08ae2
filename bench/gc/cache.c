/* A cache of messages that times every request.
 *
 * A message is 1 KiB: a doubly linked list of 16 cells of 64 bytes, or one buffer without pointers. A
 * request reads the message at a random place, all of it, and puts a new one there: messages die in
 * another order than they came, as they do in a cache, so the heap ages. In a closed loop each request
 * follows the one before; in an open one they come by the clock, so many a second, and the latency of a
 * request counts from when it was due: those that pile up behind a stop are seen. Each thread has its
 * part of the cache. */
#include "message.h"
#include "program.h"

enum { MESSAGE = 1024 };
_Static_assert(sizeof(struct cell) * CELLS == MESSAGE, "a message of cells is as large as a buffer");

struct memory_shape cell_shape = MEMORY_SHAPE(struct cell, 3);

struct cache {
    pthread_t thread;
    void **message; /* places of them */
    uint64_t places, requests;
    uint64_t rate; /* requests a second; 0: a closed loop */
    uint64_t seed;
    uint64_t check; /* the sum of all that was read */
    bool cells;
    struct histogram latency;
};

static uint64_t *buffer_new(uint64_t id)
{
    uint64_t *word = memory_bytes(MESSAGE);
    for (unsigned i = 0; i < MESSAGE / sizeof *word; i++)
        word[i] = id + i;
    return word;
}

static uint64_t read_cells(const struct cell *first)
{
    uint64_t sum = 0;
    for (const struct cell *c = first; c != NULL; c = c->next) {
        if (c->next != NULL && c->next->previous != c)
            return 0;
        for (unsigned i = 0; i < DATA; i++)
            sum += c->data[i];
    }
    return sum;
}

static uint64_t read_bytes(const uint64_t *word)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < MESSAGE / sizeof *word; i++)
        sum += word[i];
    return sum;
}

static void free_cells(struct cell *c)
{
    while (c != NULL) {
        struct cell *next = c->next;
        memory_free(c);
        c = next;
    }
}

static void fill(struct cache *c)
{
    for (uint64_t i = 0; i < c->places; i++)
        memory_write(&c->message[i], c->cells ? (void *)message_new(i) : buffer_new(i));
}

static void serve(struct cache *c, uint64_t id)
{
    /* The high half of the number, scaled: no division while the clock runs. */
    void **place = &c->message[((random_next(&c->seed) >> 32) * c->places) >> 32];
    if (c->cells) {
        c->check += read_cells(*place);
        if (MEMORY_FREES)
            free_cells(*place);
        memory_write(place, message_new(id));
    } else {
        c->check += read_bytes(*place);
        memory_free(*place);
        memory_write(place, buffer_new(id));
    }
}

static void closed_loop(struct cache *c)
{
    uint64_t before = now_ns();
    for (uint64_t i = 0; i < c->requests; i++) {
        serve(c, c->places + i);
        uint64_t after = now_ns();
        histogram_record(&c->latency, after - before);
        before = after;
    }
}

static void open_loop(struct cache *c)
{
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < c->requests; i++) {
        uint64_t due = start + (uint64_t)((double)i * 1e9 / (double)c->rate);
        while (now_ns() < due)
            continue;
        serve(c, c->places + i);
        histogram_record(&c->latency, now_ns() - due);
    }
}

static void *work(void *argument)
{
    struct cache *c = argument;
    c->message = memory_pointers(c->places);
    fill(c);
    if (c->rate == 0)
        closed_loop(c);
    else
        open_loop(c);
    return NULL;
}

static void run(const uint64_t *argument, struct outcome *out)
{
    static struct cache cache[THREADS_MOST];
    uint64_t places = (argument[1] << 20) / MESSAGE;
    uint64_t threads = argument[2] < THREADS_MOST ? argument[2] : THREADS_MOST;
    memory_describe(&cell_shape);
    for (uint64_t t = 0; t < threads; t++) {
        cache[t].cells = argument[0] != 0;
        cache[t].places = places / threads;
        cache[t].requests = argument[3] / threads;
        cache[t].rate = argument[4] / threads;
        cache[t].seed = random_seed(t);
    }
    for (uint64_t t = 1; t < threads; t++)
        memory_thread(&cache[t].thread, work, &cache[t]);
    work(&cache[0]);
    for (uint64_t t = 1; t < threads; t++)
        memory_join(cache[t].thread);
    for (uint64_t t = 0; t < threads; t++) {
        histogram_merge(&out->requests, &cache[t].latency);
        out->check += cache[t].check;
    }
}

const struct program cache_program = { "cache", "CELLS(0|1) MIB THREADS REQUESTS RATE(0:closed)", 5, run };
