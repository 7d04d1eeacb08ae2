/* What the tests of the API share: checks that go on, and running a program with its stderr read. */
#ifndef TESTS_API_H
#define TESTS_API_H

#define _GNU_SOURCE
#include <greyspan.h>

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The thread sanitizer makes all take many times as long. It must be told of switches of stacks, takes no fork
   with threads, and loses track of a thread that is cancelled in a call of the system. */
#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#define UNDER_TSAN __has_feature(thread_sanitizer)
#else
#define UNDER_TSAN 0
#endif

enum { SKIPPED = 77, OUTPUT_MAX = 1 << 16 };

static int failures;

#define CHECK(condition, ...)                                                                                \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            failures++;                                                                                      \
            fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                                                  \
            fprintf(stderr, __VA_ARGS__);                                                                    \
            fputc('\n', stderr);                                                                             \
        }                                                                                                    \
    } while (0)

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Keeps the compiler from knowing what a pointer or a number is. */
__attribute__((unused)) static void *hide(void *p)
{
    __asm__ volatile("" : "+r"(p));
    return p;
}

__attribute__((unused)) static size_t hide_size(size_t n)
{
    __asm__ volatile("" : "+r"(n));
    return n;
}

struct outcome {
    int status;              /* of wait() */
    char output[OUTPUT_MAX]; /* stdout, and stderr where the command says 2>&1 */
};

/* Runs a command of the shell. */
__attribute__((unused)) static struct outcome *run_shell(const char *fmt, ...)
{
    static struct outcome o;
    char command[8192];
    va_list args;
    va_start(args, fmt);
    vsnprintf(command, sizeof command, fmt, args);
    va_end(args);

    size_t n = 0;
    FILE *pipe = popen(command, "r");
    o.status = -1;
    if (pipe != NULL) {
        n = fread(o.output, 1, sizeof o.output - 1, pipe);
        o.status = pclose(pipe);
    }
    o.output[n] = '\0';
    return &o;
}

__attribute__((unused)) static bool aborted(const struct outcome *o)
{
    return WIFSIGNALED(o->status) && WTERMSIG(o->status) == SIGABRT;
}

__attribute__((unused)) static bool succeeded(const struct outcome *o)
{
    return WIFEXITED(o->status) && WEXITSTATUS(o->status) == 0;
}

/* The path of this directory in the source tree. */
__attribute__((unused)) static const char *source_dir(void)
{
    static char dir[4096];
    const char *slash = strrchr(__FILE__, '/');
    snprintf(dir, sizeof dir, "%.*s", slash == NULL ? 1 : (int)(slash - __FILE__),
             slash == NULL ? "." : __FILE__);
    return dir;
}

/* A file of the source tree, by its path from tests/api; NULL when it is not there. */
__attribute__((unused)) static char *read_source(const char *path)
{
    char full[8192];
    snprintf(full, sizeof full, "%s/%s", source_dir(), path);
    FILE *f = fopen(full, "r");
    if (f == NULL)
        return NULL;
    char *text = calloc(1, OUTPUT_MAX);
    if (text == NULL || fread(text, 1, OUTPUT_MAX - 1, f) == 0)
        abort();
    fclose(f);
    return text;
}

/* The path of the running program. */
__attribute__((unused)) static const char *self_path(void)
{
    static char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    path[n < 0 ? 0 : n] = '\0';
    return path;
}

/* The directory of the libgreyspan.so in use, where its sisters lie, too. */
__attribute__((unused)) static const char *library_dir(void)
{
    static char dir[4096];
    Dl_info library;
    if (dladdr((void *)(uintptr_t)grey_version, &library) == 0 || strrchr(library.dli_fname, '/') == NULL)
        return ".";
    int n = (int)(strrchr(library.dli_fname, '/') - library.dli_fname);
    snprintf(dir, sizeof dir, "%.*s", n, library.dli_fname);
    return dir;
}

__attribute__((unused)) static int result(void)
{
    return failures == 0 ? 0 : 1;
}

#endif
