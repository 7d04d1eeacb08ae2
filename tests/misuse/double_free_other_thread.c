// dies: greyspan: free(%p): double free
/* Freed by its owner, then by another thread. */
#include "misuse.h"

static void *free_it(void *p)
{
    free(p);
    return NULL;
}

int main(void)
{
    misuse_in_thread(free_it, misuse_freed(malloc(hide(100))));
    return misuse_survived();
}
