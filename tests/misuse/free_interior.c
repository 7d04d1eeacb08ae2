// dies: greyspan: free(%p): not the start of a block
/* A pointer into a small block. */
#include "misuse.h"

int main(void)
{
    char *p = hidep(malloc(hide(100)));
    free(hidep(p + 16));
    free(p);
    return misuse_survived();
}
