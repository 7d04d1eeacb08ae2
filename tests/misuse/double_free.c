// dies: greyspan: free(%p): double free
/* A small block freed twice in a row. */
#include "misuse.h"

int main(void)
{
    free(misuse_freed(malloc(hide(48))));
    return misuse_survived();
}
