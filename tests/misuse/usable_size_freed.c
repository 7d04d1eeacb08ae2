// dies: greyspan: malloc_usable_size(%p): not an allocated block
/* malloc_usable_size of a freed block. */
#include "misuse.h"

int main(void)
{
    void *p = misuse_freed(malloc(hide(40)));
    CHECK(malloc_usable_size(p) == 0, "a question that is skipped is answered by 0");
    return misuse_survived();
}
