// dies: greyspan: realloc(%p): double free
/* A managed object is resized that was freed. */
#include "misuse.h"
#include <greyspan.h>

int main(void)
{
    void *p = hidep(grey_alloc(GREY_NOSCAN, 64));
    free(p);
    CHECK(realloc(hidep(p), hide(100)) == NULL, "nothing comes of it");
    return misuse_survived();
}
