/* Objects that wait for their finalizers through further collections, and what they refer to. */
#include "mutants.h"

enum { OBJECTS = 1000 };

static int finalized;

static void finalizer(void *object, void *data)
{
    struct known *k = (struct known *)object;
    known_check(k, (uintptr_t)data);
    known_check(k->next, (uintptr_t)data + 1);
    finalized++;
}

static void *make(void *unused)
{
    for (uint64_t i = 1; i <= OBJECTS; i++) {
        struct known *k = known_new(i);
        grey_write(&k->next, known_new(i + 1));
        REQUIRE(grey_finalizer_set(k, finalizer, (void *)(uintptr_t)i), "a finalizer");
    }
    return unused;
}

int main(int argc, char **argv)
{
    mutants_begin(argc, argv);
    REQUIRE(grey_set(GREY_SET_FINALIZERS, GREY_FINALIZERS_PUMP), "finalizers run when we say so");
    on_thread(make, NULL);
    for (int i = 0; i < 4; i++) {
        grey_collect();
        churn(3 * OBJECTS);
    }
    grey_finalizers_run();
    CHECK(finalized > OBJECTS * 9 / 10, "%d of %d finalizers ran", finalized, OBJECTS);
    return front_result();
}
