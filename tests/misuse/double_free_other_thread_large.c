// dies: greyspan: free(%p): double free
/* A large block freed by its owner, then by another thread, which was there before: the start
   of a thread allocates, and might take the place of the block. */
#include "misuse.h"
#include <sched.h>

static void *handed;

static void *free_it(void *unused)
{
    void *p;
    while ((p = __atomic_load_n(&handed, __ATOMIC_ACQUIRE)) == NULL)
        sched_yield();
    free(p);
    return unused;
}

int main(void)
{
    pthread_t t;
    REQUIRE(pthread_create(&t, NULL, free_it, NULL) == 0, "a thread starts");
    __atomic_store_n(&handed, misuse_freed(malloc(hide(3 * MIB))), __ATOMIC_RELEASE);
    pthread_join(t, NULL);
    return misuse_survived();
}
