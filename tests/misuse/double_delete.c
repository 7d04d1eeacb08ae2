// dies: greyspan: operator delete(%p): double free
/* operator delete of a block that free took. */
#include "misuse.h"

int main(void)
{
    void (*operator_delete)(void *) = (void (*)(void *))symbol("_ZdlPv");
    REQUIRE(operator_delete != NULL, "operator delete exists");
    operator_delete(misuse_freed(malloc(hide(24))));
    return misuse_survived();
}
