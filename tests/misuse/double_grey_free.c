// dies: greyspan: grey_free(%p): double free
/* The API of the library is named likewise. */
#include "misuse.h"

int main(void)
{
    void (*grey_free)(void *) = (void (*)(void *))symbol("grey_free");
    REQUIRE(grey_free != NULL, "grey_free exists");
    grey_free(misuse_freed(malloc(hide(24))));
    return misuse_survived();
}
