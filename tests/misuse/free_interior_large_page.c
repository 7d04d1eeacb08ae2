// dies: greyspan: free(%p): not the start of a block
/* A page in the midst of a large block. */
#include "misuse.h"

int main(void)
{
    char *p = hidep(malloc(hide(5 * MIB)));
    free(hidep(p + 3 * MIB));
    free(p);
    return misuse_survived();
}
