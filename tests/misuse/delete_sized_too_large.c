// dies: greyspan: operator delete(%p, 100): the block holds 48 bytes
/* Sized operator delete of an object larger than the block: a base without a virtual
   destructor, or an object deleted through the wrong type. */
#include "misuse.h"

int main(void)
{
    void (*operator_delete)(void *, size_t) = (void (*)(void *, size_t))symbol("_ZdlPvm");
    REQUIRE(operator_delete != NULL, "sized operator delete exists");
    operator_delete(malloc(hide(48)), 100);
    return misuse_survived();
}
