// dies: greyspan: realloc(%p, 64): not an allocated block
/* realloc of a large freed block. */
#include "misuse.h"

int main(void)
{
    void *p = misuse_freed(malloc(hide(2 * MIB)));
    CHECK(realloc(p, hide(64)) == NULL, "a realloc that is skipped gives NULL");
    return misuse_survived();
}
