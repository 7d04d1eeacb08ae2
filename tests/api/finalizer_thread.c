/* Finalizers on their own thread: each once, off the program's threads, free to use the library; also in a
   forked child, and in a program that has few threads to give. */
#include "api.h"
#include "blocking.h"
#include <sys/prctl.h>
#include <sys/resource.h>

enum { THREADS = 3, OBJECTS = 4000 };

static _Atomic int ran[THREADS * OBJECTS], total, elsewhere, wrong_stamp;
static pthread_mutex_t programs_lock = PTHREAD_MUTEX_INITIALIZER;

static bool on_its_thread(void)
{
    char name[17] = "";
    prctl(PR_GET_NAME, name);
    return strcmp(name, "grey-finalizer") == 0;
}

/* May take a lock of the program's, allocate, collect. */
static void finalize(void *object, void *data)
{
    int i = (int)(intptr_t)data;
    take(&programs_lock);
    wrong_stamp += *(int *)object != i;
    pthread_mutex_unlock(&programs_lock);
    elsewhere += !on_its_thread();
    if (grey_alloc(GREY_CONSERVATIVE, 100) == NULL)
        abort();
    if (i % 1000 == 0)
        grey_collect();
    ran[i]++;
    total++;
}

static void *make_objects(void *first)
{
    for (int i = (int)(intptr_t)first, end = i + OBJECTS; i < end; i++) {
        int *p = grey_alloc(GREY_NOSCAN, 16 + i % 100);
        *p = i;
        CHECK(grey_finalizer_set(p, finalize, (void *)(intptr_t)i), "a finalizer is set");
        if (i % 500 == 0) { /* the lock is held over a collection: the finalizers must not need this thread */
            take(&programs_lock);
            grey_collect();
            pthread_mutex_unlock(&programs_lock);
        }
    }
    return NULL;
}

/* Until most have run: a stale word may keep some. */
static void wait_for_most(int most)
{
    for (int i = 0; i < 3000 && total < most; i++) {
        if (i % 100 == 99)
            grey_collect();
        nap(10000);
    }
}

static void each_runs_once(void)
{
    pthread_t t[THREADS];
    for (int i = 0; i < THREADS; i++)
        pthread_create(&t[i], NULL, make_objects, (void *)(intptr_t)(i * OBJECTS));
    for (int i = 0; i < THREADS; i++)
        join(t[i]);
    grey_collect();
    wait_for_most(THREADS * OBJECTS * 9 / 10);
    CHECK(total >= THREADS * OBJECTS * 9 / 10, "most run: %d of %d", total, THREADS * OBJECTS);
    CHECK(elsewhere == 0, "%d ran on other threads", elsewhere);
    CHECK(wrong_stamp == 0, "%d saw another object's bytes", wrong_stamp);
    for (int i = 0; i < THREADS * OBJECTS; i++)
        CHECK(ran[i] <= 1, "finalizer %d ran %d times", i, ran[i]);
}

static _Atomic int rounds;

/* Sets itself again: an object may be finalized as often as that is asked for. */
static void again(void *object, void *data)
{
    if (++rounds < 5)
        CHECK(grey_finalizer_set(object, again, data), "a finalizer may set one");
}

static void *make_one(void *unused)
{
    for (int i = 0; i < 8; i++)
        grey_finalizer_set(grey_alloc(GREY_NOSCAN, 64), again, NULL);
    return unused;
}

static void a_finalizer_may_set_itself(void)
{
    run_on_a_thread(make_one, NULL);
    for (int i = 0; i < 1000 && rounds < 12; i++) {
        grey_collect();
        nap(5000);
    }
    CHECK(rounds >= 12, "8 objects, 4 more rounds: %d ran", rounds);
}

static _Atomic int ended, after;

static void end_the_thread(void *object, void *data)
{
    (void)object;
    (void)data;
    ended++;
    pthread_exit(NULL);
}

static void note_after(void *object, void *data)
{
    (void)object;
    (void)data;
    after++;
}

static void *make_eight(void *fn)
{
    for (int i = 0; i < 8; i++)
        grey_finalizer_set(grey_alloc(GREY_NOSCAN, 64), *(grey_finalizer_fn **)fn, NULL);
    return NULL;
}

/* The next collection starts another. */
static void a_finalizer_may_end_its_thread(void)
{
    grey_finalizer_fn *fn = end_the_thread;
    run_on_a_thread(make_eight, &fn);
    for (int i = 0; i < 1000 && ended < 4; i++) {
        grey_collect();
        nap(5000);
    }
    CHECK(ended >= 4, "of 8 that end their thread %d ran", ended);
    fn = note_after;
    run_on_a_thread(make_eight, &fn);
    for (int i = 0; i < 1000 && after < 4; i++) {
        grey_collect();
        nap(5000);
    }
    CHECK(after >= 4, "of 8 after them %d ran", after);
}

static void a_child_has_a_thread_of_its_own(void)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(50);
        total = 0;
        memset((void *)ran, 0, sizeof ran);
        pthread_t t;
        pthread_create(&t, NULL, make_objects, NULL);
        join(t);
        grey_collect();
        wait_for_most(OBJECTS * 9 / 10);
        _exit(total >= OBJECTS * 9 / 10 && elsewhere == 0 ? 0 : 1);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    CHECK(status == 0, "in the child finalizers run: status %x", status);
}

/* No thread can be started: the program may still run them. */
static void without_a_thread_the_program_runs_them(void)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit none = { 0, 0 };
        alarm(50);
        total = 0;
        setrlimit(RLIMIT_NPROC, &none);
        if (setuid(65534) != 0)
            _exit(0); /* only root is free of that limit, and only root can drop that */
        for (int i = 0; i < 200; i++) {
            int *p = grey_alloc(GREY_NOSCAN, 64);
            *p = i;
            grey_finalizer_set(p, finalize, (void *)(intptr_t)i);
        }
        grey_collect();
        size_t n = grey_finalizers_run();
        grey_collect();
        n += grey_finalizers_run();
        _exit(n >= 150 && total >= 150 ? 0 : 1);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    CHECK(status == 0, "the child runs what no thread does: status %x", status);
}

int main(void)
{
    each_runs_once();
    a_finalizer_may_set_itself();
    a_finalizer_may_end_its_thread();
    if (!UNDER_TSAN) { /* which ends a child that starts threads */
        a_child_has_a_thread_of_its_own();
        without_a_thread_the_program_runs_them();
    }
    struct grey_gc_stats s;
    CHECK(grey_gc_stats(&s, sizeof s) && s.finalizers_run >= (uint64_t)total, "the statistics count them");
    return result();
}
