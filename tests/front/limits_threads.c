/* Four threads at the end of the address space: each refusal is clean, nothing hangs, and
   when the others have ended, the memory they had serves the rest. */
#include "front.h"
#include <pthread.h>
#include <sys/resource.h>

enum { THREADS = 4, MOST = 4096, ROUNDS = 20000 };

static size_t refused[THREADS];

static void *thread(void *argument)
{
    size_t self = (size_t)argument;
    static void *held[THREADS][MOST];
    uint64_t random = self;
    for (int i = 0; i < ROUNDS; i++) {
        size_t at = random_below(&random, MOST), size = random_size(&random, i % 20 == 0 ? 24 : 16);
        free(held[self][at]);
        held[self][at] = hidep(malloc(hide(size)));
        if (held[self][at] == NULL) {
            CHECK(errno == ENOMEM, "a refusal sets ENOMEM in its thread");
            refused[self]++;
            continue;
        }
        ((char *)held[self][at])[size - 1] = 1;
    }
    for (size_t i = 0; i < MOST; i++)
        free(held[self][i]);
    return NULL;
}

int main(void)
{
    pthread_t t[THREADS];
    struct rlimit r = { statm_bytes(0) + 160 * MIB, RLIM_INFINITY };
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 * KIB);
    alarm(50);
    REQUIRE(setrlimit(RLIMIT_AS, &r) == 0, "setrlimit works");
    for (size_t i = 0; i < THREADS; i++)
        REQUIRE(pthread_create(&t[i], &attributes, thread, (void *)i) == 0, "a thread starts");
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    for (size_t i = 0; i < THREADS; i++)
        CHECK(refused[i] > 0, "thread %zu met the limit (else this test tests nothing)", i);
    void *p = hidep(malloc(hide(40 * MIB)));
    CHECK(p != NULL, "when the threads have ended, 40 of 160 MiB can be had in one piece");
    free(p);
    return front_result();
}
