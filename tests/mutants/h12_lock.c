/* Threads inside malloc's part of the heap when a stop comes: none is stopped with a lock that another
   one needs to reach its own stop. */
#include "mutants.h"

enum { THREADS = 4, PATIENCE_SECONDS = 12 };

static int stop;

/* Blocks too large for a thread to keep: each is a matter for the page heap, and takes its lock. */
static void *manual(void *argument)
{
    uint64_t random = (uintptr_t)argument;
    void *kept[8] = { NULL };
    grey_thread_attach();
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        size_t i = random_below(&random, COUNT(kept));
        grey_free(kept[i]);
        kept[i] = grey_malloc(2 * MIB + random_below(&random, MIB));
        if (random_below(&random, 64) == 0)
            grey_trim();
        grey_safepoint();
    }
    for (size_t i = 0; i < COUNT(kept); i++)
        grey_free(kept[i]);
    return NULL;
}

static void *managed(void *argument)
{
    uint64_t random = (uintptr_t)argument;
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        grey_free(grey_alloc(GREY_NOSCAN, random_below(&random, 300000)));
        grey_safepoint();
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t t[THREADS];
    mutants_begin(argc, argv);
    for (size_t i = 0; i < THREADS; i++)
        REQUIRE(grey_pthread_create(&t[i], NULL, i % 2 == 0 ? manual : managed, (void *)(uintptr_t)(i + 1)) == 0,
                "a thread starts");
    while (time_left()) {
        alarm(PATIENCE_SECONDS);
        grey_collect();
    }
    alarm(PATIENCE_SECONDS);
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    for (size_t i = 0; i < THREADS; i++)
        grey_pthread_join(t[i], NULL);
    return 0;
}
