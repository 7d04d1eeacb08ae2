/* Weak references to objects that are gone: they say so, and never lead to what lies there now. */
#include "mutants.h"

enum { OBJECTS = 2000 };

static grey_weak *weak[OBJECTS];

static void *make(void *unused)
{
    for (uint64_t i = 0; i < OBJECTS; i++) {
        weak[i] = grey_weak_create(known_new(i + 1));
        REQUIRE(weak[i] != NULL, "a weak reference");
    }
    return unused;
}

int main(int argc, char **argv)
{
    size_t alive = 0;
    mutants_begin(argc, argv);
    on_thread(make, NULL);
    grey_collect();
    churn(10 * OBJECTS);
    for (uint64_t i = 0; i < OBJECTS; i++) {
        struct known *k = (struct known *)grey_weak_get(weak[i]);
        if (k != NULL)
            known_check(k, i + 1);
        alive += k != NULL;
    }
    if (alive > OBJECTS / 10)
        seen("%zu of %d weak references lead to objects that nothing holds", alive, OBJECTS);
    return 0;
}
