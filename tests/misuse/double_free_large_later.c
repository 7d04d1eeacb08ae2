// dies: greyspan: free(%p): double free
/* A large block freed again after its neighbours were freed too and the runs have merged. */
#include "misuse.h"

int main(void)
{
    static void *blocks[9];
    for (size_t i = 0; i < COUNT(blocks); i++)
        blocks[i] = malloc(hide(2 * MIB));
    void *p = misuse_freed(blocks[4]);
    for (size_t i = 0; i < COUNT(blocks); i++)
        if (i != 4)
            free(blocks[i]);
    free(p);
    return misuse_survived();
}
