// dies: greyspan: free(%p): not the start of a block
/* The second page of a block of 30000 bytes. */
#include "misuse.h"

int main(void)
{
    char *p = hidep(malloc(hide(30000)));
    free(hidep(p + 8192));
    free(p);
    return misuse_survived();
}
