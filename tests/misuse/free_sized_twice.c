// dies: greyspan: free_sized(%p): double free
/* free_sized of a freed block. */
#include "misuse.h"

int main(void)
{
    void (*free_sized)(void *, size_t) = (void (*)(void *, size_t))symbol("free_sized");
    REQUIRE(free_sized != NULL, "free_sized exists");
    free_sized(misuse_freed(malloc(hide(48))), 48);
    return misuse_survived();
}
