/* An object that a thread-specific value holds: of keys in the thread's own record and of later ones,
   which lie in memory of malloc's. */
#include "mutants.h"

enum { KEYS = 200 };

static pthread_key_t keys[KEYS], now;

static __attribute__((noinline)) void put(const struct holder *h)
{
    pthread_setspecific(now, (void *)~h->object.inverse);
}

static void hold(struct holder *h)
{
    put(h);
    __atomic_store_n(&h->holds, 1, __ATOMIC_RELEASE);
    while (__atomic_load_n(&h->done, __ATOMIC_ACQUIRE) == 0) {
        grey_safepoint();
        sleep_ms(1);
    }
    pthread_setspecific(now, NULL);
}

int main(int argc, char **argv)
{
    static const size_t which[] = { 0, 20, 30, 31, 32, 33, 63, 64, 100, KEYS - 1 };
    char where[64];
    mutants_begin(argc, argv);
    for (size_t i = 0; i < KEYS; i++)
        REQUIRE(pthread_key_create(&keys[i], NULL) == 0, "a key");
    for (size_t i = 0; i < COUNT(which); i++) {
        now = keys[which[i]];
        snprintf(where, sizeof where, "the thread's value of key %u", (unsigned)now);
        hold_once(hold, where);
    }
    return 0;
}
