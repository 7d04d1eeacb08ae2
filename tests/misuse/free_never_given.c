// dies: greyspan: free(%p): double free
/* A slot of the same span that was never handed out, farther away than a thread's cache reaches. */
#include "misuse.h"

int main(void)
{
    size_t size = hide(64);
    char *p = hidep(malloc(size));
    char *far = (char *)((uintptr_t)p & ~(uintptr_t)8191) + 8192 - 64;
    free(hidep(far));
    free(p);
    return misuse_survived();
}
