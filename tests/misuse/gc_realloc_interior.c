// dies: greyspan: realloc(%p): not the start of an object
/* A managed object is resized by an address inside. */
#include "misuse.h"
#include <greyspan.h>

int main(void)
{
    char *p = (char *)grey_alloc(GREY_NOSCAN, 64);
    CHECK(realloc(hidep(p + 16), hide(100)) == NULL, "nothing comes of it");
    grey_keep(p);
    return misuse_survived();
}
