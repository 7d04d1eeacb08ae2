/* Memory rows that want a process with nothing else in it, so without the harness.
 *
 *   malloc_plain smallest      allocates one block; prints its own peak in KiB
 *   malloc_plain idle S...     allocates 1 GiB, frees it, then sleeps and calls nothing; prints the
 *                              resident KiB before, at the peak, and after each S seconds
 *   malloc_plain touch MIB     maps, touches and unmaps so much: warms the machine's memory
 */
#include "malloc_rows.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Pages in VmRSS may lag by a batch per processor; the kernel walks the mappings for this one. */
static uint64_t resident_kib(void)
{
    char text[2048];
    int fd = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    if (got <= 0)
        return 0;
    text[got] = '\0';
    const char *line = strstr(text, "\nRss:");
    return line == NULL ? 0 : strtoull(line + 5, NULL, 10);
}

static int smallest(void)
{
    volatile char *p = must(malloc(100));
    p[0] = 1;
    uint64_t peak = bench_peak_kib();
    printf("%llu\n", (unsigned long long)peak);
    return 0;
}

/* A third of the bytes in small objects, a third up to 64 KiB, a third up to 1 MiB, in turns. */
static size_t burst_size(uint64_t *state, size_t done)
{
    switch ((done >> 22) % 3) {
    case 0:
        return random_between(state, 16, 1025);
    case 1:
        return random_log_size(state, 1 << 10, 64 << 10);
    default:
        return random_log_size(state, 64 << 10, 1 << 20);
    }
}

/* So that what is freed last is not what was allocated last. */
static void shuffle(void **block, size_t count, uint64_t *state)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = random_between(state, 0, i);
        void *kept = block[i - 1];
        block[i - 1] = block[j];
        block[j] = kept;
    }
}

static void burst(size_t total)
{
    size_t places = total / 256;
    void **block = bench_map(places * sizeof *block);
    uint64_t state = 7;
    size_t count = 0;
    for (size_t done = 0; done < total && count < places;) {
        size_t size = burst_size(&state, done);
        block[count] = must(malloc(size));
        memset(block[count++], 1, size);
        done += size;
    }
    shuffle(block, count, &state);
    for (size_t i = 0; i < count; i++)
        free(block[i]);
    bench_unmap(block, places * sizeof *block);
}

static void sleep_until(const struct timespec *start, double seconds)
{
    struct timespec end = *start;
    end.tv_sec += (time_t)seconds;
    end.tv_nsec += (long)(1e9 * (seconds - (double)(time_t)seconds));
    if (end.tv_nsec >= 1000000000) {
        end.tv_nsec -= 1000000000;
        end.tv_sec++;
    }
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) != 0)
        continue;
}

static int idle(int count, char **seconds)
{
    enum { MOST = 8 };
    uint64_t after[MOST];
    burst(1 << 20); /* what every program has done by the time it settles */
    uint64_t before = resident_kib();
    burst((size_t)1 << 30);
    uint64_t peak = bench_peak_kib();

    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int i = 0; i < count && i < MOST; i++) {
        sleep_until(&start, strtod(seconds[i], NULL));
        after[i] = resident_kib();
    }
    printf("%llu %llu", (unsigned long long)before, (unsigned long long)peak);
    for (int i = 0; i < count && i < MOST; i++)
        printf(" %llu", (unsigned long long)after[i]);
    putchar('\n');
    return 0;
}

static int touch(size_t mib)
{
    void *p = bench_map(mib << 20); /* faults it in */
    bench_unmap(p, mib << 20);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "smallest") == 0)
        return smallest();
    if (argc > 2 && strcmp(argv[1], "idle") == 0)
        return idle(argc - 2, argv + 2);
    if (argc == 3 && strcmp(argv[1], "touch") == 0)
        return touch(strtoul(argv[2], NULL, 10));
    fputs("usage: malloc_plain smallest | idle SECONDS... | touch MIB\n", stderr);
    return 2;
}
