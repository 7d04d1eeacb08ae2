/* Buffers without pointers, 64 B to 256 KiB, as many of each power of two: each takes the place of a
 * random older one. A byte of every page is written, as the first lines of a buffer are by its user. */
#include "program.h"

enum { LEAST_SHIFT = 6, MOST_SHIFT = 18, PAGE = 4096 };

struct churn {
    pthread_t thread;
    unsigned char **buffer;
    uint32_t *bytes;
    uint64_t places, operations, seed;
    uint64_t check;
};

/* A random power of two and a random fraction of the way to the next. */
static uint32_t random_size(uint64_t *state)
{
    uint64_t r = random_next(state);
    uint32_t power = 1u << (LEAST_SHIFT + (r >> 32) % (MOST_SHIFT - LEAST_SHIFT));
    return power + (uint32_t)(((r & 0xffff) * power) >> 16);
}

static void replace(struct churn *c, uint64_t place)
{
    uint32_t size = random_size(&c->seed);
    unsigned char *buffer = memory_bytes(size);
    for (uint32_t at = 0; at < size; at += PAGE)
        buffer[at] = (unsigned char)size;
    buffer[size - 1] = (unsigned char)(size >> 8);
    memory_free(c->buffer[place]);
    memory_write(&c->buffer[place], buffer);
    c->bytes[place] = size;
}

static void *work(void *argument)
{
    struct churn *c = argument;
    c->buffer = memory_pointers(c->places);
    c->bytes = memory_bytes(c->places * sizeof *c->bytes);
    for (uint64_t i = 0; i < c->places; i++)
        replace(c, i);
    for (uint64_t i = 0; i < c->operations; i++)
        replace(c, (random_next(&c->seed) >> 16) % c->places);
    for (uint64_t i = 0; i < c->places; i++) {
        uint32_t size = c->bytes[i];
        c->check += (uint64_t)size * c->buffer[i][0] + c->buffer[i][size - 1];
    }
    return NULL;
}

static void run(const uint64_t *argument, struct outcome *out)
{
    static struct churn churn[THREADS_MOST];
    uint64_t threads = argument[2] < THREADS_MOST ? argument[2] : THREADS_MOST;
    for (uint64_t t = 0; t < threads; t++) {
        churn[t].places = argument[0] / threads;
        churn[t].operations = argument[1] / threads;
        churn[t].seed = random_seed(t);
    }
    for (uint64_t t = 1; t < threads; t++)
        memory_thread(&churn[t].thread, work, &churn[t]);
    work(&churn[0]);
    for (uint64_t t = 1; t < threads; t++)
        memory_join(churn[t].thread);
    for (uint64_t t = 0; t < threads; t++)
        out->check += churn[t].check;
}

const struct program churn_program = { "churn", "BUFFERS OPERATIONS THREADS", 3, run };
