/* One thing at a time.
 *
 * alloc: objects of 32 bytes, in chains of 1 MiB; so many chains are alive, and a new one takes the
 * place of the oldest. What an object costs includes all that its death costs, at once (by hand) or
 * later (sweeping, and marking whatever lives).
 *
 * mark: a heap of messages as in cache.c, then nothing but collections. Aged, each message has been replaced
 * once on average, in random order: its cells lie where there was room. */
#include "message.h"
#include "program.h"

struct link {
    struct link *next;
    uint64_t data[3];
};

static struct memory_shape link_shape = MEMORY_SHAPE(struct link, 1);

enum { CHAIN = (1 << 20) / sizeof(struct link) };

static struct link *chain_new(uint64_t id)
{
    struct link *first = NULL;
    for (uint64_t i = 0; i < CHAIN; i++) {
        struct link *l = memory_new(sizeof *l, &link_shape);
        memory_init(&l->next, first);
        l->data[0] = id;
        memory_keep(l);
        first = l;
    }
    return first;
}

static void chain_free(struct link *l)
{
    while (MEMORY_FREES && l != NULL) {
        struct link *next = l->next;
        memory_free(l);
        l = next;
    }
}

static uint64_t chain_sum(const struct link *l)
{
    uint64_t sum = 0;
    for (; l != NULL; l = l->next)
        sum += l->data[0];
    return sum;
}

/* The old chain goes first where only one may live. */
static void chain_replace(struct link **place, uint64_t id)
{
    struct link *old = *place;
    memory_write(place, NULL);
    chain_free(old);
    memory_write(place, chain_new(id));
}

static void alloc(const uint64_t *argument, struct outcome *out)
{
    uint64_t chains = argument[0], replaced = argument[1];
    memory_describe(&link_shape);
    struct link **chain = memory_pointers(chains);
    for (uint64_t i = 0; i < chains; i++)
        chain_replace(&chain[i], i);

    uint64_t start = now_ns(), stopped = memory_figures().stop_total_ns;
    for (uint64_t i = 0; i < replaced; i++)
        chain_replace(&chain[i % chains], chains + i);
    out->ns = now_ns() - start;
    out->stopped_ns = memory_figures().stop_total_ns - stopped;
    out->operations = replaced * CHAIN;
    for (uint64_t i = 0; i < chains; i++)
        out->check += chain_sum(chain[i]);
}

const struct program alloc_program = { "alloc", "CHAINS-ALIVE CHAINS-REPLACED", 2, alloc };

enum { MARKINGS_MOST = 64 };

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void age(struct cell **message, uint64_t count)
{
    uint64_t state = random_seed(0);
    for (uint64_t i = 0; i < count; i++)
        memory_write(&message[((random_next(&state) >> 32) * count) >> 32], message_new(count + i));
}

static void mark(const uint64_t *argument, struct outcome *out)
{
    uint64_t count = (argument[0] << 20) / (CELLS * sizeof(struct cell)), took[MARKINGS_MOST];
    uint64_t times = argument[2] < MARKINGS_MOST ? argument[2] : MARKINGS_MOST;
    memory_describe(&cell_shape);
    struct cell **message = memory_pointers(count);
    for (uint64_t i = 0; i < count; i++)
        memory_write(&message[i], message_new(i));
    if (argument[1] != 0)
        age(message, count);
    for (uint64_t i = 0; i < times; i++)
        took[i] = memory_mark_ns();
    qsort(took, times, sizeof took[0], compare);
    out->mark_ns = times > 0 ? took[times / 2] : 0;
    for (uint64_t i = 0; i < count; i++)
        out->check += message[i]->next->data[DATA - 1];
}

const struct program mark_program = { "mark", "MIB AGED(0|1) TIMES", 3, mark };
