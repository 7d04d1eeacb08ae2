// dies: greyspan: free_sized(%p, 100): the block holds 48 bytes
/* free_sized with a size that the block does not have. */
#include "misuse.h"

int main(void)
{
    void (*free_sized)(void *, size_t) = (void (*)(void *, size_t))symbol("free_sized");
    REQUIRE(free_sized != NULL, "free_sized exists");
    free_sized(malloc(hide(48)), 100);
    return misuse_survived();
}
