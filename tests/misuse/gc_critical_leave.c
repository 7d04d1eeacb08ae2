// dies: greyspan: grey_critical_leave(): the thread is in no critical section
/* A critical section is left that was not entered. */
#include "misuse.h"
#include <greyspan.h>

int main(void)
{
    grey_critical_leave();
    grey_collect();
    return misuse_survived();
}
