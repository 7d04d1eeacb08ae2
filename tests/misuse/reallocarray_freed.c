// dies: greyspan: reallocarray(%p, 64): not an allocated block
/* reallocarray of a freed block: the size is the product. */
#include "misuse.h"

int main(void)
{
    void *p = misuse_freed(malloc(hide(40)));
    CHECK(reallocarray(p, hide(8), 8) == NULL, "a call that is skipped gives NULL");
    return misuse_survived();
}
