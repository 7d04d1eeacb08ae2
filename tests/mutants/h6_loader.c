/* A fork while another thread is in dl_iterate_phdr(), whose lock libc does not free in the child: the child
   collects nevertheless. */
#include "mutants.h"

#include <link.h>
#include <sys/wait.h>

enum { CHILD_SECONDS = 5 };

static int inside, leave;

static int stay(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)info, (void)size, (void)unused;
    __atomic_store_n(&inside, 1, __ATOMIC_RELEASE);
    while (!__atomic_load_n(&leave, __ATOMIC_ACQUIRE))
        sleep_ms(1);
    return 1;
}

static void *walk(void *unused)
{
    dl_iterate_phdr(stay, NULL);
    return unused;
}

static int child(const struct known *kept)
{
    alarm(CHILD_SECONDS);
    collect_and_churn();
    known_check(kept, 11);
    return 0;
}

int main(int argc, char **argv)
{
    pthread_t t;
    int status = -1;
    mutants_begin(argc, argv);
    struct known *kept = known_new(11);
    grey_collect();
    /* Not attached, and it calls nothing of the library: nobody waits for it. */
    REQUIRE(pthread_create(&t, NULL, walk, NULL) == 0, "a thread starts");
    while (!__atomic_load_n(&inside, __ATOMIC_ACQUIRE))
        sleep_ms(1);
    pid_t pid = fork();
    if (pid == 0)
        _exit(child(kept));
    REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid, "a child is forked");
    __atomic_store_n(&leave, 1, __ATOMIC_RELEASE);
    pthread_join(t, NULL);
    if (status != 0)
        seen("the child ended with status %#x", (unsigned)status);
    collect_and_churn();
    known_check(kept, 11);
    return 0;
}
