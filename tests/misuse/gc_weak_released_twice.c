// dies: greyspan: grey_weak_release(%p): released already
/* A weak reference is released twice. */
#include "misuse.h"
#include <greyspan.h>

int main(void)
{
    grey_weak *w = grey_weak_create(grey_alloc(GREY_NOSCAN, 64));
    grey_weak_release(w);
    grey_weak_release((grey_weak *)hidep(w));
    return misuse_survived();
}
