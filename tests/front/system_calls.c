/* Under strace: between two marks, an allocator at work uses only the system calls that every
   sandbox allows, and a steady loop of small requests uses none at all. */
#include "subprocess.h"
#include <ctype.h>
#include <pthread.h>

/* Marks are writes to a descriptor that does not exist. */
static void mark(const char *text)
{
    if (write(-1, text, strlen(text)) == 0)
        _exit(2);
}

static void small_loop(int rounds)
{
    static void *held[64];
    uint64_t random = 1;
    for (int i = 0; i < rounds; i++) {
        size_t k = random_below(&random, COUNT(held));
        free(held[k]);
        held[k] = hidep(malloc(hide(random_below(&random, 1024))));
    }
}

static int steady(void)
{
    small_loop(100000);
    mark("BEGIN");
    small_loop(100000);
    mark("END");
    return 0;
}

static void *thread(void *argument)
{
    small_loop(1000);
    return argument;
}

static int kinds(void)
{
    mark("BEGIN");
    for (size_t size = 1; size < 200 * MIB; size *= 2) {
        for (int i = 0; i < 3; i++) {
            char *p = hidep(malloc(hide(size)));
            p = hidep(realloc(p, hide(size * 2)));
            p[size] = 1;
            p = hidep(realloc(p, hide(size / 2 + 1)));
            free(p);
            free(hidep(calloc(1, hide(size))));
            free(hidep(memalign(65536, hide(size))));
        }
    }
    for (size_t i = 0; i < 300000; i++)
        (void)hidep(malloc(hide(i % 1000)));
    malloc_trim(0);
    for (int i = 0; i < 5; i++) {
        void *p = hidep(malloc(hide(100 * MIB)));
        touch(p, 100 * MIB);
        free(p);
    }
    mark("END");

    /* Time for what works in the background, and for a thread's end. */
    pthread_t t;
    pthread_create(&t, NULL, thread, NULL);
    pthread_join(t, NULL);
    sleep_ms(2500);
    return 0;
}

/* clone, rt_sigprocmask and rt_sigaction: libc starts the thread that gives memory back. */
static const char *const of_the_program[] = {
    "mmap",  "munmap", "mremap",         "madvise",      "mprotect", "futex",
    "clone", "clone3", "rt_sigprocmask", "rt_sigaction",
};
/* The others: that thread sets its name; a thread of libc's has a little more to do. */
static const char *const of_the_background[] = {
    "mmap",  "munmap", "mremap",         "madvise",         "mprotect", "futex",
    "prctl", "rseq",   "rt_sigprocmask", "set_robust_list", "exit",
};

static bool is_in(const char *name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, list[i]) == 0)
            return true;
    return false;
}

/* A line of strace -f -o: "PID  name(arguments) = result". */
static bool parse(const char *line, long *pid, char *name, size_t room)
{
    char *at;
    size_t n = 0;
    *pid = strtol(line, &at, 10);
    while (*at == ' ')
        at++;
    while ((isalnum((unsigned char)*at) || *at == '_') && n + 1 < room)
        name[n++] = *at++;
    name[n] = 0;
    return n > 0 && *at == '(';
}

enum { NAMES = 64, NAME = 32 };

struct trace {
    size_t between_marks, forbidden, marks;
    char name[NAME]; /* the last one that was not allowed */
    size_t names;
    char outside[NAMES][NAME]; /* what is called before and after the marks, each once */
};

static bool is_noted(const struct trace *t, const char *name)
{
    for (size_t i = 0; i < t->names; i++)
        if (strcmp(t->outside[i], name) == 0)
            return true;
    return false;
}

static void note_outside(struct trace *t, const char *name)
{
    if (!is_noted(t, name) && t->names < NAMES)
        memcpy(t->outside[t->names++], name, NAME);
}

static struct trace read_trace(const char *path)
{
    struct trace t = { 0 };
    char line[1000], name[NAME];
    long pid, main_pid = 0;
    bool inside = false;
    FILE *f = fopen(path, "r");
    REQUIRE(f != NULL, "the trace can be read");
    while (fgets(line, sizeof line, f) != NULL) {
        if (!parse(line, &pid, name, sizeof name))
            continue;
        if (main_pid == 0)
            main_pid = pid;
        if (strstr(line, "write(-1, \"BEGIN\"") != NULL || strstr(line, "write(-1, \"END\"") != NULL) {
            inside = strstr(line, "BEGIN") != NULL;
            t.marks++;
            continue;
        }
        bool allowed = pid == main_pid ? !inside || is_in(name, of_the_program, COUNT(of_the_program))
                                       : is_in(name, of_the_background, COUNT(of_the_background));
        t.between_marks += inside && pid == main_pid;
        if (!inside && pid == main_pid)
            note_outside(&t, name);
        if (!allowed) {
            t.forbidden++;
            memcpy(t.name, name, NAME);
        }
    }
    fclose(f);
    return t;
}

static struct trace trace_self(const char *mode, bool preloaded)
{
    static struct run r;
    char path[] = "/tmp/front-trace-XXXXXX",
         preload[2 * PATH_MAX] = "LD_PRELOAD=", search[2 * PATH_MAX] = "LD_LIBRARY_PATH=";
    const char *now = preloaded ? getenv("LD_PRELOAD") : NULL, *libraries = getenv("LD_LIBRARY_PATH");
    close(mkstemp(path));
    snprintf(preload, sizeof preload, "LD_PRELOAD=%s", now == NULL ? "" : now);
    snprintf(search, sizeof search, "LD_LIBRARY_PATH=%s", libraries == NULL ? "" : libraries);
    char *argv[] = { "strace",
                     "-f",
                     "-qq",
                     "-o",
                     path,
                     "-E",
                     preload,
                     "-E",
                     search,
                     (char *)(uintptr_t)own_path(),
                     (char *)(uintptr_t)mode,
                     NULL };
    const char *const changes[] = { "LD_PRELOAD", NULL };
    run_program(&r, argv, changes);
    if (WEXITSTATUS(r.status) == 127) {
        unlink(path);
        skip("strace is not installed");
    }
    if (strstr(r.err, "ptrace") != NULL || strstr(r.err, "PTRACE") != NULL) {
        unlink(path);
        skip("strace may not trace here");
    }
    CHECK(run_ended_well(&r), "the traced program ends well: status %#x\n%s", (unsigned)r.status, r.err);
    struct trace t = read_trace(path);
    unlink(path);
    CHECK(t.marks == 2, "both marks are in the trace");
    return t;
}

/* At its start and end, too, a program calls nothing with the library that it does not call
   without it, but for memory. */
static void starts_and_ends_like(const struct trace *t, const struct trace *without)
{
    for (size_t i = 0; i < t->names; i++)
        CHECK(is_in(t->outside[i], of_the_program, COUNT(of_the_program)) || is_noted(without, t->outside[i]),
              "at its start and end a program makes no other system call such as %s", t->outside[i]);
}

int main(int argc, char **argv)
{
    static struct trace t, without;
    skip_in_check_build();
    if (argc > 1)
        return strcmp(argv[1], "steady") == 0 ? steady() : kinds();

    t = trace_self("steady", true);
    CHECK(t.between_marks == 0, "100000 small requests in a steady state make %zu system calls",
          t.between_marks);
    without = trace_self("steady", false);
    starts_and_ends_like(&t, &without);

    t = trace_self("kinds", true);
    CHECK(t.between_marks > 0, "large requests make system calls");
    CHECK(t.forbidden == 0, "%zu system calls are of another kind, such as %s", t.forbidden, t.name);
    return front_result();
}
