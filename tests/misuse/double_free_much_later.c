// dies: greyspan: free(%p): double free
/* The second free comes when the block has long left the thread's cache for its span. */
#include "misuse.h"

int main(void)
{
    enum { OTHERS = 200000 };
    static void *others[OTHERS];
    for (size_t i = 0; i < OTHERS; i++)
        others[i] = malloc(hide(48));
    void *p = misuse_freed(others[OTHERS / 2]);
    for (size_t i = 0; i < OTHERS; i++)
        if (i != OTHERS / 2 && i % 4 != 3)
            free(others[i]);
    free(p);
    return misuse_survived();
}
