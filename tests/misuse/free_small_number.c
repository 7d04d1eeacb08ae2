// dies: greyspan: free(%p): not a block of this heap
/* A field of a null pointer: NULL + 8. */
#include "misuse.h"

int main(void)
{
    free(hidep((void *)8));
    return misuse_survived();
}
