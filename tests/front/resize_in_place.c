/* A large block that lies where freed blocks were, resized and freed without ever having been
   written: what those left behind in the memory is not taken for a mark of the block's own. */
#include "front.h"

enum { BLOCKS = 64, ROUNDS = 200 };

static void *blocks[BLOCKS];

static void fill_and_free(size_t size, size_t n)
{
    for (size_t i = 0; i < n; i++)
        blocks[i] = hidep(malloc(hide(size)));
    for (size_t i = 0; i < n; i++)
        free(blocks[i]);
}

int main(void)
{
    uint64_t random = 1;
    for (int round = 0; round < ROUNDS; round++) {
        /* Every page of some MiB becomes the start of a freed block. */
        fill_and_free(hide(40000 + random_below(&random, 60000)), BLOCKS);
        fill_and_free(hide(200000 + random_below(&random, 600000)), BLOCKS / 4);
        fill_and_free(hide(8000), BLOCKS);

        char *large = hidep(malloc(hide(2 * MIB + random_below(&random, 20 * MIB))));
        REQUIRE(large != NULL, "there is memory");
        for (size_t size = 2 * MIB; size > 20000; size = size * 2 / 3) {
            large = hidep(realloc(large, hide(size)));
            REQUIRE(large != NULL, "shrinking works");
            CHECK(malloc_usable_size(large) >= size, "the shrunk block has its size");
        }
        for (size_t size = 20000; size < 3 * MIB; size = size * 3 / 2) {
            large = hidep(realloc(large, hide(size)));
            REQUIRE(large != NULL, "growing works");
        }
        free(large);

        large = hidep(malloc(hide(10 * MIB)));
        free(hidep(realloc(large, hide(30000 + random_below(&random, 900000)))));
    }
    return front_result();
}
