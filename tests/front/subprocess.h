/* Runs a program, usually this one again in another mode, and keeps what it wrote.
   Output goes to memory files, so that a child can never wait for its reader. */
#ifndef FRONT_SUBPROCESS_H
#define FRONT_SUBPROCESS_H

#include "front.h"
#include <limits.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/wait.h>

struct run {
    int status; /* as waitpid() gives it */
    char out[1 << 16];
    char err[1 << 16];
};

static inline void run_collect(int fd, char *text, size_t room)
{
    ssize_t n = pread(fd, text, room - 1, 0);
    text[n > 0 ? n : 0] = 0;
    close(fd);
}

/* `changes` are NAME=VALUE strings (or NAME alone, to unset it) ending with NULL. */
static inline void run_program(struct run *r, char *const argv[], const char *const changes[])
{
    int out = memfd_create("out", 0), err = memfd_create("err", 0);
    REQUIRE(out >= 0 && err >= 0, "memory files can be made");
    pid_t child = fork();
    REQUIRE(child >= 0, "fork works");
    if (child == 0) {
        for (; changes != NULL && *changes != NULL; changes++)
            putenv((char *)(uintptr_t)*changes);
        dup2(out, 1);
        dup2(err, 2);
        execvp(argv[0], argv);
        _exit(127);
    }
    while (waitpid(child, &r->status, 0) < 0 && errno == EINTR)
        continue;
    run_collect(out, r->out, sizeof r->out);
    run_collect(err, r->err, sizeof r->err);
}

static inline const char *own_path(void)
{
    static char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    REQUIRE(n > 0, "/proc/self/exe can be read");
    path[n] = 0;
    return path;
}

/* run_self(&r, "mode", "NAME=VALUE", ..., NULL) */
static inline void run_self(struct run *r, const char *mode, ...)
{
    const char *changes[16] = { NULL };
    va_list list;
    va_start(list, mode);
    for (size_t i = 0; i + 1 < COUNT(changes); i++)
        if ((changes[i] = va_arg(list, const char *)) == NULL)
            break;
    va_end(list);
    char *argv[] = { (char *)(uintptr_t)own_path(), (char *)(uintptr_t)mode, NULL };
    run_program(r, argv, changes);
}

static inline bool run_ended_well(const struct run *r)
{
    return WIFEXITED(r->status) && WEXITSTATUS(r->status) == 0;
}

static inline size_t count_lines(const char *text)
{
    size_t n = 0;
    for (; *text != 0; text++)
        n += *text == '\n';
    return n;
}

/* The modules built from *_plugin.c lie beside the program. */
static inline const char *plugin(const char *name)
{
    static char path[PATH_MAX + 256];
    const char *own = own_path();
    snprintf(path, sizeof path, "%.*s/%s", (int)(strrchr(own, '/') - own), own, name);
    REQUIRE(access(path, R_OK) == 0, "the module %s is there", path);
    return path;
}

/* "LD_PRELOAD=..." with a module behind what is preloaded now: the loader
   initialises it before, and finalises it after, those that stand in front of it. */
static inline const char *preload_with(const char *name)
{
    static char setting[2 * PATH_MAX];
    const char *now = getenv("LD_PRELOAD");
    if (now != NULL && *now != 0)
        snprintf(setting, sizeof setting, "LD_PRELOAD=%s:%s", now, plugin(name));
    else
        snprintf(setting, sizeof setting, "LD_PRELOAD=%s", plugin(name));
    return setting;
}

#endif
