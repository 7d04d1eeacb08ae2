/* A program that has fallen idle is collected once more when the period is over. */
#include "api.h"

#include <unistd.h>

static __attribute__((noinline)) void make_garbage(void)
{
    for (int i = 0; i < 400000; i++)
        if (grey_alloc(GREY_CONSERVATIVE, 64) == NULL)
            break;
}

static uint64_t cycles(void)
{
    struct grey_gc_stats s;
    grey_gc_stats(&s, sizeof s);
    return s.cycles;
}

int main(void)
{
    if (getenv("GREY_STOP") != NULL)
        return 77; /* the main thread sleeps and passes no safepoint */
    grey_set(GREY_SET_PERIOD, 1);
    make_garbage();
    grey_collect();
    uint64_t before = cycles();
    for (int i = 0; i < 300 && cycles() == before; i++)
        usleep(100000);
    CHECK(cycles() > before, "a cycle began by itself");
    return failures != 0;
}
