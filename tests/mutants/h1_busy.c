/* Threads that are inside the allocator when a stop comes: their half-done work is finished first. */
#include "mutants.h"

enum { THREADS = 4, KEPT = 64 };

static int stop;

/* Sizes for which each allocation, or each few, takes the slow path. */
static void *allocate(void *argument)
{
    uint64_t random = (uintptr_t)argument;
    struct known *kept[KEPT] = { NULL };
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        size_t i = random_below(&random, KEPT);
        if (kept[i] != NULL)
            known_check(kept[i], i + 1);
        struct known *k =
            (struct known *)grey_alloc(GREY_CONSERVATIVE, sizeof *k + random_below(&random, 9000));
        REQUIRE(k != NULL, "there is memory");
        if (k->id != 0 || k->check != 0 || k->more != 0)
            seen("a new object at %p is not zero", (void *)k);
        k->id = i + 1;
        k->check = ~k->id;
        k->more = k->id * 3;
        kept[i] = k;
        grey_safepoint();
    }
    for (size_t i = 0; i < KEPT; i++)
        if (kept[i] != NULL)
            known_check(kept[i], i + 1);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t t[THREADS];
    mutants_begin(argc, argv);
    for (size_t i = 0; i < THREADS; i++)
        REQUIRE(grey_pthread_create(&t[i], NULL, allocate, (void *)(uintptr_t)(i + 1)) == 0, "a thread starts");
    while (time_left())
        grey_collect();
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    for (size_t i = 0; i < THREADS; i++)
        grey_pthread_join(t[i], NULL);
    return 0;
}
