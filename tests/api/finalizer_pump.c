/* Finalizers that the program runs itself: none before it asks, on the thread that asks, no more than were
   due; nested calls, and threads that ask at once. */
#include "api.h"
#include "blocking.h"

enum { OBJECTS = 1000, PUMPS = 3 };

static _Atomic int ran, foreign, again_ran;
static pthread_t asking;
static bool check_thread;

static void count(void *object, void *data)
{
    (void)object;
    (void)data;
    ran++;
    foreign += check_thread && !pthread_equal(pthread_self(), asking);
}

static void count_cleanup(void *data)
{
    count(NULL, data);
}

static void *make(void *unused)
{
    for (int i = 0; i < OBJECTS; i++)
        grey_finalizer_set(grey_alloc(GREY_CONSERVATIVE, 48), count, NULL);
    return unused;
}

static void *make_and_clean(void *unused)
{
    for (int i = 0; i < OBJECTS; i++)
        grey_cleanup_add(grey_alloc(GREY_CONSERVATIVE, 48), count_cleanup, NULL);
    return make(unused);
}

static void none_before_it_asks(void)
{
    run_on_a_thread(make, NULL);
    grey_collect();
    grey_collect();
    nap(50000);
    CHECK(ran == 0, "%d ran unasked", ran);
    struct grey_gc_stats s;
    grey_gc_stats(&s, sizeof s);
    CHECK(s.finalizers_waiting >= OBJECTS * 9 / 10, "most wait: %d", (int)s.finalizers_waiting);
    asking = pthread_self();
    check_thread = true;
    size_t n = grey_finalizers_run();
    CHECK(n >= OBJECTS * 9 / 10 && (int)n == ran, "as many ran as it said: %zu, %d", n, ran);
    CHECK(foreign == 0, "%d on another thread", foreign);
    CHECK(grey_finalizers_run() == 0, "nothing is left");
    check_thread = false;
}

static _Atomic bool keep_on;

static void again(void *object, void *data)
{
    again_ran++;
    if (keep_on)
        grey_finalizer_set(object, again, data);
    grey_collect();
}

static void *make_again(void *unused)
{
    for (int i = 0; i < 10; i++)
        grey_finalizer_set(grey_alloc(GREY_CONSERVATIVE, 48), again, NULL);
    return unused;
}

static void no_more_than_was_due(void)
{
    keep_on = true;
    run_on_a_thread(make_again, NULL);
    grey_collect();
    size_t n = grey_finalizers_run();
    CHECK(n >= 5 && n <= 10, "%zu ran, ten were due", n);
    keep_on = false;
    grey_finalizers_run();
    CHECK(again_ran > 10, "one that sets itself runs again: %d", again_ran);
}

static void nested(void *object, void *data)
{
    (void)object;
    (void)data;
    ran++;
    grey_finalizers_run();
}

static void *make_nested(void *unused)
{
    for (int i = 0; i < 50; i++)
        grey_finalizer_set(grey_alloc(GREY_CONSERVATIVE, 48), nested, NULL);
    return unused;
}

static void a_finalizer_may_ask(void)
{
    ran = 0;
    run_on_a_thread(make_nested, NULL);
    grey_collect();
    grey_finalizers_run();
    CHECK(ran >= 40 && ran <= 50, "fifty nested: %d ran", ran);
}

static _Atomic size_t pumped;

static void *pump(void *unused)
{
    for (int i = 0; i < 200; i++) {
        pumped += grey_finalizers_run();
        nap(200);
    }
    return unused;
}

static void several_threads_may_ask(void)
{
    pthread_t t[PUMPS];
    ran = 0;
    for (int i = 0; i < PUMPS; i++)
        pthread_create(&t[i], NULL, pump, NULL);
    for (int i = 0; i < 5; i++) {
        run_on_a_thread(make_and_clean, NULL);
        grey_collect();
    }
    for (int i = 0; i < PUMPS; i++)
        join(t[i]);
    grey_collect();
    pumped += grey_finalizers_run();
    /* Those of a_finalizer_may_ask and no_more_than_was_due may be among them. */
    CHECK(ran >= OBJECTS * 9 && (size_t)ran <= pumped && pumped <= OBJECTS * 10 + 60,
          "ten thousand: %d ran, %zu were counted", ran, (size_t)pumped);
}

int main(void)
{
    CHECK(grey_set(GREY_SET_FINALIZERS, GREY_FINALIZERS_PUMP), "the program runs finalizers");
    none_before_it_asks();
    no_more_than_was_due();
    a_finalizer_may_ask();
    several_threads_may_ask();
    return result();
}
