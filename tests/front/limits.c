/* Under ulimit -v and ulimit -d: what fits is given, what does not is refused with ENOMEM,
   and a refusal costs nothing: small requests go on, and freed memory serves again, also
   as larger blocks. Each limit gets a process of its own. */
#include "front.h"
#include <sys/resource.h>
#include <sys/wait.h>

/* The blocks of a row hang together, for an array of them would be the largest block of all. */
struct link {
    struct link *next;
    struct link *self;
};

struct limit {
    int resource;
    const char *name;
    size_t headroom; /* above what the process has when the limit comes into force */
};

static size_t writable_bytes(void)
{
    return statm_bytes(5);
}

static void set_limit(const struct limit *l)
{
    size_t now = l->resource == RLIMIT_AS ? statm_bytes(0) : writable_bytes();
    struct rlimit r = { now + l->headroom, RLIM_INFINITY };
    REQUIRE(setrlimit(l->resource, &r) == 0, "setrlimit works");
}

/* Allocates blocks of one size until there are no more; gives their number. */
static size_t fill(size_t size, const struct limit *l, struct link **row)
{
    size_t n = 0, most = 2 * l->headroom / size;
    struct link *fresh;
    *row = NULL;
    errno = 0;
    for (; n < most && (fresh = hidep(malloc(hide(size)))) != NULL; n++) {
        *fresh = (struct link){ *row, fresh };
        *row = fresh;
    }
    CHECK(n < most, "%s + %zu MiB: blocks of %zu bytes come to an end", l->name, l->headroom / MIB, size);
    CHECK(errno == ENOMEM, "%s: the end is told by ENOMEM (it is %d)", l->name, errno);
    return n;
}

static void drop(struct link *row)
{
    while (row != NULL) {
        struct link *next = row->next;
        CHECK(row->self == row, "a block is intact after refusals");
        free(row);
        row = next;
    }
}

static void fills(const struct limit *l)
{
    static const size_t sizes[] = { 1 << 20, 4096, 200, 50000, 3 << 20, 1 << 20 };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct link *row;
        if (l->headroom > 300 * MIB && sizes[i] < MIB)
            continue; /* takes long, tells nothing new */
        size_t n = fill(sizes[i], l, &row);
        CHECK(n * sizes[i] >= l->headroom / 2,
              "%s + %zu MiB: at least half of it can be had in blocks of %zu (%zu MiB)", l->name,
              l->headroom / MIB, sizes[i], n * sizes[i] / MIB);
        drop(row);
    }
}

static void small_after_large(const struct limit *l)
{
    for (int i = 0; i < 100; i++) {
        errno = 0;
        CHECK(malloc(hide(l->headroom * 2)) == NULL && errno == ENOMEM, "%s: too large a block is refused",
              l->name);
        void *p = hidep(malloc(hide(100)));
        CHECK(p != NULL, "%s: a small block after the refusal is given", l->name);
        free(p);
        CHECK(calloc(2, hide(l->headroom)) == NULL, "%s: calloc refuses as well", l->name);
        p = malloc(hide(10000));
        CHECK(realloc(p, hide(l->headroom * 2)) == NULL, "%s: realloc refuses as well", l->name);
        free(p);
    }
}

/* What was large becomes small and large again. */
static void big_small_big(const struct limit *l)
{
    size_t big = l->headroom * 3 / 8;
    struct link *row;
    for (int i = 0; i < 3; i++) {
        void *p = hidep(malloc(hide(big)));
        CHECK(p != NULL, "%s + %zu MiB: a block of %zu MiB fits (round %d)", l->name, l->headroom / MIB,
              big / MIB, i);
        free(p);
        fill(20000, l, &row);
        drop(row);
        p = hidep(calloc(1, hide(big)));
        CHECK(p != NULL, "%s + %zu MiB: it fits again after small blocks (round %d)", l->name,
              l->headroom / MIB, i);
        p = realloc(p, hide(big / 4));
        CHECK(p != NULL, "%s: it can shrink", l->name);
        free(p);
        fill(100000, l, &row);
        drop(row);
    }
}

static int child(const struct limit *l)
{
    free(hidep(malloc(hide(100))));
    set_limit(l);
    fills(l);
    small_after_large(l);
    big_small_big(l);
    return front_result();
}

int main(void)
{
    static const struct limit limits[] = {
        { RLIMIT_AS, "ulimit -v", 64 * MIB },    { RLIMIT_AS, "ulimit -v", 100 * MIB },
        { RLIMIT_AS, "ulimit -v", 200 * MIB },   { RLIMIT_AS, "ulimit -v", 512 * MIB },
        { RLIMIT_AS, "ulimit -v", 1024 * MIB },  { RLIMIT_DATA, "ulimit -d", 64 * MIB },
        { RLIMIT_DATA, "ulimit -d", 256 * MIB },
    };
    for (size_t i = 0; i < COUNT(limits); i++) {
        int status;
        pid_t pid = fork();
        REQUIRE(pid >= 0, "fork works");
        if (pid == 0)
            _exit(child(&limits[i]));
        REQUIRE(waitpid(pid, &status, 0) == pid, "the child is there");
        CHECK(status == 0, "%s + %zu MiB: all of it holds (status %#x)", limits[i].name,
              limits[i].headroom / MIB, (unsigned)status);
    }
    return front_result();
}
