// dies: greyspan: grey_weak_get(%p): released already
/* A weak reference is used after its release. */
#include "misuse.h"
#include <greyspan.h>

int main(void)
{
    grey_weak *w = grey_weak_create(grey_alloc(GREY_NOSCAN, 64));
    grey_weak_release(w);
    CHECK(grey_weak_get((grey_weak *)hidep(w)) == NULL, "it leads nowhere");
    return misuse_survived();
}
