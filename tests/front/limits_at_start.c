/* A program that starts under a small ulimit -v: whatever the allocator would like to reserve,
   it has to do with less. */
#include "subprocess.h"
#include <sys/resource.h>

/* Writes how many MiB it got in blocks of 1000 bytes. */
static int small_blocks(void)
{
    size_t got = 0;
    for (char *p; (p = hidep(malloc(hide(1000)))) != NULL; got += 1000)
        *p = 1;
    CHECK(errno == ENOMEM, "the end is told by ENOMEM");
    dprintf(1, "%zu\n", got / MIB);
    return front_result();
}

static void start(size_t limit, size_t expected)
{
    static struct run r;
    struct rlimit old, new = { limit, RLIM_INFINITY };
    getrlimit(RLIMIT_AS, &old);
    new.rlim_max = old.rlim_max;
    REQUIRE(setrlimit(RLIMIT_AS, &new) == 0, "setrlimit works");
    run_self(&r, "small", NULL);
    setrlimit(RLIMIT_AS, &old);
    CHECK(run_ended_well(&r), "under ulimit -v of %zu MiB the program ends well: status %#x\n%s", limit / MIB,
          (unsigned)r.status, r.err);
    CHECK(strtoul(r.out, NULL, 10) >= expected,
          "under ulimit -v of %zu MiB at least %zu MiB can be had, not %s", limit / MIB, expected, r.out);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "small") == 0)
        return small_blocks();
    start(24 * MIB, 6);
    start(48 * MIB, 20);
    start(100 * MIB, 50);
    start(200 * MIB, 120);
    start(400 * MIB, 250);
    return front_result();
}
