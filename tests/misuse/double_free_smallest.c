// dies: greyspan: free(%p): double free
/* The smallest block freed twice in a row. */
#include "misuse.h"

int main(void)
{
    free(misuse_freed(malloc(hide(0))));
    return misuse_survived();
}
