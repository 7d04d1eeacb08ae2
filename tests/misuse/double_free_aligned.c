// dies: greyspan: free(%p): double free
/* A block of memalign freed twice in a row. */
#include "misuse.h"

int main(void)
{
    free(misuse_freed(memalign(4096, hide(100))));
    return misuse_survived();
}
