/* Sizes, numbers and memory for the malloc rows; see malloc_rows.h. */
#include "malloc_rows.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

size_t random_log_size(uint64_t *state, size_t low, size_t high)
{
    unsigned doublings = 0;
    while ((low << (doublings + 1)) <= high)
        doublings++;
    size_t base = low << random_between(state, 0, doublings);
    return base + random_between(state, 0, base);
}

uint32_t mixed_size[MIXED_COUNT];

void draw_mixed_sizes(void)
{
    uint64_t state = 1;
    for (unsigned i = 0; i < MIXED_COUNT; i++) {
        unsigned of_twenty = (unsigned)random_between(&state, 0, 20);
        uint64_t size;
        if (of_twenty < 10)
            size = random_between(&state, 8, 65);
        else if (of_twenty < 16)
            size = random_between(&state, 65, 257);
        else if (of_twenty < 19)
            size = random_between(&state, 257, 1025);
        else
            size = random_between(&state, 1025, 4097);
        mixed_size[i] = (uint32_t)size;
    }
}

void *bench_map(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (p == MAP_FAILED) {
        perror("bench: mmap");
        exit(1);
    }
    return p;
}

void bench_unmap(void *p, size_t bytes)
{
    munmap(p, bytes);
}

void touch_pages(void *p, size_t bytes)
{
    volatile char *byte = p;
    for (size_t at = 0; at < bytes; at += 4096)
        byte[at] = 1;
    byte[bytes - 1] = 1;
}

void *must(void *p)
{
    if (p == NULL) {
        static const char sentence[] = "bench: an allocation was refused\n";
        (void)!write(2, sentence, sizeof sentence - 1);
        _exit(1);
    }
    return p;
}

uint64_t bench_peak_kib(void)
{
    char text[4096];
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    if (got <= 0)
        return 0;
    text[got] = '\0';
    const char *line = strstr(text, "VmHWM:");
    return line == NULL ? 0 : strtoull(line + 6, NULL, 10);
}
