/* grey_pthread_create and join: argument and result may be objects that nothing else names. */
#include "thread.h"

enum { ROUNDS = 40 };

static void *take_and_give(void *argument)
{
    struct object *o = argument, *other = grey_alloc(GREY_CONSERVATIVE, sizeof *other);
    if (!object_is_whole(o, o->word[0]))
        return NULL;
    for (size_t i = 0; i < OBJECT_WORDS; i++)
        other->word[i] = o->word[0] + 1;
    return other;
}

static void *take_and_exit(void *argument)
{
    pthread_exit(take_and_give(argument));
    return NULL;
}

static void *wait_and_give(void *flags)
{
    int *f = flags;
    raise_flag(&f[0]);
    await(&f[1]);
    struct object *o = grey_alloc(GREY_CONSERVATIVE, sizeof *o);
    o->word[0] = 77;
    return o;
}

static void *wait_for_ever(void *flags)
{
    raise_flag(flags);
    grey_blocking_enter();
    while (pause() != 0)
        continue;
    grey_blocking_leave();
    return NULL;
}

/* The argument is on no stack of ours when this returns. */
__attribute__((noinline)) static void start(pthread_t *t, void *(*fn)(void *), uintptr_t tag)
{
    struct witness w;
    struct object *o = make_object(&w, tag);
    CHECK(grey_pthread_create(t, NULL, fn, o) == 0, "no thread");
    grey_weak_release(w.weak);
}

static void pass_objects(void *(*fn)(void *))
{
    for (uintptr_t i = 1; i <= ROUNDS; i++) {
        pthread_t t;
        void *result;
        start(&t, fn, i * 1000003);
        collect_and_reuse(); /* the thread may not have begun */
        usleep(200);
        collect_and_reuse(); /* it may have ended */
        CHECK(grey_pthread_join(t, &result) == 0, "join");
        CHECK(result != NULL, "round %zu: the argument is damaged", (size_t)i);
        CHECK(result == NULL || object_is_whole(result, i * 1000003 + 1), "round %zu: the result is damaged",
              (size_t)i);
    }
}

/* The result exists while a join waits and a collection runs. */
static void join_while_collecting(void)
{
    int flags[2] = { 0, 0 };
    pthread_t t;
    void *result;
    CHECK(grey_pthread_create(&t, NULL, wait_and_give, flags) == 0, "no thread");
    await(&flags[0]);
    grey_collect();
    raise_flag(&flags[1]);
    CHECK(grey_pthread_join(t, &result) == 0 && ((struct object *)result)->word[0] == 77,
          "the result is damaged");
}

static void cancel(void)
{
    static int began;
    pthread_t t;
    void *result;
    CHECK(grey_pthread_create(&t, NULL, wait_for_ever, &began) == 0, "no thread");
    await(&began);
    pthread_cancel(t);
    CHECK(grey_pthread_join(t, &result) == 0 && result == PTHREAD_CANCELED,
          "the result is not PTHREAD_CANCELED");
}

static void *nothing(void *unused)
{
    return unused;
}

static void refuse(void)
{
    pthread_t t;
    void *result;
    CHECK(grey_pthread_create(&t, NULL, nothing, NULL) == 0, "no thread");
    CHECK(grey_pthread_join(pthread_self(), &result) == EDEADLK, "a thread joined itself");
    CHECK(grey_pthread_detach(t) == 0, "detach");
}

int main(void)
{
    pass_objects(take_and_give);
    pass_objects(take_and_exit);
    join_while_collecting();
    if (!UNDER_TSAN)
        cancel();
    refuse();
    return result();
}
