// dies: greyspan: free(%p): double free
/* A block of 20000 bytes freed twice in a row. */
#include "misuse.h"

int main(void)
{
    free(misuse_freed(malloc(hide(20000))));
    return misuse_survived();
}
