// dies: greyspan: grey_weak_create(%p): not a managed object
/* No weak reference leads to a block of malloc. */
#include "misuse.h"
#include <greyspan.h>

int main(void)
{
    void *p = malloc(hide(64));
    CHECK(grey_weak_create(p) == NULL, "there is none");
    free(p);
    return misuse_survived();
}
