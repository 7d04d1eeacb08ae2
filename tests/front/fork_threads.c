/* fork from the main thread and from others while eight threads allocate: the child's heap
   works, in threads and in children of its own, and exec works from there. */
#include "fork.h"

enum { BUSY = 8, ROUNDS = 120, EXEC_EVERY = 10 };

static void fork_round(int round, const char *what)
{
    pid_t child = fork();
    REQUIRE(child >= 0, "fork works");
    if (child == 0) {
        if (round % EXEC_EVERY == 0) {
            free(hidep(malloc(hide(100))));
            execl("/bin/true", "true", (char *)NULL);
            _exit(5);
        }
        _exit(fork_child((uint64_t)round, round % 4 == 0 ? 2 : 0));
    }
    fork_wait(child, what);
}

static void *forking_thread(void *argument)
{
    for (int i = 0; i < ROUNDS; i++)
        fork_round(i, "from another thread");
    return argument;
}

int main(void)
{
    pthread_t busy[BUSY], forking;
    alarm(FORK_WATCHDOG_SECONDS);
    for (size_t i = 0; i < BUSY; i++)
        REQUIRE(pthread_create(&busy[i], NULL, fork_busy_thread, (void *)(i + 1)) == 0, "a thread starts");
    for (int i = 0; i < ROUNDS; i++)
        fork_round(i, "from the main thread");
    REQUIRE(pthread_create(&forking, NULL, forking_thread, NULL) == 0, "a thread starts");
    pthread_join(forking, NULL);

    /* Both at once: one thread's fork meets the other's. */
    REQUIRE(pthread_create(&forking, NULL, forking_thread, NULL) == 0, "a thread starts");
    for (int i = 0; i < ROUNDS; i++)
        fork_round(i, "from two threads at once");
    pthread_join(forking, NULL);

    fork_stop = 1;
    for (size_t i = 0; i < BUSY; i++)
        pthread_join(busy[i], NULL);
    return front_result();
}
