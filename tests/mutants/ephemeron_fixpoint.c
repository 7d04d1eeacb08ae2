/* Chains of ephemerons, in which the value of one is the key of the next: all values live, in whatever
   order the ephemerons are looked at. */
#include "mutants.h"

enum { CHAIN = 200 };

static grey_ephemeron *chain[CHAIN];
static struct known *first_key;

/* Link i: key i leads to key i + 1, which nothing else holds. Made in an order that the step decides. */
static void *make(void *argument)
{
    size_t step = (uintptr_t)argument;
    struct known *key[CHAIN + 1];
    for (uint64_t i = 0; i <= CHAIN; i++)
        key[i] = known_new(i + 1);
    first_key = key[0];
    for (size_t n = 0, i = 0; n < CHAIN; n++, i = (i + step) % CHAIN) {
        chain[i] = grey_ephemeron_create(key[i], key[i + 1]);
        REQUIRE(chain[i] != NULL, "an ephemeron");
    }
    return NULL;
}

static void check(void)
{
    struct known *key = first_key;
    for (uint64_t i = 0; i < CHAIN; i++) {
        if (grey_ephemeron_key(chain[i]) != key)
            seen("ephemeron %llu has lost its key", (unsigned long long)i);
        key = (struct known *)grey_ephemeron_value(chain[i]);
        known_check(key, i + 2);
    }
}

int main(int argc, char **argv)
{
    static const uintptr_t steps[] = { 1, CHAIN - 1, 3, 7, 77 };
    mutants_begin(argc, argv);
    for (size_t i = 0; i < COUNT(steps); i++) {
        on_thread(make, (void *)steps[i]);
        for (int round = 0; round < 3; round++) {
            collect_and_churn();
            check();
        }
    }
    return 0;
}
