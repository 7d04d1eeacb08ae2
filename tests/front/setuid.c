/* In a set-uid program the environment belongs to whoever called it: options are ignored.
   The loader ignores a preload by path there, so a set-uid copy of this program, run by
   another user, opens the library itself. As root alone nothing would be secure: the test
   needs root to make the copy and another user to run it. */
#include "subprocess.h"
#include <grp.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum { NOBODY = 65534, NOT_SECURE = 3 };

static char directory[] = "/tmp/front-setuid-XXXXXX", program[PATH_MAX], library[PATH_MAX];

static void remove_copies(void)
{
    unlink(program);
    unlink(library);
    rmdir(directory);
}

static void copy(const char *from, const char *to, mode_t mode)
{
    static char data[1 << 16];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0700);
    REQUIRE(in >= 0 && out >= 0, "%s can be copied", from);
    for (ssize_t n; (n = read(in, data, sizeof data)) > 0;)
        REQUIRE(write(out, data, (size_t)n) == n, "the copy can be written");
    REQUIRE(fchmod(out, mode) == 0, "the copy's mode can be set");
    close(in);
    close(out);
}

/* argv: "inside" SECURE LIBRARY. Uses the library, as a program that links it would. */
static int inside(int secure, const char *path)
{
    if ((getauxval(AT_SECURE) != 0) != secure)
        return NOT_SECURE;
    void *handle = dlopen(path, RTLD_NOW);
    REQUIRE(handle != NULL, "the library opens: %s", dlerror());
    void *(*allocate)(size_t) = (void *(*)(size_t))dlsym(handle, "grey_malloc");
    void (*release)(void *) = (void (*)(void *))dlsym(handle, "grey_free");
    REQUIRE(allocate != NULL && release != NULL, "it has grey_malloc and grey_free");
    void *p = allocate(100);
    CHECK(p != NULL, "grey_malloc works");
    release(p);
    return front_result();
}

static void run_as_nobody(struct run *r, const char *secure, const char *const changes[])
{
    int out = memfd_create("err", 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(out, 1);
        dup2(out, 2);
        for (; *changes != NULL; changes++)
            putenv((char *)(uintptr_t)*changes);
        if (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
            setresuid(NOBODY, NOBODY, NOBODY) != 0)
            _exit(FRONT_SKIPPED);
        execl(program, program, "inside", secure, library, (char *)NULL);
        _exit(FRONT_SKIPPED);
    }
    REQUIRE(waitpid(child, &r->status, 0) == child, "the child is there");
    run_collect(out, r->err, sizeof r->err);
}

int main(int argc, char **argv)
{
    static struct run r;
    static const char *const wishes[] = { "LD_PRELOAD", "GREY_STATS=1", "GREY_HELP=1",
                                          "GREY_ON_ERROR=perhaps", NULL };
    struct statvfs fs;

    if (argc > 3 && strcmp(argv[1], "inside") == 0)
        return inside(atoi(argv[2]), argv[3]);
    const char *libraries = getenv("GREY_TEST_LIBRARIES");
    if (geteuid() != 0)
        skip("only root can make a set-uid copy");
    if (libraries == NULL)
        skip("GREY_TEST_LIBRARIES does not say where the library is");
    if (statvfs("/tmp", &fs) != 0 || (fs.f_flag & ST_NOSUID) != 0)
        skip("/tmp is mounted nosuid");

    char built[PATH_MAX];
    snprintf(built, sizeof built, "%s/libgreyspan.so.1", libraries);
    REQUIRE(access(built, R_OK) == 0, "%s is there", built);
    REQUIRE(mkdtemp(directory) != NULL && chmod(directory, 0755) == 0, "a directory can be made");
    snprintf(program, sizeof program, "%s/program", directory);
    snprintf(library, sizeof library, "%s/libgreyspan.so.1", directory);
    copy(built, library, 0755);
    copy(own_path(), program, 0755);

    run_as_nobody(&r, "0", wishes);
    if (WEXITSTATUS(r.status) == FRONT_SKIPPED) {
        remove_copies();
        skip("no other user can run a copy of the program");
    }
    CHECK(run_ended_well(&r), "without set-uid the copy runs: status %#x\n%s", (unsigned)r.status, r.err);
    CHECK(strstr(r.err, "GREY_SCAVENGE") != NULL && strstr(r.err, "perhaps") != NULL &&
              strstr(r.err, "spans") != NULL,
          "without set-uid the options are heard:\n%s", r.err);

    REQUIRE(chmod(program, 04755) == 0, "the copy can be made set-uid");
    run_as_nobody(&r, "1", wishes);
    remove_copies();
    if (WEXITSTATUS(r.status) == NOT_SECURE)
        skip("the kernel does not honour set-uid here");
    CHECK(run_ended_well(&r), "the set-uid copy runs: status %#x\n%s", (unsigned)r.status, r.err);
    CHECK(r.err[0] == 0, "a set-uid program ignores GREY_STATS, GREY_HELP and all others:\n%s", r.err);
    return front_result();
}
