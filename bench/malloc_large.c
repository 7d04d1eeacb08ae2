/* large/window: large blocks that come and go. Twenty blocks of 64 KiB to 8 MiB; the oldest is
 * freed and a new one allocated and touched, page by page. What it costs is decided by page
 * faults: whether freed runs are kept for a while. */
#include "malloc_rows.h"

#include <stdlib.h>

enum { WINDOW = 20, SIZES = 1024, WARM = 100 };

static void replace(char **block, const size_t *size, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++) {
        free(block[i % WINDOW]);
        block[i % WINDOW] = must(malloc(size[i % SIZES]));
        touch_pages(block[i % WINDOW], size[i % SIZES]);
    }
}

static void window(struct bench *b)
{
    char *block[WINDOW] = { NULL };
    size_t *size = bench_map(SIZES * sizeof *size);
    uint64_t state = 4;
    for (unsigned i = 0; i < SIZES; i++)
        size[i] = random_log_size(&state, 64 << 10, 8 << 20);

    replace(block, size, 0, WARM);
    uint64_t n = bench_begin(b);
    replace(block, size, WARM, WARM + n);
    bench_end(b, n);

    for (unsigned i = 0; i < WINDOW; i++)
        free(block[i]);
    bench_unmap(size, SIZES * sizeof *size);
}

static const struct bench_row rows[] = {
    { .name = "large/window", .body = window, .iterations = 2000, .memory = true },
};
const struct bench_rows large_rows = { rows, sizeof rows / sizeof rows[0] };
