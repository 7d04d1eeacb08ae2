/* Threads whose arguments nobody else holds, collected before they begin. */
#include "mutants.h"

enum { THREADS = 40 };

static void *check(void *argument)
{
    known_check((struct known *)argument, 5);
    return NULL;
}

static __attribute__((noinline)) void start(pthread_t *t)
{
    REQUIRE(grey_pthread_create(t, NULL, check, known_new(5)) == 0, "a thread starts");
}

int main(int argc, char **argv)
{
    pthread_t t[THREADS];
    mutants_begin(argc, argv);
    do {
        for (size_t i = 0; i < THREADS; i++)
            start(&t[i]);
        collect_and_churn();
        for (size_t i = 0; i < THREADS; i++)
            grey_pthread_join(t[i], NULL);
    } while (time_left());
    return 0;
}
