// dies: greyspan: free(%p): double free
/* A block larger than an arena freed twice in a row. So large a free may start a thread, for
   which libc allocates, perhaps there; the memory of a thread that was serves without. */
#include "misuse.h"

static void *nothing(void *unused)
{
    return unused;
}

int main(void)
{
    misuse_in_thread(nothing, NULL);
    free(misuse_freed(malloc(hide(200 * MIB))));
    return misuse_survived();
}
