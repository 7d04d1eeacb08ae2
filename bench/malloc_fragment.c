/* fragment/mixed: half a million objects of 16 B to 2 KiB; nine in ten, chosen at random, are
 * freed; then as many bytes are asked for in blocks of 2 to 4 KiB. Little of what was freed is
 * contiguous: the peak shows how much of it can be used again. An operation is one allocation. */
#include "malloc_rows.h"

#include <stdlib.h>
#include <string.h>

enum { OBJECTS = 500000, LARGER = 200000, KEPT_OF_TEN = 1 };

struct lot {
    char *block[OBJECTS];
    uint32_t size[OBJECTS];
    char *larger[LARGER];
    unsigned larger_count;
};

static void *touched(size_t size)
{
    return memset(must(malloc(size)), 1, size);
}

static void fragment(struct lot *lot, uint64_t *state)
{
    size_t freed = 0;
    for (unsigned i = 0; i < OBJECTS; i++) {
        lot->size[i] = (uint32_t)random_between(state, 16, 2048);
        lot->block[i] = touched(lot->size[i]);
    }
    for (unsigned i = 0; i < OBJECTS; i++) {
        if (random_between(state, 0, 10) < KEPT_OF_TEN)
            continue;
        freed += lot->size[i];
        free(lot->block[i]);
        lot->block[i] = NULL;
    }
    while (lot->larger_count < LARGER) {
        size_t size = random_between(state, 2048, 4097);
        if (size > freed)
            return;
        freed -= size;
        lot->larger[lot->larger_count++] = touched(size);
    }
}

static void fragment_row(struct bench *b)
{
    struct lot *lot = bench_map(sizeof *lot);
    uint64_t state = 6, operations = 0;
    uint64_t n = bench_begin(b);
    for (uint64_t i = 0; i < n; i++) {
        lot->larger_count = 0;
        fragment(lot, &state);
        operations += OBJECTS + lot->larger_count;
        for (unsigned k = 0; k < OBJECTS; k++)
            free(lot->block[k]);
        for (unsigned k = 0; k < lot->larger_count; k++)
            free(lot->larger[k]);
    }
    bench_end(b, operations);
    bench_unmap(lot, sizeof *lot);
}

static const struct bench_row rows[] = {
    { .name = "fragment/mixed", .body = fragment_row, .iterations = 1, .memory = true },
};
const struct bench_rows fragment_rows = { rows, sizeof rows / sizeof rows[0] };
