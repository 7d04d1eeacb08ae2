// dies: greyspan: grey_usable_size(%p): not the start of an object
/* The size of a managed object is asked for by an address inside. */
#include "misuse.h"
#include <greyspan.h>

int main(void)
{
    char *p = (char *)grey_alloc(GREY_NOSCAN, 64);
    CHECK(grey_usable_size(hidep(p + 16)) == 0, "there is none");
    grey_keep(p);
    return misuse_survived();
}
