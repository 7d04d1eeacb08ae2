/* What the misuse programs share. Each does one thing wrong, says in its first line what must
   be written before it dies, and ends with misuse_survived(): under GREY_ON_ERROR=ignore the
   wrong call is skipped, and the heap must be as good as before. */
#ifndef MISUSE_H
#define MISUSE_H

#include "../front/front.h"
#include <pthread.h>

enum { MISUSE_BLOCKS = 4000 };

/* Live blocks of all sizes that do not overlap; 0 when they hold what was written. */
static inline int misuse_survived(void)
{
    static char *blocks[MISUSE_BLOCKS];
    uint64_t random = 11;
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < MISUSE_BLOCKS; i++) {
            size_t size = i % 500 == 0 ? 3 * MIB : random_size(&random, 12);
            blocks[i] = (char *)hidep(malloc(hide(size)));
            REQUIRE(blocks[i] != NULL, "there is memory after a misuse");
            pattern_fill(blocks[i], malloc_usable_size(blocks[i]), i);
        }
        for (size_t i = 0; i < MISUSE_BLOCKS; i++) {
            CHECK(pattern_holds(blocks[i], malloc_usable_size(blocks[i]), i),
                  "blocks do not overlap after a misuse");
            free(blocks[i]);
        }
    }
    return front_result();
}

/* Frees a block and gives a copy of its address that the compiler knows nothing of. */
static inline void *misuse_freed(void *p)
{
    void *copy = hidep(p);
    REQUIRE(p != NULL, "there is a block to misuse");
    free(p);
    return hidep(copy);
}

/* Runs f(argument) in a thread and waits for its end. */
static inline void misuse_in_thread(void *(*f)(void *), void *argument)
{
    pthread_t t;
    REQUIRE(pthread_create(&t, NULL, f, argument) == 0, "a thread starts");
    pthread_join(t, NULL);
}

#endif
