// dies: greyspan: free(%p): not the start of a block
/* What a program gets that rounds a pointer up by itself and forgets that it did. */
#include "misuse.h"

int main(void)
{
    char *p = hidep(malloc(hide(1000)));
    char *rounded = (char *)(((uintptr_t)p + 128) & ~(uintptr_t)63);
    free(hidep(rounded));
    free(p);
    return misuse_survived();
}
