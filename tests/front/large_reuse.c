/* Large blocks that come and go cost no page faults each time: their memory stays warm. */
#include "front.h"
#include <sys/resource.h>

enum { WARM = 10, ROUNDS = 100 };

static long faults(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
}

static void come_and_go(size_t size)
{
    void *p = hidep(malloc(hide(size)));
    touch(p, size);
    free(p);
}

static void one_size(size_t size)
{
    for (int i = 0; i < WARM; i++)
        come_and_go(size);
    long before = faults();
    for (int i = 0; i < ROUNDS; i++)
        come_and_go(size);
    long each = (faults() - before) / ROUNDS;
    CHECK(each <= 1, "a block of %zu KiB that comes and goes costs %ld page faults each time", size / KIB,
          each);
}

/* Several at once, of several sizes, in a changing order. */
static void mixed(void)
{
    enum { HELD = 12 };
    void *held[HELD] = { NULL };
    uint64_t random = 3;
    long before = 0;
    for (int i = 0; i < 40 * ROUNDS; i++) {
        size_t k = random_below(&random, HELD), size = 64 * KIB << (k % 6);
        free(held[k]);
        held[k] = hidep(malloc(hide(size)));
        touch(held[k], size);
        if (i == 20 * ROUNDS)
            before = faults();
    }
    long each = (faults() - before) / (20 * ROUNDS);
    CHECK(each <= 8, "blocks of 64 KiB to 2 MiB in changing order cost %ld page faults each", each);
    for (size_t k = 0; k < HELD; k++)
        free(held[k]);
}

int main(void)
{
    for (size_t size = 40 * KIB; size <= 64 * MIB; size *= 2)
        one_size(size);
    mixed();
    return front_result();
}
