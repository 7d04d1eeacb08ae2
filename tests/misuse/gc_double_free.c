// dies: greyspan: grey_free(%p): double free
/* A managed object is freed twice. */
#include "misuse.h"
#include <greyspan.h>

int main(void)
{
    void *p = hidep(grey_alloc(GREY_NOSCAN, 64));
    grey_free(p);
    grey_free(hidep(p));
    return misuse_survived();
}
