/* limits, on Linux.

   /proc/self/cgroup has a line for each hierarchy the process is in: "0::/path" for the second version,
   "4:memory:/path" or "3:cpu,cpuacct:/path" for the first. /proc/self/mountinfo tells where hierarchies are
   mounted and which directory of theirs is the mount's root: containers see only their own part. */
#define _GNU_SOURCE
#include "alloc/limits.h"

#include "alloc/os.h"
#include "alloc/report.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Longer lines and paths are as good as not there. */
enum { PATH_BYTES = 4096, LINE_BYTES = 3 * PATH_BYTES, VALUE_BYTES = 128, CPU_MASK_BYTES = 8192 };

struct scratch {
    char line[LINE_BYTES];
    char group[PATH_BYTES], mount[PATH_BYTES], mount_root[PATH_BYTES];
    char directory[PATH_BYTES], name[PATH_BYTES + VALUE_BYTES];
    char buffer[PATH_BYTES];
    uint64_t cpus[CPU_MASK_BYTES / sizeof(uint64_t)];
    size_t used, filled; /* of buffer */
    int fd;
};

/* ---- files ---- */

/* libc's open and read are cancellation points, syscall() is none; it sets errno, which is kept here. */
static long raw(long call, long a, long b, long c, long d)
{
    int kept = errno;
    long r = syscall(call, a, b, c, d);
    errno = kept;
    return r;
}

static bool open_file(struct scratch *s, const char *name)
{
    s->used = s->filled = 0;
    s->fd = (int)raw(SYS_openat, AT_FDCWD, (long)name, O_RDONLY | O_CLOEXEC, 0);
    return s->fd >= 0;
}

static void close_file(struct scratch *s)
{
    raw(SYS_close, s->fd, 0, 0, 0);
}

/* The next byte, or -1 at the end. */
static int next_byte(struct scratch *s)
{
    if (s->used == s->filled) {
        long n = raw(SYS_read, s->fd, (long)s->buffer, sizeof s->buffer, 0);
        if (n <= 0)
            return -1;
        s->used = 0;
        s->filled = (size_t)n;
    }
    return (unsigned char)s->buffer[s->used++];
}

/* The next line that fits, without its end. */
static bool next_line(struct scratch *s)
{
    for (;;) {
        size_t n = 0;
        int c;
        while ((c = next_byte(s)) >= 0 && c != '\n') {
            if (n < sizeof s->line)
                s->line[n] = (char)c;
            n++;
        }
        if (c < 0 && n == 0)
            return false;
        if (n < sizeof s->line) {
            s->line[n] = '\0';
            return true;
        }
    }
}

/* ---- values ---- */

/* Digits; UINT64_MAX for anything else ("max", "-1") and for what does not fit. */
static uint64_t number(const char *s, const char **end)
{
    uint64_t n = 0;
    const char *at = s;
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t)(*at - '0'), &n))
            n = UINT64_MAX;
    *end = at;
    return at == s ? UINT64_MAX : n;
}

/* The first line of a file in a group's directory, in s->line. */
static bool read_value(struct scratch *s, const char *directory, const char *file)
{
    size_t n = report_format(s->name, sizeof s->name, "%s/%s", directory, file);
    if (n + 1 >= sizeof s->name || !open_file(s, s->name))
        return false;
    bool got = next_line(s);
    close_file(s);
    return got;
}

static uint64_t read_number(struct scratch *s, const char *directory, const char *file)
{
    const char *end;
    return read_value(s, directory, file) ? number(s->line, &end) : UINT64_MAX;
}

/* ---- where the process's groups are ---- */

/* Is word one of the words of a list that are joined by commas? */
static bool lists(const char *list, size_t list_bytes, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = list, *end = list + list_bytes; at < end;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma == NULL ? end : comma;
        if ((size_t)(stop - at) == n && memcmp(at, word, n) == 0)
            return true;
        at = stop + 1;
    }
    return false;
}

/* The process's path in the hierarchy of a controller, NULL for that of the second version. */
static bool find_group(struct scratch *s, const char *root, const char *controller)
{
    bool found = false;
    report_format(s->name, sizeof s->name, "%s/proc/self/cgroup", root);
    if (!open_file(s, s->name))
        return false;
    while (!found && next_line(s)) {
        char *list = strchr(s->line, ':');
        char *path = list == NULL ? NULL : strchr(list + 1, ':');
        if (path == NULL)
            continue;
        list++;
        size_t n = (size_t)(path - list);
        found = controller == NULL ? n == 0 : lists(list, n, controller);
        if (found && report_format(s->group, sizeof s->group, "%s", path + 1) + 1 >= sizeof s->group)
            found = false;
    }
    close_file(s);
    return found;
}

/* Copies a field of mountinfo, in which blanks and the like stand as \040; returns what follows it. */
static const char *take_field(const char *from, char *out, size_t size)
{
    size_t n = 0;
    while (*from != '\0' && *from != ' ') {
        char c = *from++;
        if (c == '\\' && from[0] >= '0' && from[0] <= '3' && from[1] != '\0' && from[2] != '\0') {
            c = (char)((from[0] - '0') << 6 | (from[1] - '0') << 3 | (from[2] - '0'));
            from += 3;
        }
        if (n + 1 < size)
            out[n++] = c;
    }
    out[n] = '\0';
    return *from == ' ' ? from + 1 : from;
}

static const char *skip_field(const char *from)
{
    from += strcspn(from, " ");
    return *from == ' ' ? from + 1 : from;
}

/* "36 35 98:0 ROOT MOUNT options [more...] - TYPE source SUPEROPTIONS" */
static bool take_mount(struct scratch *s, const char *controller)
{
    const char *at = skip_field(skip_field(skip_field(s->line)));
    const char *type = strstr(s->line, " - ");
    if (type == NULL)
        return false;
    type += 3;
    const char *super = skip_field(skip_field(type));
    bool right = controller == NULL
                     ? strncmp(type, "cgroup2 ", 8) == 0
                     : strncmp(type, "cgroup ", 7) == 0 && lists(super, strlen(super), controller);
    if (!right)
        return false;
    at = take_field(at, s->mount_root, sizeof s->mount_root);
    take_field(at, s->mount, sizeof s->mount);
    return true;
}

static bool find_mount(struct scratch *s, const char *root, const char *controller)
{
    bool found = false;
    report_format(s->name, sizeof s->name, "%s/proc/self/mountinfo", root);
    if (!open_file(s, s->name))
        return false;
    while (!found && next_line(s))
        found = take_mount(s, controller);
    close_file(s);
    return found;
}

/* The part of the group's path that lies below the mount's root; "" when it lies elsewhere, as in a container
   that sees its own group as the mount and the path from outside. */
static const char *path_below(const char *group, const char *mount_root)
{
    size_t n = strcmp(mount_root, "/") == 0 ? 0 : strlen(mount_root);
    if (strncmp(group, mount_root, n) != 0 || (group[n] != '/' && group[n] != '\0') ||
        strncmp(group + n, "/..", 3) == 0)
        return "";
    return strcmp(group + n, "/") == 0 ? "" : group + n;
}

/* The lowest value that `value` has in the process's group and all above it. */
static uint64_t lowest(struct scratch *s, const char *root, const char *controller,
                       uint64_t (*value)(struct scratch *s, const char *directory))
{
    uint64_t least = UINT64_MAX;
    if (!find_group(s, root, controller) || !find_mount(s, root, controller))
        return least;
    size_t top = strlen(root) + strlen(s->mount);
    size_t length = report_format(s->directory, sizeof s->directory, "%s%s%s", root, s->mount,
                                  path_below(s->group, s->mount_root));
    if (length + 1 >= sizeof s->directory)
        return least;
    for (;;) {
        uint64_t v = value(s, s->directory);
        least = v < least ? v : least;
        char *slash = strrchr(s->directory + top, '/');
        if (slash == NULL)
            return least;
        *slash = '\0';
    }
}

/* ---- memory ---- */

static uint64_t memory_of(struct scratch *s, const char *directory)
{
    uint64_t max = read_number(s, directory, "memory.max"), high = read_number(s, directory, "memory.high");
    return max < high ? max : high;
}

/* The first version has no word for "none": a number near the largest. */
static uint64_t memory_of_v1(struct scratch *s, const char *directory)
{
    uint64_t limit = read_number(s, directory, "memory.limit_in_bytes");
    return limit >= UINT64_C(1) << 62 ? UINT64_MAX : limit;
}

uint64_t limits_memory(const char *root)
{
    struct scratch *s = os_map(round_up(sizeof *s, os_page_size()));
    if (s == NULL)
        return UINT64_MAX;
    uint64_t v2 = lowest(s, root, NULL, memory_of), v1 = lowest(s, root, "memory", memory_of_v1);
    os_release(s, round_up(sizeof *s, os_page_size()));
    return v2 < v1 ? v2 : v1;
}

/* ---- CPUs ---- */

static uint64_t cpus_for(uint64_t quota, uint64_t period)
{
    if (quota == UINT64_MAX || period == UINT64_MAX || period == 0)
        return UINT64_MAX;
    return quota / period + (quota % period != 0);
}

static uint64_t cpus_of(struct scratch *s, const char *directory)
{
    const char *at;
    if (!read_value(s, directory, "cpu.max"))
        return UINT64_MAX;
    uint64_t quota = number(s->line, &at);
    return cpus_for(quota, *at == ' ' ? number(at + 1, &at) : UINT64_MAX);
}

static uint64_t cpus_of_v1(struct scratch *s, const char *directory)
{
    uint64_t quota = read_number(s, directory, "cpu.cfs_quota_us");
    return cpus_for(quota, read_number(s, directory, "cpu.cfs_period_us"));
}

/* Of the process, not of the calling thread, which may be bound to one CPU: its first thread's. */
static unsigned affinity(struct scratch *s)
{
    unsigned n = 0;
    long bytes = raw(SYS_sched_getaffinity, os_getpid(), sizeof s->cpus, (long)s->cpus, 0);
    for (long i = 0; i < bytes / (long)sizeof s->cpus[0]; i++)
        n += (unsigned)__builtin_popcountll(s->cpus[i]);
    return n == 0 ? 1 : n;
}

unsigned limits_cpus(const char *root)
{
    struct scratch *s = os_map(round_up(sizeof *s, os_page_size()));
    if (s == NULL)
        return 1;
    uint64_t least = affinity(s);
    uint64_t v2 = lowest(s, root, NULL, cpus_of), v1 = lowest(s, root, "cpu", cpus_of_v1);
    os_release(s, round_up(sizeof *s, os_page_size()));
    least = v2 < least ? v2 : least;
    least = v1 < least ? v1 : least;
    return least == 0 ? 1 : (unsigned)least;
}

uint64_t limits_machine(void)
{
    static struct atomicw known; /* [atomic] the same whoever stores it; relaxed */
    uint64_t bytes = aw_load_relaxed(&known);
    struct sysinfo info;
    if (bytes != 0)
        return bytes;
    bytes = sysinfo(&info) == 0 ? ((uint64_t)info.totalram + info.totalswap) * info.mem_unit : UINT64_MAX;
    aw_store_relaxed(&known, bytes);
    return bytes;
}
