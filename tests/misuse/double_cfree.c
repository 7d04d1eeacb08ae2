// dies: greyspan: cfree(%p): double free
/* cfree is named as the program called it. */
#include "misuse.h"

int main(void)
{
    void (*cfree)(void *) = (void (*)(void *))symbol("cfree");
    REQUIRE(cfree != NULL, "cfree exists");
    cfree(misuse_freed(malloc(hide(24))));
    return misuse_survived();
}
