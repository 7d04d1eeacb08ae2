// dies: greyspan: grey_blocking_leave(): the thread is in no blocking region
/* A blocking region is left that was not entered. */
#include "misuse.h"
#include <greyspan.h>

int main(void)
{
    (void)hidep(grey_alloc(GREY_NOSCAN, 64));
    grey_blocking_leave();
    return misuse_survived();
}
