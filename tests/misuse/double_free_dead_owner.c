// dies: greyspan: free(%p): double free
/* The block of a thread that has ended, freed twice. */
#include "misuse.h"

static void *block;

static void *allocate(void *unused)
{
    block = malloc(hide(64));
    return unused;
}

int main(void)
{
    misuse_in_thread(allocate, NULL);
    free(misuse_freed(block));
    return misuse_survived();
}
