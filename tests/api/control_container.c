/* GREY_CGROUP_LIMIT: nine tenths of the container's memory are the soft limit, unless the program's own is
   lower. The container is made of three files, which a process with mounts of its own sees in the place of
   the system's; that needs root. */
#include "api.h"

#include <sys/stat.h>

enum { CONTAINER = 256 << 20 };

static char scratch[] = "/tmp/greyspan-container-XXXXXX";

static void put(const char *name, const char *format, const char *value)
{
    char path[sizeof scratch + 32];
    snprintf(path, sizeof path, "%s/%s", scratch, name);
    FILE *f = fopen(path, "w");
    CHECK(f != NULL && fprintf(f, format, value) > 0 && fclose(f) == 0, "%s is written", path);
}

/* The shell's process becomes the program: what it has mounted over its own files in /proc stays. */
static struct outcome *in_container(const char *environment, const char *what)
{
    return run_shell("%s GREY_CGROUP_LIMIT=1 unshare -m sh -c 'mount --bind %s/cgroup /proc/$$/cgroup && "
                     "mount --bind %s/mountinfo /proc/$$/mountinfo && exec \"$0\" %s' '%s' 2>&1",
                     environment, scratch, scratch, what, self_path());
}

static void says(const char *environment, const char *what, unsigned long long bytes)
{
    char expected[32];
    struct outcome *o = in_container(environment, what);
    snprintf(expected, sizeof expected, "%llu\n", bytes);
    CHECK(succeeded(o) && strcmp(o->output, expected) == 0, "%s %s: %s, not %s", environment, what, o->output,
          expected);
}

static void say_limit(void)
{
    struct grey_gc_stats s;
    (void)hide(grey_alloc(GREY_NOSCAN, 100));
    CHECK(grey_gc_stats(&s, sizeof s), "there are statistics");
    printf("%llu\n", (unsigned long long)s.limit_bytes);
}

static int in_the_container(const char *what)
{
    if (strcmp(what, "off") == 0)
        CHECK(grey_set(GREY_SET_CGROUP_LIMIT, 0), "it can be switched off");
    if (strcmp(what, "later") == 0) {
        CHECK(grey_set(GREY_SET_CGROUP_LIMIT, 0) && grey_alloc(GREY_NOSCAN, 100) != NULL, "not asked for at first");
        CHECK(grey_set(GREY_SET_CGROUP_LIMIT, 1), "and asked for when the collector runs");
    }
    say_limit();
    return result();
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return in_the_container(argv[1]);
    if (mkdtemp(scratch) == NULL)
        return 1;
    char bytes[32];
    snprintf(bytes, sizeof bytes, "%d", CONTAINER);
    put("cgroup", "0::/%s\n", "");
    put("mountinfo", "31 22 0:26 / %s rw - cgroup2 cgroup2 rw\n", scratch);
    put("memory.max", "%s\n", bytes);
    bool can = succeeded(in_container("", "at-once"));
    if (can) {
        says("", "at-once", CONTAINER / 10 * 9);
        says("", "later", CONTAINER / 10 * 9);
        says("", "off", 0);
        says("GREY_MEMORY_LIMIT=100M", "at-once", 100 << 20);
        says("GREY_MEMORY_LIMIT=1G", "at-once", CONTAINER / 10 * 9);
        put("memory.max", "%s\n", "max");
        says("", "at-once", 0);
        says("GREY_MEMORY_LIMIT=100M", "at-once", 100 << 20);
    }
    run_shell("rm -rf '%s'", scratch);
    return can || failures > 0 ? result() : SKIPPED;
}
