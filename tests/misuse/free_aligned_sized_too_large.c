// dies: greyspan: free_aligned_sized(%p, 5000): the block holds 64 bytes
/* free_aligned_sized with a size that the block does not have. */
#include "misuse.h"

int main(void)
{
    void (*free_aligned_sized)(void *, size_t, size_t) =
        (void (*)(void *, size_t, size_t))symbol("free_aligned_sized");
    REQUIRE(free_aligned_sized != NULL, "free_aligned_sized exists");
    free_aligned_sized(aligned_alloc(64, hide(64)), 64, 5000);
    return misuse_survived();
}
