// dies: greyspan: realloc(%p, 64): not an allocated block
/* realloc of a freed block. */
#include "misuse.h"

int main(void)
{
    void *p = misuse_freed(malloc(hide(40)));
    CHECK(realloc(p, hide(64)) == NULL, "a realloc that is skipped gives NULL");
    return misuse_survived();
}
