// dies: greyspan: free(%p): double free
/* A managed object is freed twice, by free: it knows both kinds of memory. */
#include "misuse.h"
#include <greyspan.h>

int main(void)
{
    void *p = hidep(grey_alloc(GREY_CONSERVATIVE, 3000));
    free(p);
    free(hidep(p));
    return misuse_survived();
}
