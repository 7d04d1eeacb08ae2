/* fork in each phase of a cycle: the listener holds the phase open until somebody is about to fork. One who
   is not attached does so while the world is stopped, too; and the child collects. */
#include "gc_fork.h"

enum { THREADS = 2, EACH = 4, OPEN = -1, PATIENCE = 20000000, BEHIND = 20000 };

static int stop, wanted = OPEN, begun; /* atomic; wanted: the event at which to fork */
static struct node *shared_list;

static void listen(enum grey_event event, uint64_t time_ns, uint64_t value, void *data)
{
    int expected = (int)event;
    (void)time_ns, (void)value, (void)data;
    if (!__atomic_compare_exchange_n(&wanted, &expected, OPEN, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        return;
    for (int i = 0; i < PATIENCE && __atomic_load_n(&begun, __ATOMIC_ACQUIRE) == 0; i++)
        continue;
    for (int i = 0; i < BEHIND; i++) /* long enough for fork() to be under way */
        (void)__atomic_load_n(&begun, __ATOMIC_RELAXED);
}

static void child(void *unused)
{
    (void)unused;
    CHECK(list_is_whole(shared_list, 20000), "a variable's list");
    struct node *mine = list_new(3000);
    grey_collect();
    CHECK(grey_verify(), "the heap is sound in the child");
    CHECK(list_is_whole(mine, 3000), "a list made in the child");
    CHECK(list_is_whole(shared_list, 20000), "a variable's list, after a collection");
}

static void fork_at(enum grey_event event, const char *what)
{
    for (int i = 0; i < EACH; i++) {
        __atomic_store_n(&begun, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&wanted, (int)event, __ATOMIC_RELEASE);
        while (__atomic_load_n(&wanted, __ATOMIC_ACQUIRE) != OPEN)
            grey_safepoint();
        __atomic_store_n(&begun, 1, __ATOMIC_RELEASE);
        in_child(what, child, NULL);
    }
}

static void *fork_unattached(void *unused)
{
    static const struct {
        enum grey_event event;
        const char *what;
    } phases[] = {
        { GREY_EVENT_CYCLE_BEGIN, "when a cycle begins" }, { GREY_EVENT_STOP_BEGIN, "when threads are to stop" },
        { GREY_EVENT_STOPPED, "when they have stopped" },  { GREY_EVENT_MARKED, "when all is marked" },
        { GREY_EVENT_RESUMED, "when threads go on" },      { GREY_EVENT_CYCLE_END, "when a cycle ends" },
        { GREY_EVENT_SWEPT, "when all is swept" },
    };
    for (size_t i = 0; i < COUNT(phases); i++)
        fork_at(phases[i].event, phases[i].what);
    CHECK(!grey_thread_is_attached(), "who forks need not be attached");
    return unused;
}

static void *allocate(void *unused)
{
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
        CHECK(list_is_whole(list_new(300), 300), "an allocating thread's list");
    return unused;
}

static void *collect(void *unused)
{
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        struct node *list = list_new(200);
        grey_collect();
        grey_cycle_start();
        CHECK(list_is_whole(list, 200), "a collecting thread's list");
    }
    return unused;
}

int main(void)
{
    pthread_t t[THREADS], forker;
    if (!FORKS)
        return SKIPPED;
    shared_list = list_new(20000);
    CHECK(grey_listener_set(listen, NULL), "a listener");
    for (size_t i = 0; i < THREADS; i++)
        CHECK(grey_pthread_create(&t[i], NULL, i == 0 ? collect : allocate, NULL) == 0, "a thread starts");
    CHECK(pthread_create(&forker, NULL, fork_unattached, NULL) == 0, "a thread starts");
    grey_blocking_enter();
    pthread_join(forker, NULL);
    grey_blocking_leave();
    /* An attached one is stopped in the phases between. */
    fork_at(GREY_EVENT_CYCLE_BEGIN, "attached, when a cycle begins");
    fork_at(GREY_EVENT_CYCLE_END, "attached, when a cycle ends");
    fork_at(GREY_EVENT_SWEPT, "attached, when all is swept");
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    for (size_t i = 0; i < THREADS; i++)
        grey_pthread_join(t[i], NULL);
    CHECK(list_is_whole(shared_list, 20000), "a variable's list");
    return result();
}
