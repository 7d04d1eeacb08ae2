/* Threads, fibers and forks of the collector's stress. */
#ifndef GC_THREADS_H
#define GC_THREADS_H

#include "gc_steps.h"
#include <sys/wait.h>

enum { CHILD_SECONDS = 240, THREADS_MOST = 64 };

/* ---- fibers ------------------------------------------------------------------------------------------ */

static __thread struct fiber *fiber_starting;

/* Parked fibers that any thread may take and resume. */
static struct fiber *fibers_free[8]; /* atomic */

__attribute__((noinline)) static void fiber_leave(struct fiber *f)
{
    struct worker *w = f->worker;
    w->frame = w->main;
    grey_fiber_switch(w->main_fiber);
    swapcontext(&f->context, &w->main_context);
}

static void fiber_main(void)
{
    struct fiber *f = fiber_starting;
    void *volatile locals[FRAME] = { NULL };
    places_of(f->place, PLACE_STACK, (void **)(uintptr_t)locals, FRAME);
    f->worker->frame = f->place;
    while (!f->ends) {
        for (size_t n = random_below(&f->worker->random, 40); n > 0; n--)
            one_step(f->worker);
        fiber_leave(f);
    }
    places_clear(f->place, FRAME, &f->worker->random);
    f->ended = true;
    fiber_leave(f);
}

__attribute__((noinline)) static void fiber_enter(struct worker *w, struct fiber *f)
{
    f->worker = w;
    fiber_starting = f;
    if (f->place[0].slot != NULL)
        w->frame = f->place;
    grey_fiber_switch(f->fiber);
    swapcontext(&w->main_context, &f->context);
}

static struct fiber *fiber_new(void)
{
    struct fiber *f = (struct fiber *)words_new(sizeof *f / 8 + 1);
    f->stack = (char *)words_new(FIBER_BYTES / 8);
    f->fiber = grey_fiber_create(f->stack, FIBER_BYTES);
    if (f->fiber == NULL)
        stress_failed(step_now, "no fiber");
    getcontext(&f->context);
    f->context.uc_stack.ss_sp = f->stack;
    f->context.uc_stack.ss_size = FIBER_BYTES;
    makecontext(&f->context, fiber_main, 0);
    return f;
}

/* Ended in good order, or just left as it is with all that its stack holds. */
static void fiber_end(struct worker *w, struct fiber *f)
{
    if (w != NULL && random_below(&w->random, 2) == 0) {
        f->ends = true;
        while (!f->ended)
            fiber_enter(w, f);
    }
    for (size_t i = 0; i < FRAME; i++)
        unhold((struct ref){ f, f->place[i].id });
    grey_fiber_destroy(f->fiber);
    munmap(f->stack, FIBER_BYTES);
    munmap(f, (sizeof *f / 8 + 1) * 8);
}

static void fiber_step(struct worker *w)
{
    size_t i = random_below(&w->random, FIBERS);
    if (w->main_fiber == NULL)
        w->main_fiber = grey_fiber_self();
    if (w->fiber[i] == NULL) {
        w->fiber[i] = fiber_new();
    } else if (random_below(&w->random, 20) == 0) {
        fiber_end(w, w->fiber[i]);
        w->fiber[i] = NULL;
        return;
    } else if (random_below(&w->random, 8) == 0) {
        struct fiber **at = &fibers_free[random_below(&w->random, COUNT(fibers_free))];
        w->fiber[i] = __atomic_exchange_n(at, w->fiber[i], __ATOMIC_ACQ_REL);
        if (w->fiber[i] == NULL)
            return;
    }
    fiber_enter(w, w->fiber[i]);
}

static void fibers_drop(void)
{
    for (size_t i = 0; i < COUNT(fibers_free); i++) {
        struct fiber *f = __atomic_exchange_n(&fibers_free[i], NULL, __ATOMIC_ACQ_REL);
        if (f != NULL)
            fiber_end(NULL, f);
    }
}

/* ---- forks ------------------------------------------------------------------------------------------- */

static int fork_wanted;       /* atomic: somebody shall fork */
static uint64_t forks_done;   /* atomic */

static void *wait_for_child(void *argument)
{
    int status = -1;
    pid_t pid = (pid_t)(intptr_t)argument;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return (void *)(intptr_t)status;
}

static void *child_thread(void *argument)
{
    void *volatile frame[FRAME] = { NULL };
    struct worker *w = worker_begin((uintptr_t)argument, (void **)(uintptr_t)frame);
    for (int i = 0; i < 100; i++)
        one_step(w);
    worker_end(w);
    return NULL;
}

/* What shared places hold, and all that hangs there, is as whole as in the parent. */
static void child_checks(uint64_t *random)
{
    for (size_t i = 0; i < shared.count; i++) {
        struct place *at = &shared.place[i];
        if (__atomic_load_n(&at->busy, __ATOMIC_ACQUIRE) == 0 && at->id != 0)
            for (int n = 0; n < 4; n++)
                walk(place_load(at), random, 10);
    }
}

/* The sanitizer of addresses does not see to its malloc's locks at a fork: there a child calls nothing that
   allocates but the library. */
#if defined(__SANITIZE_ADDRESS__)
#define CHILD_HAS_MALLOC 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CHILD_HAS_MALLOC 0
#endif
#endif
#ifndef CHILD_HAS_MALLOC
#define CHILD_HAS_MALLOC 1
#endif

static void child_works(uint64_t *random)
{
    pthread_t t;
    child_thread((void *)(uintptr_t)random_next(random));
    if (pthread_create(&t, NULL, child_thread, (void *)(uintptr_t)random_next(random)) != 0)
        stress_failed(step_now, "no thread in a child");
    grey_pthread_join(t, NULL);
}

__attribute__((noinline)) static int child(uint64_t random)
{
    child_clock(CHILD_SECONDS);
    track.child = true;
    track.lock = 0;
    child_checks(&random);
    grey_collect();
    child_checks(&random);
    if (!grey_verify())
        stress_failed(step_now, "grey_verify found something in a forked child");
    if (CHILD_HAS_MALLOC)
        child_works(&random);
    for (int i = 0; i < 100; i++)
        if (object_new(&random, 4000, 0).p == NULL)
            stress_failed(step_now, "no memory in a child");
    grey_collect();
    child_checks(&random);
    return 0;
}

/* Now and then in a blocking region, which the child leaves, too. */
static void fork_once(uint64_t seed)
{
    bool blocking = seed % 4 == 0;
    if (blocking)
        grey_blocking_enter();
    pid_t pid = fork();
    if (blocking)
        grey_blocking_leave();
    if (pid == 0)
        _exit(child(seed));
    int status = pid < 0 ? -1 : (int)(intptr_t)grey_blocking_call(wait_for_child, (void *)(intptr_t)pid);
    if (status != 0)
        stress_failed(step_now, "a child ended with status %#x", (unsigned)status);
    __atomic_fetch_add(&forks_done, 1, __ATOMIC_RELAXED);
}

/* ---- threads ----------------------------------------------------------------------------------------- */

/* A thread's argument: nothing else holds it. */
struct start {
    uint64_t id, seed, check;
};

/* The result of a thread: nothing else holds it until somebody joins the thread. */
static void *new_result(uint64_t seed)
{
    struct start *s = (struct start *)grey_alloc(GREY_NOSCAN, sizeof *s);
    if (s == NULL)
        stress_failed(step_now, "no memory for a thread's result");
    *s = (struct start){ new_id(0), seed, 0 };
    s->check = pattern_at(s->id, seed % 1000);
    return s;
}

static void check_start(const struct start *s, const char *what)
{
    if (s->check != pattern_at(s->id, s->seed % 1000))
        stress_failed(step_now, "%s is lost: %p", what, (const void *)s);
}

/* Threads that nobody joins: how many are still there. */
static int detached_threads; /* atomic */

static void *detached_work(void *argument)
{
    struct start *s = (struct start *)argument;
    check_start(s, "a detached thread's argument");
    child_thread((void *)(uintptr_t)s->seed);
    check_start(s, "a detached thread's argument, at its end,");
    __atomic_fetch_sub(&detached_threads, 1, __ATOMIC_RELEASE);
    return new_result(1);
}

static void detached_begin(uint64_t seed)
{
    pthread_t t;
    if (__atomic_load_n(&detached_threads, __ATOMIC_RELAXED) > 20)
        return;
    __atomic_fetch_add(&detached_threads, 1, __ATOMIC_RELAXED);
    if (grey_pthread_create(&t, NULL, detached_work, new_result(seed)) != 0 || grey_pthread_detach(t) != 0)
        stress_failed(0, "no detached thread");
}

static void detached_wait(void)
{
    while (__atomic_load_n(&detached_threads, __ATOMIC_ACQUIRE) != 0)
        grey_blocking_call(nap, (void *)(uintptr_t)1000000);
}

static void worker_over(void *argument)
{
    struct worker *w = (struct worker *)argument;
    grey_thread_cooperative(false);
    for (int i = 0; i < FIBERS; i++)
        if (w->fiber[i] != NULL)
            fiber_end(w, w->fiber[i]);
    worker_end(w);
}

static void may_be_cancelled(void)
{
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    pthread_testcancel();
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
}

static void work_steps(struct worker *w)
{
    for (uint64_t i = 0; i < w->steps && !stopping() && !__atomic_load_n(w->ends, __ATOMIC_RELAXED); i++) {
        one_step(w);
        if (WITH_FIBERS && i % 32 == 0)
            fiber_step(w);
        if (i % 64 == 0)
            may_be_cancelled();
        if (!w->cooperative && random_below(&w->random, 1000) == 0)
            detached_begin(random_next(&w->random));
        if (!w->cooperative && __atomic_load_n(&fork_wanted, __ATOMIC_RELAXED) != 0 &&
            __atomic_exchange_n(&fork_wanted, 0, __ATOMIC_ACQUIRE) != 0)
            fork_once(random_next(&w->random));
    }
}

/* The low bits of a thread's seed are its number. */
static int thread_ends[THREADS_MOST];

/* All that libc allocates later for a thread's keys is there when each has had a value. */
static void become_cooperative(struct worker *w)
{
    for (int i = 0; i < KEYS; i++)
        if (pthread_getspecific(keys[i]) == NULL) {
            pthread_setspecific(keys[i], w);
            pthread_setspecific(keys[i], NULL);
        }
    grey_thread_cooperative(true);
    w->cooperative = true;
}

static void run(uint64_t seed, bool leaves_keys, bool cooperative)
{
    void *volatile frame[FRAME] = { NULL };
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    struct worker *w = worker_begin(seed, (void **)(uintptr_t)frame);
    w->leaves_keys = leaves_keys;
    w->ends = &thread_ends[seed % THREADS_MOST];
    if (cooperative)
        become_cooperative(w);
    pthread_cleanup_push(worker_over, w);
    w->steps = 50 + random_below(&w->random, world.life);
    work_steps(w);
    pthread_cleanup_pop(1);
}

/* What a thread is like beside its seed's number. */
static uint64_t choice(uint64_t seed)
{
    return seed / THREADS_MOST;
}

static void *work(void *argument)
{
    struct start *s = (struct start *)argument;
    check_start(s, "a thread's argument");
    uint64_t seed = s->seed;
    run(seed, true, false);
    check_start(s, "a thread's argument, at its end,");
    void *r = new_result(seed);
    if (choice(seed) % 4 == 0)
        pthread_exit(r);
    return r;
}

static void *plain_work(void *argument)
{
    uint64_t seed = (uintptr_t)argument, how = choice(seed);
    if (how % 2 == 0 && (!grey_thread_attach() || !grey_thread_is_attached()))
        stress_failed(0, "a thread could not be attached");
    run(seed, how % 4 != 0, how % 16 == 1);
    if (how % 4 == 0)
        grey_thread_detach();
    if (how % 4 == 1)
        pthread_exit(NULL);
    return NULL;
}

struct thread {
    pthread_t t;
    unsigned number;
    bool runs, plain;
};

static void thread_begin(struct thread *t, unsigned number, uint64_t seed)
{
    int error;
    seed = seed / THREADS_MOST * THREADS_MOST + number;
    t->number = number;
    t->plain = choice(seed) % 3 == 0;
    if (t->plain)
        error = pthread_create(&t->t, NULL, plain_work, (void *)(uintptr_t)seed);
    else
        error = grey_pthread_create(&t->t, NULL, work, new_result(seed));
    if (error != 0)
        stress_failed(0, "no thread: %s", strerror(error));
    t->runs = true;
}

static void *join_plain(void *argument)
{
    void *result = NULL;
    pthread_join(((struct thread *)argument)->t, &result);
    return result;
}

static void thread_join(struct thread *t)
{
    void *result = NULL;
    if (!t->runs)
        return;
    __atomic_store_n(&thread_ends[t->number], 1, __ATOMIC_RELAXED);
    if (t->plain)
        grey_blocking_call(join_plain, t);
    else if (grey_pthread_join(t->t, &result) != 0)
        stress_failed(0, "a thread could not be joined");
    if (!t->plain && result != PTHREAD_CANCELED)
        check_start((struct start *)result, "a thread's result");
    __atomic_store_n(&thread_ends[t->number], 0, __ATOMIC_RELAXED);
    t->runs = false;
}

#endif
