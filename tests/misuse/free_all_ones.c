// dies: greyspan: free(%p): not a block of this heap
/* The pointer of a failed mmap. */
#include "misuse.h"

int main(void)
{
    free(hidep((void *)(uintptr_t)-1));
    return misuse_survived();
}
