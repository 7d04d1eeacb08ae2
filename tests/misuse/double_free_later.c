// dies: greyspan: free(%p): double free
/* The second free comes after a thousand others of the same size. */
#include "misuse.h"

int main(void)
{
    static void *others[1000];
    for (size_t i = 0; i < COUNT(others); i++)
        others[i] = malloc(hide(48));
    void *p = misuse_freed(malloc(hide(48)));
    for (size_t i = 0; i < COUNT(others); i++)
        free(others[i]);
    free(p);
    return misuse_survived();
}
