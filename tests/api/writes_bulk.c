/* A thread may be stopped amid a bulk write, and what it moves is found (H14). */
#include "api.h"

#include <pthread.h>

enum { WORDS = 64, ROUNDS = 300 };

static void **area;           /* WORDS words, of which all but one name an object each */
static bool ended;
static unsigned long moves;

struct box {
    uintptr_t canary;
    void *unused;
};

/* Nothing but the area refers to the boxes. */
static __attribute__((noinline)) void fill_area(void)
{
    area = grey_alloc(GREY_CONSERVATIVE, WORDS * sizeof(void *));
    for (uintptr_t i = 0; i < WORDS - 1; i++) {
        struct box *b = grey_alloc(GREY_NOSCAN, sizeof *b);
        b->canary = i + 1000;
        grey_init(&area[i], b);
    }
}

/* To and fro by one word, for ever. */
static void *shift(void *unused)
{
    (void)hide(grey_alloc(GREY_NOSCAN, 16)); /* attached */
    while (!__atomic_load_n(&ended, __ATOMIC_RELAXED)) {
        grey_move(&area[1], &area[0], (WORDS - 1) * sizeof(void *));
        grey_move(&area[0], &area[1], (WORDS - 1) * sizeof(void *));
        __atomic_fetch_add(&moves, 1, __ATOMIC_RELAXED);
        grey_safepoint();
    }
    return unused;
}

/* What died is overwritten by others of its size. */
static __attribute__((noinline)) void reuse(void)
{
    for (int i = 0; i < 2000; i++)
        ((struct box *)grey_alloc(GREY_NOSCAN, sizeof(struct box)))->canary = 7;
}

int main(void)
{
    pthread_t t;
    alarm(200);
    fill_area();
    CHECK(grey_pthread_create(&t, NULL, shift, NULL) == 0, "a thread");
    for (int i = 0; i < ROUNDS; i++) {
        unsigned long before = __atomic_load_n(&moves, __ATOMIC_RELAXED);
        grey_collect();
        reuse();
        while (__atomic_load_n(&moves, __ATOMIC_RELAXED) == before) {
            grey_safepoint();
            sched_yield();
        }
    }
    __atomic_store_n(&ended, true, __ATOMIC_RELAXED);
    grey_pthread_join(t, NULL);
    for (uintptr_t i = 0; i < WORDS - 1; i++)
        CHECK(((struct box *)area[i])->canary == i + 1000, "box %d was lost", (int)i);
    return result();
}
