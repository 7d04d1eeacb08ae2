// dies: greyspan: grey_external(-1000): only 400 bytes were reported
/* More external memory is given back than was reported. */
#include "misuse.h"
#include <greyspan.h>

int main(void)
{
    grey_external(400);
    grey_external(-1000);
    return misuse_survived();
}
