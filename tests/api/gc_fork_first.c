/* A fork at the moment of the collector's first use, by another thread: parent, child and the threads of both
   go on, and can be stopped. Each try is a process of its own, for a process has one first use. */
#include "gc_fork.h"

enum { TRIES = 60, FORKS_A_TRY = 12 };

static int used, spinning, collected;

static void *use(void *delay)
{
    for (uintptr_t i = 0; i < (uintptr_t)delay; i++)
        __asm__ __volatile__("" : : : "memory");
    CHECK(list_is_whole(list_new(100), 100), "the first objects");
    __atomic_store_n(&used, 1, __ATOMIC_RELEASE);
    return NULL;
}

static void child(void *unused)
{
    (void)unused;
    struct node *list = list_new(100);
    grey_collect();
    CHECK(list_is_whole(list, 100), "a list of the child's");
}

static void *collect(void *unused)
{
    (void)unused;
    while (!__atomic_load_n(&spinning, __ATOMIC_ACQUIRE))
        sched_yield();
    grey_collect();
    __atomic_store_n(&collected, 1, __ATOMIC_RELEASE);
    return NULL;
}

/* Threads that forked can be stopped where no call helps. */
static void can_be_stopped(void)
{
    pthread_t t;
    CHECK(grey_thread_attach(), "attached");
    CHECK(pthread_create(&t, NULL, collect, NULL) == 0, "a thread starts");
    __atomic_store_n(&spinning, 1, __ATOMIC_RELEASE);
    while (!__atomic_load_n(&collected, __ATOMIC_ACQUIRE))
        continue;
    grey_blocking_enter();
    pthread_join(t, NULL);
    grey_blocking_leave();
}

static void try_once(void *delay)
{
    pthread_t t;
    CHECK(pthread_create(&t, NULL, use, delay) == 0, "a thread starts");
    for (int i = 0; i < FORKS_A_TRY; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            alarm(CHILD_SECONDS);
            failures = 0;
            child(NULL);
            _exit(failures > 100 ? 100 : failures);
        }
        CHECK(pid > 0 && (intptr_t)wait_for((void *)(intptr_t)pid) == 0, "a child of fork %d", i);
    }
    pthread_join(t, NULL);
    CHECK(__atomic_load_n(&used, __ATOMIC_ACQUIRE) == 1, "it was used");
    can_be_stopped();
}

/* Nothing of the collector is used here: each child is new to it. */
int main(void)
{
    if (!FORKS)
        return SKIPPED;
    for (uintptr_t i = 0; i < TRIES; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            alarm(CHILD_SECONDS);
            failures = 0;
            try_once((void *)(i * 20011 % 400000));
            _exit(failures > 100 ? 100 : failures);
        }
        CHECK(pid > 0 && (intptr_t)wait_for((void *)(intptr_t)pid) == 0, "try %zu", (size_t)i);
    }
    return result();
}
