/* When memory is refused: the allocation returns NULL with ENOMEM, nothing is lost, and as soon as
   something has been dropped there is memory again. Each case in a child of its own. */
#include "gc_fork.h"

#include <sys/resource.h>

enum { MIB = 1 << 20 };

struct limit {
    const char *what;
    size_t bytes; /* above what the process has */
    void (*set)(size_t bytes);
};

/* Field of /proc/self/statm, in bytes. */
static size_t statm(int field)
{
    unsigned long pages[7] = { 0 };
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL)
        return 0;
    int n = fscanf(f, "%lu %lu %lu %lu %lu %lu", &pages[0], &pages[1], &pages[2], &pages[3], &pages[4], &pages[5]);
    fclose(f);
    return n < 6 ? 0 : pages[field] * (size_t)sysconf(_SC_PAGESIZE);
}

static void hard_limit(size_t bytes)
{
    struct grey_gc_stats s;
    grey_gc_stats(&s, sizeof s);
    CHECK(grey_set(GREY_SET_HARD_LIMIT, s.in_use_bytes + bytes), "a hard limit");
}

static void address_space(size_t bytes)
{
    struct rlimit r = { statm(0) + bytes, RLIM_INFINITY };
    CHECK(setrlimit(RLIMIT_AS, &r) == 0, "setrlimit");
}

static void data_size(size_t bytes)
{
    struct rlimit r = { statm(5) + bytes, RLIM_INFINITY };
    CHECK(setrlimit(RLIMIT_DATA, &r) == 0, "setrlimit");
}

/* What the program holds: no object leads to another, so that a stale word keeps one and not all. */
enum { HELD_MOST = 4 << 20 };
static struct node *held[HELD_MOST];
static size_t held_count;

/* What dead frames left, which would be found as soon as calls are made again. */
static __attribute__((noinline)) void scrub_stack(void)
{
    char words[32768];
    memset(words, 0, sizeof words);
    hide(words);
}

/* Objects until there are no more, or `most` bytes. Says how many bytes they are. */
static __attribute__((noinline)) size_t fill_up(size_t size, size_t most)
{
    errno = 0;
    while (held_count < HELD_MOST && held_count * size < most) {
        struct node *node = (struct node *)grey_alloc(GREY_CONSERVATIVE, size);
        if (node == NULL)
            break;
        node->number = held_count;
        node->check = ~node->number;
        held[held_count++] = node;
    }
    CHECK(held_count == HELD_MOST || held_count * size >= most || errno == ENOMEM,
          "the refusal says ENOMEM, not %d", errno);
    scrub_stack();
    return held_count * size;
}

static bool held_is_whole(void)
{
    for (size_t i = 0; i < held_count; i++)
        if (held[i]->number != i || held[i]->check != ~(uint64_t)i)
            return false;
    return true;
}

static __attribute__((noinline)) void drop(void)
{
    memset(held, 0, held_count * sizeof *held);
    held_count = 0;
    scrub_stack();
}

static size_t fill_and_check(const struct limit *l, size_t size)
{
    size_t most = l->bytes * 4, got = fill_up(size, most);
    CHECK(got < most, "%s: %zu MiB are not without end", l->what, l->bytes / MIB);
    CHECK(got >= l->bytes / 8, "%s + %zu MiB: at least an eighth can be had in objects of %zu (%zu MiB)", l->what,
          l->bytes / MIB, size, got / MIB);
    CHECK(held_is_whole(), "%s: what there is is whole after a refusal", l->what);
    CHECK(grey_alloc(GREY_NOSCAN, hide_size(l->bytes * 8)) == NULL, "%s: too much is refused", l->what);
    if (l->set == hard_limit) /* it needs memory of its own otherwise */
        CHECK(grey_verify(), "%s: the heap is sound when it is full", l->what);
    CHECK(held_is_whole(), "%s: and whole after that", l->what);
    drop();
    return got;
}

static void fill_and_drop(const struct limit *l, size_t size)
{
    size_t got[3];
    for (size_t round = 0; round < COUNT(got); round++) {
        got[round] = fill_and_check(l, size);
        struct node *again = list_new(1000);
        CHECK(again != NULL && list_is_whole(again, 1000), "%s, objects of %zu: dropped, there is memory again",
              l->what, size);
    }
    CHECK(got[2] >= got[0] / 2, "%s, objects of %zu: the third time gives as much as the first (%zu, %zu MiB)",
          l->what, size, got[0] / MIB, got[2] / MIB);
}

/* What was small becomes large and small again, without anybody's help. */
static void big_and_small(const struct limit *l)
{
    size_t big = l->bytes / 4;
    for (int i = 0; i < 4; i++) {
        char *p = (char *)grey_alloc(GREY_NOSCAN, big);
        CHECK(p != NULL, "%s + %zu MiB: an object of %zu MiB (round %d)", l->what, l->bytes / MIB, big / MIB, i);
        if (p != NULL)
            memset(p, 1, big);
        hide(p);
        p = NULL;
        scrub_stack();
        fill_up(64, l->bytes / 4);
        drop();
    }
}

/* As many handles and weak references as there is memory for, or a good number. */
static void handles(const struct limit *l)
{
    enum { MOST = 100000 };
    static grey_handle *h[MOST];
    static grey_weak *w[MOST];
    size_t n = 0;
    for (; n < MOST; n++) {
        struct node *object = held[n % held_count];
        h[n] = grey_handle_create(object);
        w[n] = h[n] == NULL ? NULL : grey_weak_create(object);
        if (w[n] == NULL) {
            CHECK(errno == ENOMEM, "%s: what cannot be had says ENOMEM (%d)", l->what, errno);
            if (h[n] != NULL)
                grey_handle_release(h[n]);
            break;
        }
    }
    CHECK(n > 0 || l->set != hard_limit, "%s: some handles and weak references", l->what);
    for (size_t i = 0; i < n; i++) {
        struct node *object = held[i % held_count];
        CHECK(grey_handle_get(h[i]) == object && grey_weak_get(w[i]) == object, "%s: they lead to it", l->what);
        grey_handle_release(h[i]);
        grey_weak_release(w[i]);
    }
}

static void when_full(const struct limit *l)
{
    fill_up(2000, l->bytes * 4);
    handles(l);
    errno = 0;
    void *e = grey_ephemeron_create(held[0], held[0]);
    CHECK(e != NULL || errno == ENOMEM, "%s: an ephemeron, or ENOMEM", l->what);
    drop();
    grey_collect();
    CHECK(list_is_whole(list_new(1000), 1000), "%s: full of everything and dropped, there is memory again",
          l->what);
}

static void child(void *argument)
{
    const struct limit *l = (const struct limit *)argument;
    list_new(1000);
    l->set(l->bytes);
    fill_and_drop(l, 64);
    fill_and_drop(l, 5000);
    fill_and_drop(l, 100000);
    big_and_small(l);
    when_full(l);
}

/* ---- the hook --------------------------------------------------------------------------------- */

static struct {
    int calls;
    size_t size;
} hook;

static bool give_up(size_t size, void *data)
{
    CHECK(data == &hook, "the hook gets its data");
    hook.calls++;
    hook.size = size;
    if (held_count == 0)
        return false;
    drop();
    grey_collect();
    return list_new(10) != NULL; /* it may allocate */
}

static void child_hook(void *argument)
{
    (void)argument;
    hard_limit(32 * MIB);
    fill_up(1000, 64 * MIB);
    CHECK(held_count > 0 && grey_no_memory_set(give_up, &hook), "a hook");
    void *p = grey_alloc(GREY_NOSCAN, 16 * MIB);
    CHECK(p != NULL && hook.calls == 1 && hook.size == 16 * MIB, "the hook makes room: %d calls, %zu bytes",
          hook.calls, hook.size);
    CHECK(grey_alloc(GREY_NOSCAN, (size_t)64 * MIB) == NULL && hook.calls == 2, "it may give up: %d calls",
          hook.calls);
    CHECK(grey_no_memory_set(NULL, NULL), "no hook");
    CHECK(grey_alloc(GREY_NOSCAN, (size_t)64 * MIB) == NULL && hook.calls == 2, "it is gone");
}

/* The limit counts managed memory; a manual block is the program's own affair. */
static void child_manual(void *argument)
{
    (void)argument;
    hard_limit(8 * MIB);
    void *p = grey_malloc(64 * MIB);
    CHECK(p != NULL, "manual memory is not limited by the hard limit");
    grey_free(p);
}

int main(void)
{
    static const struct limit limits[] = {
        { "hard limit", 8 * MIB, hard_limit },     { "hard limit", 50 * MIB, hard_limit },
        { "ulimit -v", 80 * MIB, address_space },  { "ulimit -v", 150 * MIB, address_space },
        { "ulimit -d", 80 * MIB, data_size },
    };
    if (!FORKS)
        return SKIPPED;
    for (size_t i = 0; i < COUNT(limits); i++) {
#ifdef GREY_SANITIZED
        if (limits[i].set != hard_limit)
            continue; /* a sanitizer's shadow needs all the address space there is */
#endif
        in_child(limits[i].what, child, (void *)(uintptr_t)&limits[i]);
    }
    in_child("the hook", child_hook, NULL);
    in_child("manual memory", child_manual, NULL);
    return result();
}
