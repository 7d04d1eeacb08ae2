/* Four thousand threads, few at a time, each of which frees what others left and leaves
   blocks for others: the process does not grow with the number of threads that were. */
#include "front.h"
#include <pthread.h>

enum { THREADS = 4000, AT_ONCE = 16, SHARED = 1024, PER_THREAD = 60, WARM = 400 };

static void *shared[SHARED];

/* Leaves a block in the table and takes what was there. */
static void *exchange(size_t i, void *mine)
{
    return __atomic_exchange_n(&shared[i], mine, __ATOMIC_ACQ_REL);
}

static void *thread(void *argument)
{
    uint64_t random = (uintptr_t)argument;
    for (int i = 0; i < PER_THREAD; i++) {
        size_t size = random_size(&random, 14);
        size_t *p = hidep(malloc(hide(size + sizeof *p)));
        REQUIRE(p != NULL, "a short-lived thread gets memory");
        *p = size;
        pattern_fill(p + 1, size, size);
        p = exchange(random_below(&random, SHARED), p);
        if (p != NULL) {
            CHECK(pattern_holds(p + 1, *p, *p), "a block left by another thread is intact");
            free(p);
        }
    }
    return NULL;
}

static void run(uintptr_t from, uintptr_t to)
{
    for (uintptr_t i = from; i < to; i += AT_ONCE) {
        pthread_t t[AT_ONCE];
        for (uintptr_t k = 0; k < AT_ONCE; k++)
            REQUIRE(pthread_create(&t[k], NULL, thread, (void *)(i + k)) == 0, "a thread starts");
        for (uintptr_t k = 0; k < AT_ONCE; k++)
            pthread_join(t[k], NULL);
    }
}

int main(void)
{
    run(0, WARM);
    size_t resident = resident_bytes(), mapped = statm_bytes(0);
    run(WARM, THREADS);
    CHECK(resident_bytes() < resident + 16 * MIB,
          "resident memory is bounded: %zu KiB after %d threads, %zu after %d", resident / KIB, WARM,
          resident_bytes() / KIB, THREADS);
    CHECK(statm_bytes(0) < mapped + 256 * MIB, "address space is bounded");
    for (size_t i = 0; i < SHARED; i++)
        free(shared[i]);
    CHECK(resident_bytes() < resident + 16 * MIB, "also when all is freed");
    return front_result();
}
