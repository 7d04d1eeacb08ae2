/* aligned/ALIGNMENT: posix_memalign, a hundred blocks of 16 B to 2 KiB (4096: of 4 to 16 KiB) at a
 * time, freed in order. */
#include "malloc_rows.h"

#include <stdlib.h>

enum { BATCH = 100, SIZES = 1024 };

/* arg: alignment, sizes from, to */
static void aligned(struct bench *b)
{
    size_t alignment = bench_arg(b, 0);
    uint64_t *block[BATCH];
    uint32_t *size = bench_map(SIZES * sizeof *size);
    uint64_t state = 5;
    for (unsigned i = 0; i < SIZES; i++)
        size[i] = (uint32_t)random_between(&state, bench_arg(b, 1), bench_arg(b, 2));

    uint64_t n = bench_begin(b);
    for (uint64_t i = 0; i < n; i++) {
        for (unsigned k = 0; k < BATCH; k++) {
            void *p;
            if (posix_memalign(&p, alignment, size[(i * BATCH + k) % SIZES]) != 0)
                must(NULL);
            block[k] = p;
            *block[k] = i;
        }
        for (unsigned k = 0; k < BATCH; k++)
            free(block[k]);
    }
    bench_end(b, n * BATCH);
    bench_unmap(size, SIZES * sizeof *size);
}

static const struct bench_row rows[] = {
    { .name = "aligned/64", .body = aligned, .arg = { 64, 16, 2 << 10 } },
    { .name = "aligned/256", .body = aligned, .arg = { 256, 16, 2 << 10 } },
    { .name = "aligned/4096", .body = aligned, .arg = { 4096, 4 << 10, 16 << 10 } },
};
const struct bench_rows aligned_rows = { rows, sizeof rows / sizeof rows[0] };
