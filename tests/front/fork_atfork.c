/* Handlers of pthread_atfork that allocate: registered after the allocator's own (they run
   outside of them), and by a library that came before (they run inside, while the
   allocator is held for the fork). */
#include "fork.h"
#include "subprocess.h"

enum { BUSY = 4, ROUNDS = 60 };

static int calls;

static void handler(void)
{
    void *blocks[50];
    for (size_t i = 0; i < COUNT(blocks); i++)
        blocks[i] = hidep(malloc(hide(i * i * 40)));
    for (size_t i = 0; i < COUNT(blocks); i++)
        free(blocks[i]);
    calls++;
}

/* Set where a library's lock is held over forks: see early_plugin.c. */
static void (*use)(size_t size);

static void *user_thread(void *unused)
{
    uint64_t random = 5;
    while (!__atomic_load_n(&fork_stop, __ATOMIC_RELAXED))
        use(random_size(&random, 22));
    return unused;
}

static void forks(void)
{
    pthread_t busy[BUSY], user;
    if (use != NULL)
        REQUIRE(pthread_create(&user, NULL, user_thread, NULL) == 0, "a thread starts");
    for (size_t i = 0; i < BUSY; i++)
        REQUIRE(pthread_create(&busy[i], NULL, fork_busy_thread, (void *)(i + 1)) == 0, "a thread starts");
    for (int i = 0; i < ROUNDS; i++) {
        pid_t child = fork();
        if (child == 0)
            _exit(fork_child((uint64_t)i, i % 8 == 0));
        fork_wait(child, "fork with handlers that allocate");
    }
    fork_stop = 1;
    for (size_t i = 0; i < BUSY; i++)
        pthread_join(busy[i], NULL);
    if (use != NULL)
        pthread_join(user, NULL);
}

int main(int argc, char **argv)
{
    static struct run r;
    alarm(FORK_WATCHDOG_SECONDS);
    if (argc > 1 && strcmp(argv[1], "early") == 0) {
        int (*early_calls)(void) = (int (*)(void))symbol("early_atfork_calls");
        REQUIRE(early_calls != NULL, "the module is preloaded");
        use = (void (*)(size_t))symbol("early_use");
        forks();
        CHECK(early_calls() == 2 * ROUNDS, "the early handlers ran (%d)", early_calls());
        return front_result();
    }
    pthread_atfork(handler, handler, handler);
    forks();
    CHECK(calls == 2 * ROUNDS, "the handlers ran (%d)", calls);

    run_self(&r, "early", preload_with("early_plugin.so"), "EARLY_ATFORK=1", NULL);
    CHECK(run_ended_well(&r), "handlers of an earlier library may allocate: status %#x%s\n%s",
          (unsigned)r.status, WIFSIGNALED(r.status) && WTERMSIG(r.status) == SIGALRM ? " (it hung)" : "",
          r.err);
    return front_result();
}
