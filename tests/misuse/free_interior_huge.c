// dies: greyspan: free(%p): not the start of a block
/* A page in the midst of a block larger than an arena. */
#include "misuse.h"

int main(void)
{
    char *p = hidep(malloc(hide(300 * MIB)));
    free(hidep(p + 200 * MIB));
    free(p);
    return misuse_survived();
}
