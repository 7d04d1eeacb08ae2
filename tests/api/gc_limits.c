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

/* What dead frames left, which would be found as soon as calls are made again. */
static __attribute__((noinline)) void scrub_stack(void)
{
    char words[32768];
    memset(words, 0, sizeof words);
    hide(words);
}

/* Nodes until there are no more; the list is in *root. Says how many bytes they were. */
static __attribute__((noinline)) size_t fill_up(struct node **root, grey_kind kind, size_t size, size_t most)
{
    size_t n = 0;
    for (;;) {
        errno = 0;
        struct node *node = (struct node *)grey_alloc(kind, size);
        if (node == NULL || n * size >= most)
            break;
        node->number = n;
        node->check = ~(uint64_t)n++;
        grey_init(&node->next, *root);
        *root = node;
    }
    CHECK(n * size >= most || errno == ENOMEM, "the refusal says ENOMEM, not %d", errno);
    scrub_stack();
    return n * size;
}

static __attribute__((noinline)) size_t fill_and_check(const struct limit *l, size_t size)
{
    static struct node *root; /* a root, by being a variable */
    size_t most = l->bytes * 4, got = fill_up(&root, GREY_CONSERVATIVE, size, most);
    uint64_t n = got / size;
    CHECK(got < most, "%s: %zu MiB are not without end", l->what, l->bytes / MIB);
    CHECK(got >= l->bytes / 8, "%s + %zu MiB: at least an eighth can be had in nodes of %zu (%zu MiB)", l->what,
          l->bytes / MIB, size, got / MIB);
    CHECK(list_is_whole(root, n), "%s: what there is is whole after a refusal", l->what);
    CHECK(grey_alloc(GREY_NOSCAN, hide_size(l->bytes * 8)) == NULL, "%s: too much is refused", l->what);
    if (l->set == hard_limit) /* it needs memory of its own otherwise */
        CHECK(grey_verify(), "%s: the heap is sound when it is full", l->what);
    CHECK(list_is_whole(root, n), "%s: and whole after that", l->what);
    root = NULL;
    scrub_stack();
    return got;
}

static void fill_and_drop(const struct limit *l, size_t size)
{
    size_t got[4];
    for (size_t round = 0; round < COUNT(got); round++) {
        got[round] = fill_and_check(l, size);
        struct node *again = list_new(1000);
        CHECK(again != NULL && list_is_whole(again, 1000), "%s, nodes of %zu: dropped, there is memory again",
              l->what, size);
    }
    CHECK(got[3] >= got[0] / 2, "%s, nodes of %zu: the fourth time gives as much as the first (%zu, %zu MiB)",
          l->what, size, got[0] / MIB, got[3] / MIB);
}

/* What was small becomes large and small again, without anybody's help. */
static void big_and_small(const struct limit *l)
{
    static struct node *root;
    size_t big = l->bytes / 4;
    for (int i = 0; i < 4; i++) {
        char *p = (char *)grey_alloc(GREY_NOSCAN, big);
        CHECK(p != NULL, "%s + %zu MiB: an object of %zu MiB (round %d)", l->what, l->bytes / MIB, big / MIB, i);
        if (p != NULL)
            memset(p, 1, big);
        hide(p);
        p = NULL;
        scrub_stack();
        fill_up(&root, GREY_CONSERVATIVE, 64, l->bytes / 4);
        root = NULL;
    }
}

/* As many handles and weak references as there is memory for, or a good number. */
static void handles(const struct limit *l, struct node *held)
{
    enum { MOST = 100000 };
    static grey_handle *h[MOST];
    static grey_weak *w[MOST];
    size_t n = 0;
    for (; n < MOST; n++) {
        h[n] = grey_handle_create(held);
        w[n] = h[n] == NULL ? NULL : grey_weak_create(held);
        if (w[n] == NULL) {
            CHECK(errno == ENOMEM, "%s: what cannot be had says ENOMEM (%d)", l->what, errno);
            if (h[n] != NULL)
                grey_handle_release(h[n]);
            break;
        }
    }
    CHECK(n > 0 || l->set != hard_limit, "%s: some handles and weak references", l->what);
    for (size_t i = 0; i < n; i++) {
        CHECK(grey_handle_get(h[i]) == held && grey_weak_get(w[i]) == held, "%s: they lead to it", l->what);
        grey_handle_release(h[i]);
        grey_weak_release(w[i]);
    }
}

static void when_full(const struct limit *l)
{
    static struct node *root;
    fill_up(&root, GREY_CONSERVATIVE, 2000, l->bytes * 4);
    handles(l, root);
    errno = 0;
    void *e = grey_ephemeron_create(root, root);
    CHECK(e != NULL || errno == ENOMEM, "%s: an ephemeron, or ENOMEM", l->what);
    root = NULL;
    scrub_stack();
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
    struct node *ballast;
    int calls;
    size_t size;
} hook;

static bool give_up_ballast(size_t size, void *data)
{
    CHECK(data == &hook, "the hook gets its data");
    hook.calls++;
    hook.size = size;
    if (hook.ballast == NULL)
        return false;
    hook.ballast = NULL;
    grey_collect();
    return list_new(10) != NULL; /* it may allocate */
}

static void child_hook(void *argument)
{
    (void)argument;
    hard_limit(32 * MIB);
    fill_up(&hook.ballast, GREY_CONSERVATIVE, 1000, 64 * MIB);
    CHECK(hook.ballast != NULL && grey_no_memory_set(give_up_ballast, &hook), "a hook");
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
        { "hard limit", 16 * MIB, hard_limit },     { "hard limit", 100 * MIB, hard_limit },
        { "ulimit -v", 150 * MIB, address_space },  { "ulimit -v", 400 * MIB, address_space },
        { "ulimit -d", 150 * MIB, data_size },
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
