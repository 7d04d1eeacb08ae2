// dies: greyspan: grey_free(%p): not the start of an object
/* A managed object is freed by an address inside. */
#include "misuse.h"
#include <greyspan.h>

int main(void)
{
    char *p = (char *)grey_alloc(GREY_NOSCAN, 64);
    grey_free((char *)hidep(p + 16));
    grey_keep(p);
    return misuse_survived();
}
