// dies: greyspan: grey_finalizer_set(%p): not a managed object
/* A block of malloc has no finalizer. */
#include "misuse.h"
#include <greyspan.h>

static void finalizer(void *object, void *data)
{
    (void)object;
    (void)data;
}

int main(void)
{
    void *p = malloc(hide(64));
    CHECK(!grey_finalizer_set(p, finalizer, NULL), "it is not set");
    free(p);
    return misuse_survived();
}
