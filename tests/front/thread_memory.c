/* Two hundred threads that live at once and allocate a little each do not cost megabytes each;
   and when they end, what they cached is of use to others. */
#include "front.h"
#include <pthread.h>

enum { THREADS = 200 };

static pthread_barrier_t ready, done;

static void *thread(void *argument)
{
    char *blocks[100];
    for (size_t i = 0; i < COUNT(blocks); i++) {
        blocks[i] = hidep(malloc(hide(16 + i * 8)));
        memset(blocks[i], 1, 16 + i * 8);
    }
    pthread_barrier_wait(&ready);
    pthread_barrier_wait(&done);
    for (size_t i = 0; i < COUNT(blocks); i++)
        free(blocks[i]);
    return argument;
}

static size_t round_of_threads(void)
{
    pthread_t t[THREADS];
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 65536);
    for (size_t i = 0; i < THREADS; i++)
        REQUIRE(pthread_create(&t[i], &attributes, thread, NULL) == 0, "a thread starts");
    pthread_barrier_wait(&ready);
    size_t resident = resident_bytes();
    pthread_barrier_wait(&done);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    return resident;
}

int main(void)
{
    pthread_barrier_init(&ready, NULL, THREADS + 1);
    pthread_barrier_init(&done, NULL, THREADS + 1);
    size_t before = resident_bytes();
    size_t first = round_of_threads();
    /* 41 KiB of blocks, a stack page or two, and at most a page of 8 KiB for each of 30 classes. */
    CHECK(first < before + (size_t)THREADS * 384 * KIB, "a thread with 100 small blocks costs %zu KiB",
          (first - before) / THREADS / KIB);
    size_t last = first;
    for (int i = 0; i < 10; i++)
        last = round_of_threads();
    CHECK(last < first + 16 * MIB, "the tenth round of threads needs no more than the first (%zu, %zu KiB)",
          first / KIB, last / KIB);
    return front_result();
}
