/* A program that links libgreyspan.so and runs under the preload library has one heap: a
   block of grey_malloc can be freed by free, and the reverse. */
#include "../front.h"
#include <greyspan.h>

int main(void)
{
    Dl_info by_api, by_name;
    REQUIRE(dladdr(symbol("grey_malloc"), &by_api) != 0 && dladdr(symbol("malloc"), &by_name) != 0,
            "both are found");
    CHECK(by_api.dli_fbase == by_name.dli_fbase, "grey_malloc (%s) and malloc (%s) come from one object",
          by_api.dli_fname, by_name.dli_fname);

    for (size_t size = 1; size < 10 * MIB; size = size * 3 / 2 + 1) {
        void *blocks[20];
        for (size_t i = 0; i < COUNT(blocks); i++) {
            blocks[i] = i % 2 == 0 ? grey_malloc(size) : malloc(hide(size));
            REQUIRE(blocks[i] != NULL, "there is memory");
            CHECK(malloc_usable_size(blocks[i]) == grey_usable_size(blocks[i]), "both know the block's size");
        }
        for (size_t i = 0; i < COUNT(blocks); i++) {
            blocks[i] = i % 3 == 0 ? grey_realloc(blocks[i], size * 2) : realloc(blocks[i], hide(size * 2));
            if (i % 2 == 0)
                free(blocks[i]);
            else
                grey_free(blocks[i]);
        }
    }
    return front_result();
}
