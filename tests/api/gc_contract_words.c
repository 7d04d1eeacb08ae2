/* Bulk copies, moves and clears beside a reader: each word is the old one or the new one, never half of
   both. */
#include "gc_contract.h"

enum { WORDS = 64, LOOKS = 300000000, ENOUGH = 200000 };
#define ONES UINT64_C(0x1111111111111111)
#define TWOS UINT64_C(0x2222222222222222)

static uint64_t shared[WORDS];
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
        grey_clear(shared, sizeof shared);
        grey_move(shared, ones, sizeof ones);
        grey_move(shared + 1, shared, sizeof shared - sizeof *shared);
        grey_copy(shared, twos, sizeof twos);
        grey_safepoint();
    }
    return unused;
}

int main(void)
{
    pthread_t t;
    uint64_t seen[3] = { 0 };
    CHECK(grey_pthread_create(&t, NULL, copy, NULL) == 0, "a thread starts");
    for (size_t n = 0; n < LOOKS && (seen[1] < ENOUGH || seen[2] < ENOUGH); n++) {
        uint64_t word = __atomic_load_n(&shared[n % WORDS], __ATOMIC_RELAXED);
        if (word != 0 && word != ONES && word != TWOS) {
            CHECK(false, "half a word: %#jx", (uintmax_t)word);
            break;
        }
        seen[word & 3]++;
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    grey_pthread_join(t, NULL);
    CHECK(seen[1] >= ENOUGH && seen[2] >= ENOUGH, "both copies were seen often enough");
    return result();
}
