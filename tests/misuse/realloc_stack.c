// dies: greyspan: realloc(%p, 300): not a block of this heap
/* realloc of a variable on the stack. */
#include "misuse.h"

int main(void)
{
    char local[64] __attribute__((aligned(16)));
    CHECK(realloc(hidep(local), hide(300)) == NULL, "a realloc that is skipped gives NULL");
    return misuse_survived();
}
