// dies: greyspan: free(%p): double free
/* A large block with a large alignment freed twice in a row. */
#include "misuse.h"

int main(void)
{
    free(misuse_freed(memalign(MIB, hide(MIB))));
    return misuse_survived();
}
