// dies: greyspan: free(%p): not a block of this heap
/* A string literal. */
#include "misuse.h"

int main(void)
{
    free(hidep((char *)(uintptr_t) "a literal"));
    return misuse_survived();
}
