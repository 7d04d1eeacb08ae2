/* measure OUT [NAME=VALUE]... COMMAND [ARGUMENT]...
 *
 * Runs a command with additions to its environment and writes one line to OUT: wall, user and
 * system seconds, the peak of resident KiB of the largest process among it and the descendants it
 * waited for, minor faults, and the exit status. A large parent would spoil the peak: a new
 * process inherits as its first peak what its parent had resident at fork. Hence this small one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(const struct timeval *t)
{
    return (double)t->tv_sec + 1e-6 * (double)t->tv_usec;
}

static void run_command(char **argument)
{
    while (*argument != NULL && strchr(*argument, '=') != NULL)
        putenv(*argument++);
    if (*argument != NULL)
        execvp(*argument, argument);
    perror("measure: exec");
    _exit(127);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fputs("usage: measure OUT [NAME=VALUE]... COMMAND [ARGUMENT]...\n", stderr);
        return 2;
    }
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    pid_t child = fork();
    if (child == 0)
        run_command(argv + 2);
    int status;
    struct rusage used;
    pid_t got;
    do
        got = wait4(child, &status, 0, &used);
    while (got < 0 && errno == EINTR);
    if (child < 0 || got < 0) {
        perror("measure");
        return 1;
    }
    clock_gettime(CLOCK_MONOTONIC, &end);

    FILE *out = fopen(argv[1], "w");
    if (out == NULL) {
        perror(argv[1]);
        return 1;
    }
    double wall = (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    fprintf(out, "%.6f %.6f %.6f %ld %ld %d\n", wall, seconds(&used.ru_utime), seconds(&used.ru_stime),
            used.ru_maxrss, used.ru_minflt, code);
    return fclose(out) == 0 ? 0 : 1;
}
