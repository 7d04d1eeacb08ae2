// dies: greyspan: free(%p): double free
/* A block larger than an arena freed twice in a row. */
#include "misuse.h"

int main(void)
{
    free(misuse_freed(malloc(hide(200 * MIB))));
    return misuse_survived();
}
