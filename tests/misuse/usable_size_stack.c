// dies: greyspan: malloc_usable_size(%p): not a block of this heap
/* malloc_usable_size of a variable on the stack. */
#include "misuse.h"

int main(void)
{
    char local[64] __attribute__((aligned(16)));
    CHECK(malloc_usable_size(hidep(local)) == 0, "a question that is skipped is answered by 0");
    return misuse_survived();
}
