/* The result of a thread that has ended, until somebody joins it. */
#include "mutants.h"

enum { THREADS = 20 };

static void *make(void *argument)
{
    struct known *k = known_new((uintptr_t)argument);
    if ((uintptr_t)argument % 2 == 0)
        pthread_exit(k);
    return k;
}

int main(int argc, char **argv)
{
    pthread_t t[THREADS];
    mutants_begin(argc, argv);
    for (uintptr_t i = 0; i < THREADS; i++)
        REQUIRE(grey_pthread_create(&t[i], NULL, make, (void *)(i + 1)) == 0, "a thread starts");
    sleep_ms(200);
    for (int i = 0; i < 4; i++)
        collect_and_churn();
    for (uintptr_t i = 0; i < THREADS; i++) {
        void *result = NULL;
        REQUIRE(grey_pthread_join(t[i], &result) == 0, "it can be joined");
        known_check((struct known *)result, i + 1);
    }
    return 0;
}
