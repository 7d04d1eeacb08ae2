// with: GREY_STOP=signal
// says: too late: Device or resource busy
/* A setting that is read once, when the collector starts. */
#include "mistake.h"

int main(void)
{
    thing_new();
    if (!grey_set(GREY_SET_CHECK_WRITES, 1)) /* right: before the first allocation */
        perror("too late");
    return 0;
}
