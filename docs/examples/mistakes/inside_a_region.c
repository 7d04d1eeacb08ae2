// with: GREY_STRESS=1
// says: greyspan: grey_alloc..: the thread is in a blocking region
/* A blocking region in which the thread allocates. */
#include "mistake.h"

int main(void)
{
    struct thing *t = thing_new();
    grey_blocking_enter();
    t = grey_alloc(GREY_CONSERVATIVE, sizeof *t); /* right: after grey_blocking_leave() */
    grey_blocking_leave();
    return t == NULL;
}
