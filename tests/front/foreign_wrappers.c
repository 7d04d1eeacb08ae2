/* Beside a preloaded library that wraps mmap and the like and allocates in the wrappers. */
#include "subprocess.h"
#include <pthread.h>

static void *work(void *argument)
{
    void *blocks[100];
    for (size_t size = 1; size < 40 * MIB; size *= 3) {
        for (size_t i = 0; i < COUNT(blocks); i++)
            blocks[i] = hidep(i % 2 == 0 ? malloc(hide(size)) : calloc(1, hide(size)));
        for (size_t i = 0; i < COUNT(blocks); i++) {
            CHECK(blocks[i] != NULL, "there is memory");
            free(blocks[i]);
        }
        malloc_trim(0);
    }
    return argument;
}

int main(int argc, char **argv)
{
    static struct run r;
    if (argc > 1 && strcmp(argv[1], "wrapped") == 0) {
        pthread_t t;
        alarm(30);
        REQUIRE(symbol("wrapped_calls") != NULL, "the module is preloaded");
        REQUIRE(pthread_create(&t, NULL, work, NULL) == 0, "a thread starts");
        work(NULL);
        pthread_join(t, NULL);
        return front_result();
    }
    run_self(&r, "wrapped", preload_with("foreign_wrappers_plugin.so"), NULL);
    CHECK(run_ended_well(&r), "beside wrappers that allocate the program ends well: status %#x\n%s",
          (unsigned)r.status, r.err);
    return front_result();
}
