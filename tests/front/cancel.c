/* pthread_cancel while a thread allocates: no call of malloc is a cancellation point, so the
   thread ends where it says so, and its cleanup handlers can free. */
#include "front.h"
#include <malloc.h>
#include <pthread.h>
#include <sched.h>

enum { ROUNDS = 400, CALLS = 300 };

struct state {
    int started;
    int after_calls; /* the thread got past its allocations, cancelled though it was */
    int cleaned;
    void *held;
    uint64_t random;
};

static void clean(void *argument)
{
    struct state *s = argument;
    free(s->held);
    free(hidep(malloc(hide(1000))));
    s->cleaned = 1;
}

static void *thread(void *argument)
{
    struct state *s = argument;
    pthread_cleanup_push(clean, s);
    s->held = hidep(malloc(hide(777)));
    __atomic_store_n(&s->started, 1, __ATOMIC_RELEASE);
    for (;;) {
        for (int i = 0; i < CALLS; i++) {
            /* Some need the kernel, some another thread's lock. */
            char *p = hidep(malloc(hide(random_size(&s->random, i % 50 == 0 ? 24 : 12))));
            p = hidep(realloc(p, hide(random_size(&s->random, i % 70 == 0 ? 24 : 12))));
            free(hidep(memalign(4096, hide(100))));
            free(hidep(calloc(1, hide(random_size(&s->random, 16)))));
            free(p);
        }
        __atomic_store_n(&s->after_calls, 1, __ATOMIC_RELEASE);
        pthread_testcancel();
        __atomic_store_n(&s->after_calls, 0, __ATOMIC_RELEASE);
    }
    pthread_cleanup_pop(0);
    return NULL;
}

int main(void)
{
    size_t settled = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct state states[2] = { { 0 }, { 0 } };
        pthread_t t[2];
        for (int i = 0; i < 2; i++)
            REQUIRE(pthread_create(&t[i], NULL, thread, &states[i]) == 0, "a thread starts");
        for (int i = 0; i < 2; i++) {
            while (!__atomic_load_n(&states[i].started, __ATOMIC_ACQUIRE))
                sched_yield();
            pthread_cancel(t[i]);
        }
        for (int i = 0; i < 2; i++) {
            void *result;
            pthread_join(t[i], &result);
            CHECK(result == PTHREAD_CANCELED, "the thread was cancelled");
            CHECK(states[i].after_calls == 1, "it ended at pthread_testcancel, not inside malloc");
            CHECK(states[i].cleaned == 1, "its cleanup handler ran to the end");
        }
        if (round == ROUNDS / 4) {
            malloc_trim(0); /* freed memory stays warm for a while: not what this is about */
            settled = resident_bytes();
        }
    }
    malloc_trim(0);
    CHECK(resident_bytes() < settled + 24 * MIB, "cancelled threads leave nothing behind");
    return front_result();
}
