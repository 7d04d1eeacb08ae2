// dies: greyspan: free(%p): not a block of this heap
/* A number that is no address at all. */
#include "misuse.h"

int main(void)
{
    free(hidep((void *)(uintptr_t)0xdeadbeefdeadbee0));
    return misuse_survived();
}
