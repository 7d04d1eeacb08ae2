// dies: greyspan: free(%p): not a block of this heap
/* Memory of sbrk, where the heap of libc would be. */
#include "misuse.h"

int main(void)
{
    char *p = sbrk(65536);
    REQUIRE(p != (void *)-1, "sbrk works");
    free(hidep(p));
    return misuse_survived();
}
