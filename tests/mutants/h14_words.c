/* Bulk copies and moves beside a reader: each word is the old one or the new one, never half of both. */
#include "mutants.h"

enum { WORDS = 64 };
#define ONES  UINT64_C(0x1111111111111111)
#define TWOS  UINT64_C(0x2222222222222222)

static uint64_t shared[WORDS + 1];
static int stop;

static void *copy(void *unused)
{
    static uint64_t ones[WORDS], twos[WORDS];
    for (size_t i = 0; i < WORDS; i++) {
        ones[i] = ONES;
        twos[i] = TWOS;
    }
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        grey_copy(shared, ones, sizeof ones);
        grey_move(shared, twos, sizeof twos);
        grey_clear(shared, sizeof ones);
        grey_move(shared, ones, sizeof ones);
        grey_copy(shared, twos, sizeof twos);
        grey_safepoint();
    }
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t t;
    mutants_begin(argc, argv);
    REQUIRE(grey_pthread_create(&t, NULL, copy, NULL) == 0, "a thread starts");
    while (time_left())
        for (int n = 0; n < 10000; n++) {
            uint64_t word = __atomic_load_n(&shared[n % WORDS], __ATOMIC_RELAXED);
            if (word != 0 && word != ONES && word != TWOS)
                seen("half a word: %#llx", (unsigned long long)word);
        }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    grey_pthread_join(t, NULL);
    return 0;
}
