// dies: greyspan: free(%p): double free
/* Freed by another thread that has ended since, then by its owner. */
#include "misuse.h"

static void *free_it(void *p)
{
    free(p);
    return NULL;
}

int main(void)
{
    void *p = hidep(malloc(hide(100))), *again = hidep(p);
    misuse_in_thread(free_it, p);
    free(again);
    return misuse_survived();
}
