/* How threads end: thread-specific destructors that allocate, in any round; pthread_exit; cancellation,
   in a blocking call and outside; detaching by hand. All are detached in the end, and what they kept dies. */
#include "thread.h"

enum { ROUNDS = 20, KEYS = 40 };

static pthread_key_t keys[KEYS];
static int destroyed, damaged;

/* Puts another object in its place until the last round. */
static void destroy(void *object)
{
    struct object *o = object;
    uintptr_t rounds = o->word[0];
    if (!object_is_whole(o, rounds))
        __atomic_fetch_add(&damaged, 1, __ATOMIC_RELAXED);
    struct object *next = grey_alloc(GREY_CONSERVATIVE, sizeof *next);
    for (int i = 0; i < 100; i++)
        grey_alloc(GREY_NOSCAN, 100);
    for (size_t i = 0; i < OBJECT_WORDS; i++)
        next->word[i] = rounds - 1;
    if (rounds > 1)
        pthread_setspecific(keys[next->word[1] % KEYS], next);
    __atomic_fetch_add(&destroyed, 1, __ATOMIC_RELAXED);
}

static void set_values(void)
{
    for (uintptr_t i = 0; i < KEYS; i++) {
        struct witness w;
        pthread_setspecific(keys[i],
                            make_object(&w, UNDER_TSAN ? 1 : 3)); /* its run-time is gone in the last round */
        grey_weak_release(w.weak);
    }
}

static void *end_by_return(void *unused)
{
    set_values();
    return unused;
}

static void *end_by_exit(void *unused)
{
    set_values();
    pthread_exit(unused);
    return NULL;
}

static int waiting;

static void *sleep_long(void *unused)
{
    raise_flag(&waiting);
    sleep(1000);
    return unused;
}

static void cleanup(void *object)
{
    /* Outside the region that the thread was cancelled in. */
    if (!object_is_whole(object, 5) || grey_alloc(GREY_CONSERVATIVE, 64) == NULL)
        __atomic_fetch_add(&damaged, 1, __ATOMIC_RELAXED);
}

static void *end_in_blocking_call(void *unused)
{
    struct witness w;
    struct object *o = make_object(&w, 5);
    set_values();
    pthread_cleanup_push(cleanup, o);
    grey_blocking_call(sleep_long, unused);
    pthread_cleanup_pop(0);
    return unused;
}

static void *end_in_system_call(void *unused)
{
    struct witness w;
    struct object *o = make_object(&w, 5);
    set_values();
    pthread_cleanup_push(cleanup, o);
    sleep_long(unused);
    pthread_cleanup_pop(0);
    return unused;
}

static void *end_critical(void *unused)
{
    grey_critical_enter();
    grey_critical_enter();
    set_values();
    return unused;
}

static void *end_detached(void *unused)
{
    set_values();
    for (int i = 0; i < 10; i++) {
        grey_thread_detach();
        CHECK(!grey_thread_is_attached(), "still attached");
        grey_thread_detach(); /* nothing */
        CHECK(grey_thread_attach() && grey_thread_is_attached(), "not attached");
    }
    grey_thread_detach();
    return unused;
}

static void run(const char *name, void *(*fn)(void *), bool cancelled, bool ours)
{
    if (cancelled && UNDER_TSAN)
        return;
    for (int i = 0; i < ROUNDS; i++) {
        pthread_t t;
        __atomic_store_n(&waiting, 0, __ATOMIC_RELAXED);
        int error = ours ? grey_pthread_create(&t, NULL, fn, NULL) : pthread_create(&t, NULL, fn, NULL);
        CHECK(error == 0, "%s: no thread", name);
        if (cancelled) {
            await(&waiting);
            pthread_cancel(t);
        }
        collect_and_reuse();
        grey_pthread_join(t, NULL);
    }
    CHECK(threads_now() == 1, "%s: %zu threads are attached", name, (size_t)threads_now());
    CHECK(__atomic_load_n(&damaged, __ATOMIC_RELAXED) == 0, "%s: objects are damaged", name);
    uint64_t before = cycles_now();
    grey_collect();
    CHECK(cycles_now() == before + 1, "%s: no collection", name);
}

int main(void)
{
    grey_thread_attach();
    for (size_t i = 0; i < KEYS; i++)
        CHECK(pthread_key_create(&keys[i], destroy) == 0, "no key");
    for (int ours = 0; ours < 2; ours++) {
        run("return", end_by_return, false, ours != 0);
        run("pthread_exit", end_by_exit, false, ours != 0);
        run("cancelled in a blocking call", end_in_blocking_call, true, ours != 0);
        run("cancelled in a system call", end_in_system_call, true, ours != 0);
        run("in a critical section", end_critical, false, ours != 0);
        run("detached", end_detached, false, ours != 0);
    }
    CHECK(destroyed >= 2 * 4 * ROUNDS * KEYS, "only %d destructors ran", destroyed);
    return result();
}
