// with: GREY_STOP=signal
// says: waiting 1 s for thread .* to stop: it blocks the signal that stops threads
/* A thread that blocks the signal it is stopped by. */
#include "mistake.h"

#include <signal.h>
#include <stdatomic.h>

static atomic_int ready;

static void *work(void *unused)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL); /* right: sigdelset(&all, SIGURG) before */
    atomic_store(&ready, 1);
    nanosleep(&(struct timespec){ .tv_sec = 3 }, NULL); /* right, too: grey_blocking_enter() before it */
    return unused;
}

int main(void)
{
    pthread_t worker;
    grey_pthread_create(&worker, NULL, work, NULL);
    while (!atomic_load(&ready))
        ;
    grey_collect();
    return grey_pthread_join(worker, NULL);
}
