// dies: greyspan: free(%p): not a block of this heap
/* Memory of mmap. */
#include "misuse.h"
#include <sys/mman.h>

int main(void)
{
    char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(p != MAP_FAILED, "mmap works");
    free(hidep(p));
    return misuse_survived();
}
