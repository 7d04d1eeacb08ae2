/* A message of cells: a doubly linked list of CELLS nodes of 64 bytes. */
#ifndef BENCH_GC_MESSAGE_H
#define BENCH_GC_MESSAGE_H

#include "memory.h"

enum { CELLS = 16, DATA = 6 };

struct cell {
    struct cell *next, *previous;
    uint64_t data[DATA];
};

extern struct memory_shape cell_shape; /* described by the program that uses it */

static inline struct cell *cell_new(struct cell *previous, uint64_t id)
{
    struct cell *c = memory_new(sizeof *c, &cell_shape);
    memory_init(&c->previous, previous);
    memory_init(&c->next, NULL);
    for (unsigned i = 0; i < DATA; i++)
        c->data[i] = id + i;
    return c;
}

static inline struct cell *message_new(uint64_t id)
{
    struct cell *first = cell_new(NULL, id), *last = first;
    for (unsigned i = 1; i < CELLS; i++) {
        struct cell *c = cell_new(last, id + i);
        memory_write(&last->next, c);
        last = c;
    }
    return first;
}

#endif
