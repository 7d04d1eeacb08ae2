// dies: greyspan: malloc(1000): block %p was written to after it was freed
/* The same for a block that has gone from the thread's cache to its span and comes back. */
#include "misuse.h"

int main(void)
{
    enum { BLOCKS = 4000 };
    static void *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++)
        blocks[i] = malloc(hide(1000));
    void **p = hidep(blocks[1000]);
    for (size_t i = 0; i < BLOCKS; i++)
        if (i % 8 != 7)
            free(blocks[i]);
    p[1] = &p;
    for (size_t i = 0; i < BLOCKS; i++)
        (void)hidep(malloc(hide(1000)));
    return misuse_survived();
}
