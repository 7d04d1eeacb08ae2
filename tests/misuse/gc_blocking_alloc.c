// dies: greyspan: grey_collect(): the thread is in a blocking region
/* The collector is called in a blocking region. */
#include "misuse.h"
#include <greyspan.h>

int main(void)
{
    (void)hidep(grey_alloc(GREY_NOSCAN, 64));
    grey_blocking_enter();
    grey_collect();
    grey_blocking_leave();
    return misuse_survived();
}
