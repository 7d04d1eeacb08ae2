// dies: greyspan: free(%p): double free
/* A block of 8 MiB freed twice in a row. */
#include "misuse.h"

int main(void)
{
    free(misuse_freed(malloc(hide(8 * MIB))));
    return misuse_survived();
}
