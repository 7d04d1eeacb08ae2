// with: GREY_ON_ERROR=abort
// says: grey_handle_get.0x[0-9a-f]+.: the handle was released
/* A handle that is used once more. */
#include "mistake.h"

int main(void)
{
    grey_handle *h = grey_handle_create(thing_new());
    grey_handle_release(h);
    struct thing *t = grey_handle_get(h);
    return t == NULL;
}
