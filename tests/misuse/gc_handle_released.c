// dies: greyspan: grey_handle_set(%p): the handle was released
/* A handle is written to after its release. */
#include "misuse.h"
#include <greyspan.h>

int main(void)
{
    void *p = grey_alloc(GREY_NOSCAN, 64);
    grey_handle *h = grey_handle_create(p);
    grey_handle_release(h);
    grey_handle_set((grey_handle *)hidep(h), p);
    return misuse_survived();
}
