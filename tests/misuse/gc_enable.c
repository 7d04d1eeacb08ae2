// dies: greyspan: grey_enable(): the collector is not disabled
/* The collector is enabled once too often. */
#include "misuse.h"
#include <greyspan.h>

int main(void)
{
    grey_disable();
    grey_enable();
    grey_enable();
    return misuse_survived();
}
