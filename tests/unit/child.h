/* child: a part of a test that runs in a forked child, because it must die or may not end well. */
#ifndef UNIT_CHILD_H
#define UNIT_CHILD_H

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct child_end {
    int status;      /* as of waitpid() */
    char said[4096]; /* on stderr */
};

static inline void child_read(int fd, struct child_end *end)
{
    size_t n = 0;
    for (;;) {
        ssize_t got = read(fd, end->said + n, sizeof end->said - 1 - n);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    end->said[n] = '\0';
}

/* Runs act(argument) in a child, which exits with what it returns, and waits for it. At most a few KiB
   of stderr. */
static inline struct child_end child_run(int (*act)(void *argument), void *argument)
{
    struct child_end end = { 0 };
    int ends[2];
    if (pipe(ends) != 0)
        return end;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit no_core = { 0, 0 };
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGABRT, SIG_DFL); /* cmocka catches it */
        signal(SIGSEGV, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        alarm(60);
        _exit(act(argument));
    }
    close(ends[1]);
    child_read(ends[0], &end);
    close(ends[0]);
    waitpid(pid, &end.status, 0);
    return end;
}

static inline bool child_aborted(const struct child_end *end)
{
    return WIFSIGNALED(end->status) && WTERMSIG(end->status) == SIGABRT;
}

/* In a child: says what does not hold and where, and ends with 1. */
#define child_ensure(x)                                                                                      \
    do {                                                                                                     \
        if (!(x)) {                                                                                          \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #x);                                \
            _exit(1);                                                                                        \
        }                                                                                                    \
    } while (0)

#define assert_child_passed(act, argument)                                                                   \
    do {                                                                                                     \
        struct child_end child_ended = child_run(act, argument);                                             \
        if (!WIFEXITED(child_ended.status) || WEXITSTATUS(child_ended.status) != 0)                          \
            fail_msg("the child ended with status %x: %s", child_ended.status, child_ended.said);            \
    } while (0)

#endif
