// dies: greyspan: realloc(%p, 0): not an allocated block
/* realloc(p, 0) frees, but says its own name and arguments. */
#include "misuse.h"

int main(void)
{
    void *p = misuse_freed(malloc(hide(40)));
    CHECK(realloc(p, hide(0)) == NULL, "realloc(p, 0) gives NULL");
    return misuse_survived();
}
