// dies: greyspan: grey_handle_release(%p): the handle was released
/* A handle is released twice. */
#include "misuse.h"
#include <greyspan.h>

int main(void)
{
    grey_handle *h = grey_handle_create(grey_alloc(GREY_NOSCAN, 64));
    grey_handle_release(h);
    grey_handle_release((grey_handle *)hidep(h));
    return misuse_survived();
}
