/* All of malloc_usable_size() belongs to the caller: it is written from end to end, while
   the neighbours, written likewise, stay as they are. */
#include "front.h"

enum { LIVE = 16 };

struct block {
    char *p;
    size_t usable;
    uint64_t seed;
};

static struct block ring[LIVE];

static void retire(struct block *b)
{
    if (b->p == NULL)
        return;
    CHECK(pattern_holds(b->p, b->usable, b->seed),
          "a block of usable size %zu is intact beside its neighbours", b->usable);
    CHECK(malloc_usable_size(b->p) == b->usable, "the usable size %zu of a live block does not change",
          b->usable);
    free(b->p);
    b->p = NULL;
}

static void exercise(size_t size, uint64_t seed)
{
    struct block *b = &ring[seed % LIVE];
    retire(b);
    b->p = hidep(malloc(hide(size)));
    REQUIRE(b->p != NULL, "malloc(%zu) gives a block", size);
    b->usable = hide(malloc_usable_size(b->p));
    b->seed = seed;
    CHECK(b->usable >= size, "malloc(%zu): the usable size %zu covers the request", size, b->usable);
    CHECK(b->usable <= size + size / 4 + 8192, "malloc(%zu): %zu usable bytes are not wildly more", size,
          b->usable);
    pattern_fill(b->p, b->usable, seed);
}

int main(void)
{
    uint64_t random = 1, seed = 0;

    for (size_t size = 0; size <= 9 * KIB; size++)
        exercise(size, seed++);
    for (size_t size = 9 * KIB; size <= 70 * KIB; size += 11)
        exercise(size, seed++);
    for (int i = 0; i < 300; i++)
        exercise(70 * KIB + random_below(&random, 3 * MIB), seed++);
    for (int i = 0; i < 6; i++)
        exercise(random_below(&random, 30 * MIB), seed++);

    for (size_t i = 0; i < LIVE; i++)
        retire(&ring[i]);
    return front_result();
}
