// dies: greyspan: free(%p): not a block of this heap
/* A global variable. */
#include "misuse.h"

static char global[4096] __attribute__((aligned(16)));

int main(void)
{
    free(hidep(global));
    return misuse_survived();
}
