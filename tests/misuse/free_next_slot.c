// dies: greyspan: free(%p): double free
/* The place behind a fresh block, where none was handed out so far: it counts as free. */
#include "misuse.h"

int main(void)
{
    size_t size = hide(1100);
    char *p = hidep(malloc(size));
    free(hidep(p + malloc_usable_size(p)));
    free(p);
    return misuse_survived();
}
