/* Between grey_critical_enter and leave no collection begins, in no thread. */
#include "thread.h"

enum { ROUNDS = 100, THREADS = 3 };

static int end;
static uint64_t begun;

static void on_event(enum grey_event event, uint64_t time_ns, uint64_t value, void *data)
{
    (void)time_ns, (void)value, (void)data;
    if (event == GREY_EVENT_MARKED)
        __atomic_fetch_add(&begun, 1, __ATOMIC_RELAXED);
}

static void *collect(void *unused)
{
    while (!flag(&end)) {
        grey_cycle_start();
        for (int i = 0; i < 1000; i++)
            grey_alloc(GREY_NOSCAN, 64);
    }
    return unused;
}

/* An object's only reference is hidden for a while, as in a word that is being packed. */
static void hide_in_section(uintptr_t i)
{
    struct witness w;
    uint64_t before, after;
    grey_critical_enter();
    uintptr_t packed = ~(uintptr_t)make_object(&w, i);
    before = __atomic_load_n(&begun, __ATOMIC_RELAXED);
    for (int k = 0; k < 200; k++)
        grey_alloc(GREY_NOSCAN, 200); /* grows the heap instead */
    scrub();
    usleep(100);
    after = __atomic_load_n(&begun, __ATOMIC_RELAXED);
    struct object *o = (struct object *)~packed;
    CHECK(object_is_whole(o, i), "round %zu: the object is damaged", (size_t)i);
    CHECK(before == after, "round %zu: %d collections in the section", (size_t)i, (int)(after - before));
    grey_critical_leave();
    grey_weak_release(w.weak);
}

static void nothing_begins_while_one_is_open(void)
{
    grey_critical_enter();
    uint64_t before = cycles_now();
    CHECK(!grey_cycle_start(), "a cycle began");
    CHECK(cycles_now() == before, "a cycle ran");
    grey_critical_leave();
    CHECK(grey_cycle_start(), "no cycle began after it");
    CHECK(cycles_now() == before + 1, "%d cycles", (int)(cycles_now() - before));
}

int main(void)
{
    pthread_t t[THREADS];
    nothing_begins_while_one_is_open();
    grey_listener_set(on_event, NULL);
    for (size_t i = 0; i < THREADS; i++)
        grey_pthread_create(&t[i], NULL, collect, NULL);
    for (uintptr_t i = 1; i <= ROUNDS; i++)
        hide_in_section(i);
    raise_flag(&end);
    for (size_t i = 0; i < THREADS; i++)
        grey_pthread_join(t[i], NULL);
    CHECK(begun > 0, "no collection ran beside the sections");
    return result();
}
