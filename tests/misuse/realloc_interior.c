// dies: greyspan: realloc(%p, 300): not the start of a block
/* realloc of a pointer into a block. */
#include "misuse.h"

int main(void)
{
    char *p = hidep(malloc(hide(200)));
    CHECK(realloc(hidep(p + 32), hide(300)) == NULL, "a realloc that is skipped gives NULL");
    free(p);
    return misuse_survived();
}
