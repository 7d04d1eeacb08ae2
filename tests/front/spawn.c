/* vfork, posix_spawn, system and popen while threads allocate. Between vfork and exec the
   child runs in the parent's memory, and some programs allocate there. */
#include "fork.h"
#include <spawn.h>

enum { BUSY = 4, ROUNDS = 60 };

extern char **environ;

static void by_vfork(int i)
{
    pid_t child = vfork();
    REQUIRE(child >= 0, "vfork works");
    if (child == 0) {
        /* Lawful or not, shells and run-times do it: the block is the parent's afterwards. */
        free(hidep(malloc(hide((size_t)i * 100))));
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    fork_wait(child, "vfork and exec");
}

static void by_spawn(void)
{
    pid_t child;
    char *argv[] = { "true", NULL };
    REQUIRE(posix_spawn(&child, "/bin/true", NULL, NULL, argv, environ) == 0, "posix_spawn works");
    fork_wait(child, "posix_spawn");
}

static void by_shell(void)
{
    char text[64] = { 0 };
    CHECK(system("exit 7") == 7 << 8, "system runs a shell");
    FILE *f = popen("echo $((6 * 7))", "r");
    REQUIRE(f != NULL, "popen works");
    CHECK(fgets(text, sizeof text, f) != NULL && strcmp(text, "42\n") == 0, "popen reads what a shell wrote");
    CHECK(pclose(f) == 0, "pclose gives the status");
}

int main(void)
{
    pthread_t busy[BUSY];
    alarm(FORK_WATCHDOG_SECONDS);
    for (size_t i = 0; i < BUSY; i++)
        REQUIRE(pthread_create(&busy[i], NULL, fork_busy_thread, (void *)(i + 1)) == 0, "a thread starts");
    for (int i = 0; i < ROUNDS; i++) {
        by_vfork(i);
        by_spawn();
        if (i % 4 == 0)
            by_shell();
    }
    fork_stop = 1;
    for (size_t i = 0; i < BUSY; i++)
        pthread_join(busy[i], NULL);
    return front_result();
}
