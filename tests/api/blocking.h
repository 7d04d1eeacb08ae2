/* Waiting that keeps nobody from collecting, also where threads stop at safepoints only. */
#ifndef TESTS_BLOCKING_H
#define TESTS_BLOCKING_H

#include <pthread.h>
#include <unistd.h>

__attribute__((unused)) static void join(pthread_t t)
{
    grey_blocking_enter();
    pthread_join(t, NULL);
    grey_blocking_leave();
}

__attribute__((unused)) static void nap(unsigned microseconds)
{
    grey_blocking_enter();
    usleep(microseconds);
    grey_blocking_leave();
}

__attribute__((unused)) static void take(pthread_mutex_t *lock)
{
    if (pthread_mutex_trylock(lock) == 0)
        return;
    grey_blocking_enter();
    pthread_mutex_lock(lock);
    grey_blocking_leave();
}

__attribute__((unused)) static void run_on_a_thread(void *(*f)(void *), void *argument)
{
    pthread_t t;
    if (pthread_create(&t, NULL, f, argument) != 0)
        abort();
    join(t);
}

#endif
