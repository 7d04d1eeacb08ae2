// dies: greyspan: grey_finalizer_set(%p): not the start of an object
/* A finalizer is for an object, named by its first byte. */
#include "misuse.h"
#include <greyspan.h>

static void finalizer(void *object, void *data)
{
    (void)object;
    (void)data;
}

int main(void)
{
    char *p = (char *)grey_alloc(GREY_NOSCAN, 64);
    CHECK(!grey_finalizer_set(p + 16, finalizer, NULL), "it is not set");
    grey_keep(p);
    return misuse_survived();
}
