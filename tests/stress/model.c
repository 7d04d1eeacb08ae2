/* One thread against a model: a table of all live blocks, sorted by address, in which no two
   overlap. Each sequence of steps follows from its seed alone; one after the other is run
   until the time is over, and `--seed N --seconds 0` runs one again. */
#include "stress.h"

enum { LIVE = 6000, STEPS = 60000, PHASE = 4000 };

struct live {
    char *p;
    size_t size, usable;
    uint64_t seed;
};

static struct live table[LIVE];
static size_t count, live_bytes;
static uint64_t step, seed_now;

static void failed(const char *what, const struct live *b)
{
    arguments.seed = seed_now;
    stress_failed(step, "%s: block %p, size %zu, usable %zu", what, (void *)b->p, b->size, b->usable);
}

/* The place of the first block whose address is not below p. */
static size_t place_of(const char *p)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (table[middle].p < p)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void insert(struct live b)
{
    size_t i = place_of(b.p);
    if (i < count && b.p + b.usable > table[i].p)
        failed("it reaches into the next live block", &b);
    if (i > 0 && table[i - 1].p + table[i - 1].usable > b.p)
        failed("it lies in the live block before", &b);
    memmove(&table[i + 1], &table[i], (count - i) * sizeof table[0]);
    table[i] = b;
    count++;
    live_bytes += b.usable;
}

static struct live take_out(size_t i)
{
    struct live b = table[i];
    count--;
    live_bytes -= b.usable;
    memmove(&table[i], &table[i + 1], (count - i) * sizeof table[0]);
    return b;
}

static void check(const struct live *b)
{
    if (heap_usable(b->p) != b->usable)
        failed("its usable size has changed", b);
    if (!stress_holds(b->p, b->size, b->seed))
        failed("its content has changed", b);
}

static void added(char *p, size_t size, size_t alignment, uint64_t *random)
{
    struct live b = { p, size, 0, random_next(random) };
    if (p == NULL)
        failed("there is no memory", &b);
    if ((uintptr_t)p % alignment != 0)
        failed("it is misaligned", &b);
    b.usable = heap_usable(p);
    if (b.usable < size)
        failed("it is too small", &b);
    stress_fill(p, size, b.seed);
    insert(b);
}

/* What a phase is about: all sizes, one size, a narrow band, page-like ones, large ones. */
static size_t phase_size(uint64_t phase, uint64_t *random)
{
    size_t base = (size_t)(phase * UINT64_C(0x9e3779b97f4a7c15) >> 40);
    switch (phase % 6) {
    case 0:
        return base % 2000;
    case 1:
        return base % 40000;
    case 2:
        return 200 + random_below(random, 100);
    case 3:
        return (1 + random_below(random, 12)) * 8192;
    default:
        return stress_size(random);
    }
}

static void allocate(uint64_t phase, uint64_t *random)
{
    size_t size = phase_size(phase, random), alignment;
    char *p;
    switch (random_below(random, 10)) {
    case 0:
        alignment = (size_t)1 << random_below(random, 18);
        added(heap_aligned(alignment, size), size, alignment, random);
        break;
    case 1:
        p = heap_calloc(size, 1);
        if (p != NULL && !all_zero(p, size))
            failed("calloc's block is not zero", &(struct live){ p, size, 0, 0 });
        added(p, size, 16, random);
        break;
    default:
        added(heap_malloc(size), size, 16, random);
        break;
    }
}

static void resize(uint64_t phase, uint64_t *random)
{
    struct live b = take_out(random_below(random, count));
    size_t size = phase_size(phase, random) + 1;
    check(&b);
    char *p = heap_realloc(b.p, size);
    if (p != NULL && !stress_holds_start(p, b.size, size, b.seed))
        failed("realloc lost its content", &b);
    added(p, size, 16, random);
}

static void give_back(size_t i)
{
    struct live b = take_out(i);
    check(&b);
    heap_free(b.p);
}

#ifndef STRESS_LIBC_NAMES
static void check_statistics(void)
{
    struct grey_stats s;
    struct live none = { 0 };
    if (!grey_stats(&s, sizeof s))
        failed("there are no statistics", &none);
    if (s.reserved_bytes != s.span_bytes + s.warm_bytes + s.released_bytes)
        failed("statistics: reserved is not span + warm + released", &none);
    if (s.span_bytes != s.block_bytes + s.cached_bytes + s.unused_bytes)
        failed("statistics: span is not block + cached + unused", &none);
    if (s.block_bytes < live_bytes)
        failed("statistics: fewer bytes in blocks than are live", &none);
}
#else
static void check_statistics(void)
{
}
#endif

/* The number of live blocks wanders between few and many, so that spans fill and empty. */
static void sequence(uint64_t seed)
{
    uint64_t random = seed;
    seed_now = seed;
    for (step = 0; step < STEPS; step++) {
        uint64_t phase = seed + step / PHASE;
        size_t wanted = phase % 3 == 0 ? LIVE - 1 : phase % 3 == 1 ? LIVE / 8 : LIVE / 2;
        uint64_t what = random_below(&random, 8);
        if (count > 0 && what < 2)
            resize(phase, &random);
        else if (count < LIVE && (count == 0 || (count < wanted ? what < 7 : what == 7)))
            allocate(phase, &random);
        else
            give_back(random_below(&random, count));
        if (live_bytes > 512 * MIB)
            give_back(random_below(&random, count));
        if (step % 10000 == 9999) {
            heap_trim();
            check_statistics();
        }
    }
    while (count > 0)
        give_back(count - 1);
    check_statistics();
}

int main(int argc, char **argv)
{
    uint64_t sequences = 0;
    stress_begin(argc, argv);
    double end = seconds_now() + arguments.seconds;
    do
        sequence(arguments.seed + sequences++);
    while (seconds_now() < end);
    dprintf(1, "%llu sequences of %d steps\n", (unsigned long long)sequences, STEPS);
    return 0;
}
