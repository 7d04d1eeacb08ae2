// dies: greyspan: free(%p): double free
/* The page of the block has gone back to the system in between. */
#include "misuse.h"

int main(void)
{
    static void *others[100];
    void *p = hidep(malloc(hide(3000)));
    for (size_t i = 0; i < COUNT(others); i++)
        others[i] = malloc(hide(3000));
    p = misuse_freed(p);
    for (size_t i = 0; i < COUNT(others); i++)
        free(others[i]);
    malloc_trim(0);
    free(p);
    return misuse_survived();
}
