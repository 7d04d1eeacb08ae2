// dies: greyspan: free(%p): not the start of a block
/* A pointer just behind the start of a large block. */
#include "misuse.h"

int main(void)
{
    char *p = hidep(malloc(hide(5 * MIB)));
    free(hidep(p + 16));
    free(p);
    return misuse_survived();
}
