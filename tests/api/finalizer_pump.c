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

/* ---- objects that are freed while their finalizers are due ---- */

enum { PAIRS = 300 };

struct half {
    struct half *other;
    uintptr_t tag;
};

static int halves_run, halves_damaged, set_again_run;

static struct half *meet(void *object)
{
    struct half *h = object;
    halves_run++;
    halves_damaged += h->tag != 0x5eed;
    return h->other;
}

/* What takes the freed one's place is no half. */
static void free_other(void *object, void *unused)
{
    (void)unused;
    grey_free(meet(object));
    for (int i = 0; i < 10; i++)
        memset(grey_alloc(GREY_CONSERVATIVE, sizeof(struct half)), 0xdd, sizeof(struct half));
}

static void count_again(void *object, void *unused)
{
    (void)object, (void)unused;
    set_again_run++;
}

/* The other is due, and set once more: both are gone with it. */
static void set_other_and_free(void *object, void *unused)
{
    (void)unused;
    struct half *other = meet(object);
    CHECK(grey_finalizer_set(other, count_again, NULL), "one that is due may be set again");
    grey_free(other);
}

static void set_other(void *object, void *unused)
{
    (void)unused;
    grey_finalizer_set(meet(object), count_again, NULL);
}

static void *make_pairs(void *fn)
{
    for (int i = 0; i < PAIRS; i++) {
        struct half *h[2];
        for (int k = 0; k < 2; k++) {
            h[k] = grey_alloc(GREY_CONSERVATIVE, sizeof *h[k]);
            h[k]->tag = 0x5eed;
        }
        for (int k = 0; k < 2; k++) {
            grey_write(&h[k]->other, h[1 - k]);
            grey_finalizer_set(h[k], *(grey_finalizer_fn **)fn, NULL);
        }
    }
    return NULL;
}

static void run_pairs(grey_finalizer_fn *fn, const char *what, int least, int most)
{
    struct grey_gc_stats s;
    grey_collect();
    while (grey_finalizers_run() > 0)
        grey_collect(); /* of others */
    halves_run = halves_damaged = set_again_run = 0;
    run_on_a_thread(make_pairs, &fn);
    grey_collect();
    size_t told = grey_finalizers_run();
    CHECK(halves_damaged == 0, "%s: %d ran on freed memory", what, halves_damaged);
    CHECK(halves_run >= least && halves_run <= most, "%s: %d ran", what, halves_run);
    CHECK((int)told == halves_run + set_again_run, "%s: %zu were counted, %d and %d ran", what, told, halves_run,
          set_again_run);
    grey_gc_stats(&s, sizeof s);
    CHECK(s.finalizers_waiting == 0, "%s: %d wait", what, (int)s.finalizers_waiting);
    CHECK(grey_verify(), "%s: the heap is sound", what);
}

static void freed_while_due(void)
{
    grey_disable(); /* what is due is so by the collection that is asked for */
    run_pairs(free_other, "freed while due", PAIRS * 9 / 10, PAIRS);
    run_pairs(set_other_and_free, "set again and freed while due", PAIRS * 9 / 10, PAIRS);
    CHECK(set_again_run == 0, "%d of what was freed ran", set_again_run);
    run_pairs(set_other, "set again while due", 2 * PAIRS * 9 / 10, 2 * PAIRS);
    grey_collect();
    grey_finalizers_run();
    CHECK(set_again_run >= PAIRS * 9 / 10, "%d of those set again ran", set_again_run);
    grey_enable();
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
    freed_while_due();
    several_threads_may_ask();
    return result();
}
