// dies: greyspan: free(%p): double free
/* A block of 100 KiB freed twice in a row. */
#include "misuse.h"

int main(void)
{
    free(misuse_freed(malloc(hide(100 * KIB))));
    return misuse_survived();
}
