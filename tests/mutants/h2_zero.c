/* A slot that held an object is zero when it is given out again. */
#include "mutants.h"

int main(int argc, char **argv)
{
    static const size_t sizes[] = { 16, 48, 512, 4096, 20000, 100000 };
    mutants_begin(argc, argv);
    for (int round = 0; round < 5; round++)
        for (size_t s = 0; s < COUNT(sizes); s++) {
            for (int i = 0; i < 300; i++) {
                char *p = (char *)grey_alloc(GREY_NOSCAN, sizes[s]);
                REQUIRE(p != NULL, "there is memory");
                if (!all_zero(p, sizes[s]))
                    seen("an object of %zu bytes is not zero", sizes[s]);
                memset(p, 0xee, sizes[s]);
            }
            grey_collect();
        }
    return 0;
}
