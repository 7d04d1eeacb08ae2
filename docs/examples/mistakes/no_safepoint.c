// with: GREY_STOP=cooperative
// says: waiting 1 s for thread .* to stop: it is cooperative and reaches no safepoint
/* A thread that stops at safepoints only, and comes to none. */
#include "mistake.h"

#include <stdatomic.h>

static atomic_int ready, done;

static void *work(void *unused)
{
    atomic_store(&ready, 1);
    while (!atomic_load(&done))
        ; /* right: grey_safepoint() */
    return unused;
}

static void *stop_later(void *unused)
{
    nanosleep(&(struct timespec){ .tv_sec = 3 }, NULL); /* the collection waits as long */
    atomic_store(&done, 1);
    return unused;
}

int main(void)
{
    pthread_t worker, other;
    grey_pthread_create(&worker, NULL, work, NULL);
    while (!atomic_load(&ready))
        grey_safepoint();
    pthread_create(&other, NULL, stop_later, NULL);
    grey_collect();
    grey_pthread_join(worker, NULL);
    return pthread_join(other, NULL);
}
