/* fork while threads allocate, collect, come and go: in the child they are gone, and what only they
   held goes, too; what others hold is whole. */
#include "gc_fork.h"

enum { THREADS = 6, FORKS_WANTED = 60 };

/* So large that collections ask the system which of its pages were touched. */
static volatile char sparse[1 << 20];

/* A page map that was opened before the fork tells of the parent's pages. */
static bool has_page_map(void)
{
    bool found = false;
    for (int fd = 0; fd < 64; fd++) {
        char link[32], target[256] = "";
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        found |= readlink(link, target, sizeof target - 1) > 0 && strstr(target, "/pagemap") != NULL;
    }
    return found;
}

static int stop;
static struct node *shared_list;
static grey_handle *shared_handle;

static void child(void *list)
{
    CHECK(!has_page_map(), "the child has the parent's page map");
    CHECK(list_is_whole((struct node *)list, 3000), "the forking thread's list");
    CHECK(list_is_whole(shared_list, 2000), "a variable's list");
    CHECK(list_is_whole((struct node *)grey_handle_get(shared_handle), 1000), "a handle's list");
    struct node *mine = list_new(3000);
    grey_collect();
    CHECK(grey_verify(), "the heap is sound in the child");
    CHECK(list_is_whole(mine, 3000), "a list made in the child");
    CHECK(list_is_whole((struct node *)list, 3000), "the forking thread's list, after a collection");
    CHECK(list_is_whole(shared_list, 2000), "a variable's list, after a collection");
    CHECK(list_is_whole((struct node *)grey_handle_get(shared_handle), 1000), "a handle's list, after one");
}

static void *allocate(void *argument)
{
    uint64_t random = (uintptr_t)argument;
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        struct node *list = list_new(100 + random_next(&random) % 400);
        void *large = grey_alloc(GREY_NOSCAN, random_next(&random) % 200000);
        CHECK(list != NULL && large != NULL, "there is memory");
        grey_weak *w = grey_weak_create(list);
        grey_weak_release(w);
        if (random_next(&random) % 4 == 0)
            grey_handle_release(grey_handle_create(list));
        grey_safepoint();
    }
    return NULL;
}

static void *collect(void *unused)
{
    (void)unused;
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        struct node *list = list_new(100);
        grey_collect();
        CHECK(list_is_whole(list, 100), "a collecting thread's list");
    }
    return NULL;
}

static void *end_at_once(void *argument)
{
    CHECK(list_is_whole((struct node *)argument, 50), "a short thread's argument");
    return list_new(50);
}

static void *come_and_go(void *unused)
{
    (void)unused;
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        pthread_t t;
        void *list = NULL;
        CHECK(grey_pthread_create(&t, NULL, end_at_once, list_new(50)) == 0, "a thread starts");
        CHECK(grey_pthread_join(t, &list) == 0 && list_is_whole((struct node *)list, 50), "its result");
    }
    return NULL;
}

/* A thread that forks while all the others run. */
static void *fork_often(void *unused)
{
    (void)unused;
    struct node *list = list_new(3000);
    for (int i = 0; i < FORKS_WANTED; i++) {
        in_child("with threads", child, list);
        CHECK(list_is_whole(list, 3000), "the parent's list after a fork");
    }
    return NULL;
}

int main(void)
{
    pthread_t t[THREADS], forker;
    if (!FORKS)
        return SKIPPED;
    sparse[sizeof sparse / 2] = 1;
    shared_list = list_new(2000);
    shared_handle = grey_handle_create(list_new(1000));
    for (size_t i = 0; i < THREADS; i++) {
        void *(*f)(void *) = i == 0 ? collect : i == 1 ? come_and_go : allocate;
        CHECK(grey_pthread_create(&t[i], NULL, f, (void *)(uintptr_t)i) == 0, "a thread starts");
    }
    CHECK(grey_pthread_create(&forker, NULL, fork_often, NULL) == 0, "a thread starts");
    fork_often(NULL);
    grey_pthread_join(forker, NULL);
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    for (size_t i = 0; i < THREADS; i++)
        grey_pthread_join(t[i], NULL);
    exercise();
    CHECK(list_is_whole(shared_list, 2000), "a variable's list");
    return result();
}
