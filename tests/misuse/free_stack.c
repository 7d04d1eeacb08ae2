// dies: greyspan: free(%p): not a block of this heap
/* A variable on the stack. */
#include "misuse.h"

int main(void)
{
    char local[64] __attribute__((aligned(16)));
    free(hidep(local));
    return misuse_survived();
}
