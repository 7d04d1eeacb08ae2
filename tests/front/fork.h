/* What the fork tests share: threads that allocate all the time, and a child that uses its
   heap in every way. A hang is a failure: both sides run under alarm(). */
#ifndef FRONT_FORK_H
#define FRONT_FORK_H

#include "front.h"
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { FORK_WATCHDOG_SECONDS = 50, FORK_CHILD_SECONDS = 20, FORK_HELD = 64 };

static int fork_stop;

/* Small, middle and large blocks, so that each lock of the heap is often held. */
static inline void *fork_busy_thread(void *argument)
{
    uint64_t random = (uintptr_t)argument;
    void *held[FORK_HELD] = { NULL };
    /* Of this thread alone, on Linux: on few cores the forks would otherwise wait their turn. */
    setpriority(PRIO_PROCESS, 0, 15);
    while (!__atomic_load_n(&fork_stop, __ATOMIC_RELAXED)) {
        size_t i = random_below(&random, FORK_HELD);
        free(held[i]);
        held[i] = hidep(malloc(hide(random_size(&random, random % 32 == 0 ? 22 : 13))));
        if (random % 16 == 0)
            held[i] = realloc(held[i], hide(random_size(&random, 16)));
    }
    for (size_t i = 0; i < FORK_HELD; i++)
        free(held[i]);
    return NULL;
}

static inline void *fork_child_thread(void *argument)
{
    uint64_t random = (uintptr_t)argument;
    for (int i = 0; i < 300; i++)
        free(hidep(malloc(hide(random_size(&random, 16)))));
    return NULL;
}

/* Allocates, frees, starts a thread, and forks again, `depth` deep; gives the exit status. */
static inline int fork_child(uint64_t seed, int depth)
{
    void *blocks[200];
    alarm(FORK_CHILD_SECONDS);
    for (size_t i = 0; i < COUNT(blocks); i++) {
        size_t size = random_size(&seed, i % 40 == 0 ? 23 : 12);
        blocks[i] = i % 3 == 0 ? calloc(1, hide(size)) : malloc(hide(size));
        if (blocks[i] == NULL)
            return 2;
        ((char *)blocks[i])[size - 1] = 1;
    }
    for (size_t i = 0; i < COUNT(blocks); i++)
        free(blocks[i]);

    pthread_t t;
    if (pthread_create(&t, NULL, fork_child_thread, (void *)(uintptr_t)depth) != 0 ||
        pthread_join(t, NULL) != 0)
        return 3;
    if (depth > 0) {
        int status;
        pid_t grandchild = fork();
        if (grandchild == 0)
            _exit(fork_child(seed, depth - 1));
        if (waitpid(grandchild, &status, 0) != grandchild || status != 0)
            return 4;
    }
    return front_result();
}

static inline void fork_wait(pid_t child, const char *what)
{
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child, "%s: the child is there", what);
    CHECK(status == 0, "%s: the child ended well (status %#x%s)", what, (unsigned)status,
          WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? ": it hung" : "");
}

#endif
