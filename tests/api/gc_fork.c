/* fork, by a program of one thread: what the child has, and that both go on. */
#include "gc_fork.h"

static struct node *global_list;
static int finalized;

static void finalizer(void *object, void *data)
{
    (void)object;
    (void)data;
    __atomic_fetch_add(&finalized, 1, __ATOMIC_RELAXED);
}

static void child_goes_on(void *list)
{
    CHECK(list_is_whole((struct node *)list, 30000), "what the stack held is whole");
    CHECK(list_is_whole(global_list, 10000), "what a variable held is whole");
    exercise();
    CHECK(list_is_whole((struct node *)list, 30000), "what the stack held lives on");
    CHECK(list_is_whole(global_list, 10000), "what a variable held lives on");
}

static void *thread_exercises(void *list)
{
    CHECK(list_is_whole((struct node *)list, 30000), "a thread's argument is whole");
    exercise();
    return list;
}

static void child_has_threads(void *list)
{
    pthread_t t[4];
    for (size_t i = 0; i < COUNT(t); i++)
        CHECK(grey_pthread_create(&t[i], NULL, thread_exercises, list) == 0, "a thread starts in the child");
    for (size_t i = 0; i < COUNT(t); i++) {
        void *result = NULL;
        CHECK(grey_pthread_join(t[i], &result) == 0 && result == list, "it ends");
    }
}

static void grandchild(void *list)
{
    in_child("a child's child", child_goes_on, list);
    child_goes_on(list);
}

/* ---- what hangs on reachability ------------------------------------------------------------- */

enum { FINALIZABLE = 500 };

static void *make_finalizable(void *unused)
{
    (void)unused;
    for (int i = 0; i < FINALIZABLE; i++)
        CHECK(grey_finalizer_set(watch(grey_alloc(GREY_NOSCAN, 64)), finalizer, NULL), "a finalizer");
    return NULL;
}

static void wait_for_finalizers(void)
{
    for (int i = 0; i < 1000 && __atomic_load_n(&finalized, __ATOMIC_RELAXED) < FINALIZABLE * 9 / 10; i++) {
        grey_collect();
        usleep(5000);
    }
    int n = __atomic_load_n(&finalized, __ATOMIC_RELAXED);
    CHECK(n >= FINALIZABLE * 9 / 10 && n <= FINALIZABLE, "%d of %d finalizers ran", n, FINALIZABLE);
}

static void child_finalizes(void *unused)
{
    (void)unused;
    wait_for_finalizers();
    CHECK_MOST_DIE(FINALIZABLE, "watched across a fork");
}

static void weak_and_finalizers(void)
{
    on_thread(make_finalizable, NULL);
    in_child("finalizers in the child", child_finalizes, NULL);
    child_finalizes(NULL); /* and the same ones, again, in the parent */
}

/* ---- odd moments ------------------------------------------------------------------------------ */

static void child_in_section(void *unused)
{
    struct grey_gc_stats before, after;
    (void)unused;
    grey_gc_stats(&before, sizeof before);
    list_new(10000);
    grey_collect();
    grey_gc_stats(&after, sizeof after);
    CHECK(before.cycles == after.cycles, "the child is in the critical section, too");
    grey_critical_leave();
    exercise();
}

static void in_sections(void)
{
    grey_critical_enter();
    in_child("in a critical section", child_in_section, NULL);
    grey_critical_leave();
    grey_blocking_enter();
    pid_t pid = fork();
    grey_blocking_leave();
    if (pid == 0) {
        alarm(CHILD_SECONDS);
        failures = 0;
        exercise();
        _exit(failures);
    }
    CHECK(grey_blocking_call(wait_for, (void *)(intptr_t)pid) == NULL, "forked in a blocking region");
    grey_disable();
    in_child("disabled", child_goes_on, list_new(30000));
    grey_enable();
}

static void allocating_handler(void)
{
    for (int i = 0; i < 100; i++)
        CHECK(list_new(10) != NULL, "an atfork handler allocates");
    grey_collect();
}

static void spawns(void)
{
    CHECK(system("exit 3") >> 8 == 3, "system() works");
    exercise();
}

int main(void)
{
    if (!FORKS)
        return SKIPPED;
    global_list = list_new(10000);
    struct node *list = list_new(30000);
    in_child("first", child_goes_on, list);
    in_child("with threads", child_has_threads, list);
    in_child("twice", grandchild, list);
    weak_and_finalizers();
    in_sections();
    spawns();
    pthread_atfork(allocating_handler, allocating_handler, allocating_handler);
    in_child("handlers that allocate", child_goes_on, list);
    child_goes_on(list);
    return result();
}
