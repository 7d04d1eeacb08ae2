/* The limits of control groups, read from trees like those that systems show. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc/limits.h"

#define NONE UINT64_MAX

static char root[] = "/tmp/greyspan-limits-XXXXXX";

/* Writes a file below the root, and the directories it lies in. */
static void put(const char *path, const char *text)
{
    char full[9000];
    int n = snprintf(full, sizeof full, "%s%s", root, path);
    for (int i = (int)strlen(root) + 1; i < n; i++)
        if (full[i] == '/') {
            full[i] = '\0';
            assert_true(mkdir(full, 0700) == 0 || errno == EEXIST);
            full[i] = '/';
        }
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int drop(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    return ftw->level == 0 ? 0 : remove(path);
}

static int clean(void **state)
{
    (void)state;
    return nftw(root, drop, 8, FTW_DEPTH | FTW_PHYS);
}

static int make_root(void **state)
{
    (void)state;
    return mkdtemp(root) == NULL;
}

static int remove_root(void **state)
{
    (void)state;
    return rmdir(root);
}

/* A system with the second version alone, mounted where all do. */
static void second_version(const char *group)
{
    char line[5000];
    snprintf(line, sizeof line, "0::%s\n", group);
    put("/proc/self/cgroup", line);
    put("/proc/self/mountinfo", "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
                                "31 22 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 "
                                "rw,nsdelegate,memory_recursiveprot\n"
                                "40 22 0:31 / /elsewhere rw - tmpfs cgroup2 rw\n");
}

static void nothing_to_read_is_no_limit(void **state)
{
    (void)state;
    assert_int_equal(limits_memory(root), NONE);
    put("/proc/self/cgroup", "0::/a\n");
    assert_int_equal(limits_memory(root), NONE);
    put("/proc/self/mountinfo", "garbage\n\n - \n1 2 3\n");
    assert_int_equal(limits_memory(root), NONE);
    second_version("/a");
    assert_int_equal(limits_memory(root), NONE);
    put("/proc/self/cgroup", "no colon\n0:\n::\n");
    assert_int_equal(limits_memory(root), NONE);
}

static void the_lowest_of_all_groups_above_counts(void **state)
{
    (void)state;
    second_version("/a/b/c");
    put("/sys/fs/cgroup/a/b/c/memory.max", "max\n");
    put("/sys/fs/cgroup/a/b/c/memory.high", "max\n");
    assert_int_equal(limits_memory(root), NONE);
    put("/sys/fs/cgroup/a/memory.max", "4000000\n");
    assert_int_equal(limits_memory(root), 4000000);
    put("/sys/fs/cgroup/a/b/memory.high", "3000000\n");
    assert_int_equal(limits_memory(root), 3000000);
    put("/sys/fs/cgroup/a/b/c/memory.max", "2000000\n");
    assert_int_equal(limits_memory(root), 2000000);
    put("/sys/fs/cgroup/memory.max", "1000000\n");
    assert_int_equal(limits_memory(root), 1000000);
    /* A neighbour's does not. */
    put("/sys/fs/cgroup/a/x/memory.max", "1\n");
    put("/memory.max", "1\n");
    assert_int_equal(limits_memory(root), 1000000);
    /* Nor do numbers that are none. */
    put("/sys/fs/cgroup/memory.max", "99999999999999999999999\n");
    put("/sys/fs/cgroup/a/memory.max", "\n");
    put("/sys/fs/cgroup/a/b/memory.max", "");
    assert_int_equal(limits_memory(root), 2000000);
}

/* With a namespace of its own a container is in "/"; without, the path is the host's and the mount shows a
 * part. */
static void containers_find_their_own_group(void **state)
{
    (void)state;
    second_version("/");
    put("/sys/fs/cgroup/memory.max", "5000\n");
    assert_int_equal(limits_memory(root), 5000);
    second_version("/../outside");
    put("/sys/fs/outside/memory.max", "1\n");
    assert_int_equal(limits_memory(root), 5000);

    put("/proc/self/cgroup", "4:memory:/docker/12ab/inner\n1:name=systemd:/docker\n");
    put("/proc/self/mountinfo", "50 1 0:30 /docker /wrong rw - cgroup cgroup rw,cpu,cpuacct\n"
                                "51 1 0:31 /docker/12ab /sys/fs/cgroup/mem\\040ory ro,relatime master:11 - "
                                "cgroup cgroup rw,memory\n");
    put("/sys/fs/cgroup/mem ory/memory.limit_in_bytes", "9223372036854771712\n");
    assert_int_equal(limits_memory(root), NONE);
    put("/sys/fs/cgroup/mem ory/inner/memory.limit_in_bytes", "7000\n");
    assert_int_equal(limits_memory(root), 7000);
    put("/sys/fs/cgroup/mem ory/memory.limit_in_bytes", "6000\n");
    assert_int_equal(limits_memory(root), 6000);
    /* A path that only begins alike is elsewhere. */
    put("/proc/self/cgroup", "4:memory:/docker/12abc\n");
    assert_int_equal(limits_memory(root), 6000);
}

static void both_versions_side_by_side_are_read(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "5:cpu,cpuacct,memory:/one\n0::/two\n");
    put("/proc/self/mountinfo", "31 22 0:26 / /v1 rw - cgroup cgroup rw,cpu,cpuacct,memory\n"
                                "32 22 0:27 / /v2 rw - cgroup2 cgroup2 rw\n");
    put("/v1/one/memory.limit_in_bytes", "8000\n");
    put("/v2/two/memory.max", "9000\n");
    assert_int_equal(limits_memory(root), 8000);
    put("/v2/two/memory.max", "7000\n");
    assert_int_equal(limits_memory(root), 7000);
}

static void long_lines_are_survived(void **state)
{
    (void)state;
    static char lines[40000], group[3000];
    memset(lines, 'x', sizeof lines - 1);
    lines[sizeof lines - 2] = '\n';
    memset(group, 'g', sizeof group - 1);
    group[0] = '/';
    for (size_t i = 100; i < sizeof group - 1; i += 100)
        group[i] = '/';
    put("/proc/self/cgroup", lines);
    assert_int_equal(limits_memory(root), NONE);
    second_version(group);
    put("/sys/fs/cgroup/memory.max", "5000\n");
    assert_int_equal(limits_memory(root), 5000);
    /* The lines that matter behind a very long one. */
    snprintf(lines + sizeof lines - 200, 200, "\n31 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    put("/proc/self/mountinfo", lines);
    assert_int_equal(limits_memory(root), 5000);
}

static unsigned own_cpus(void)
{
    cpu_set_t set;
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    return (unsigned)CPU_COUNT(&set);
}

static void cpus_are_those_of_the_mask_and_of_the_quota(void **state)
{
    (void)state;
    unsigned all = own_cpus();
    assert_int_equal(limits_cpus(root), all);
    second_version("/a/b");
    put("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    assert_int_equal(limits_cpus(root), all);
    put("/sys/fs/cgroup/a/cpu.max", "100000000 100000\n"); /* a thousand */
    assert_int_equal(limits_cpus(root), all);
    put("/sys/fs/cgroup/a/cpu.max", "150000 100000\n"); /* one and a half */
    assert_int_equal(limits_cpus(root), all < 2 ? all : 2);
    put("/sys/fs/cgroup/a/b/cpu.max", "20000 100000\n");
    assert_int_equal(limits_cpus(root), 1);
    put("/sys/fs/cgroup/a/b/cpu.max", "20000 0\n");
    put("/sys/fs/cgroup/a/cpu.max", "20000\n");
    assert_int_equal(limits_cpus(root), all);
    put("/sys/fs/cgroup/a/cpu.max", "0 100000\n");
    assert_int_equal(limits_cpus(root), 1);
}

static void the_first_version_has_two_files_for_cpus(void **state)
{
    (void)state;
    unsigned all = own_cpus();
    put("/proc/self/cgroup", "3:cpuacct:/x\n2:cpu:/a\n");
    put("/proc/self/mountinfo", "31 22 0:26 / /acct rw - cgroup cgroup rw,cpuacct\n"
                                "32 22 0:27 / /cpu rw - cgroup cgroup rw,cpu\n");
    put("/cpu/a/cpu.cfs_quota_us", "-1\n");
    put("/cpu/a/cpu.cfs_period_us", "100000\n");
    assert_int_equal(limits_cpus(root), all);
    put("/cpu/a/cpu.cfs_quota_us", "100000\n");
    assert_int_equal(limits_cpus(root), 1);
}

static void the_system_itself_can_be_asked(void **state)
{
    (void)state;
    errno = 12345;
    assert_true(limits_memory("") > 0);
    assert_in_range(limits_cpus(""), 1, own_cpus());
    assert_int_equal(errno, 12345);
}

static int open_descriptors(void)
{
    int n = 0;
    for (int fd = 0; fd < 1000; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void no_descriptor_stays_open(void **state)
{
    (void)state;
    int before = open_descriptors();
    second_version("/a/b");
    put("/sys/fs/cgroup/a/b/memory.max", "5000\n");
    put("/sys/fs/cgroup/a/cpu.max", "150000 100000\n");
    limits_memory(root);
    limits_cpus(root);
    limits_memory("/nowhere");
    assert_int_equal(open_descriptors(), before);
}

#define limits_test(f) cmocka_unit_test_teardown(f, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        limits_test(nothing_to_read_is_no_limit),
        limits_test(the_lowest_of_all_groups_above_counts),
        limits_test(containers_find_their_own_group),
        limits_test(both_versions_side_by_side_are_read),
        limits_test(long_lines_are_survived),
        limits_test(cpus_are_those_of_the_mask_and_of_the_quota),
        limits_test(the_first_version_has_two_files_for_cpus),
        limits_test(the_system_itself_can_be_asked),
        limits_test(no_descriptor_stays_open),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
