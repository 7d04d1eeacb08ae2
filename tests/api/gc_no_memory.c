/* Where not even the records of a cycle's roots get memory, no cycle can be run: calls fail, and go on when
   there is memory again. */
#include "api.h"

#include <sys/resource.h>

static struct rlimit before;

/* All that the process has now, and no more. */
static void refuse_memory(void)
{
    size_t pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    CHECK(f != NULL && fscanf(f, "%zu", &pages) == 1, "the size of the process");
    if (f != NULL)
        fclose(f);
    struct rlimit now = { .rlim_cur = pages * (size_t)sysconf(_SC_PAGESIZE), .rlim_max = before.rlim_max };
    CHECK(setrlimit(RLIMIT_AS, &now) == 0, "a limit");
}

static size_t cycles(void)
{
    struct grey_gc_stats s = { 0 };
    grey_gc_stats(&s, sizeof s);
    return s.cycles;
}

int main(void)
{
#ifdef GREY_SANITIZED
    return SKIPPED; /* sanitizers need memory, too */
#endif
    void *object = grey_alloc(GREY_CONSERVATIVE, 32); /* the collector is set up, and has run no cycle */
    CHECK(object != NULL && getrlimit(RLIMIT_AS, &before) == 0, "a beginning");
    refuse_memory();
    alarm(50); /* it used to try for ever */
    bool began = grey_cycle_start();
    grey_collect();
    void *large = grey_alloc(GREY_NOSCAN, (size_t)1 << 30);
    int error = errno;
    bool verified = grey_verify();
    CHECK(setrlimit(RLIMIT_AS, &before) == 0, "no limit");
    CHECK(!began && cycles() == 0, "no cycle without memory");
    CHECK(large == NULL && error == ENOMEM, "no object of 1 GiB: %p, errno %d", large, error);
    CHECK(!verified, "nothing could be verified");
    CHECK(grey_cycle_start() && cycles() == 1, "a cycle when there is memory");
    CHECK(grey_verify() && grey_base(object) == object, "the heap is sound");
    return result();
}
