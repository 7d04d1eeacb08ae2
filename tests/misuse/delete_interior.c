// dies: greyspan: operator delete[](%p): not the start of a block
/* delete[] of a pointer into the array: the count of objects lies before the first, where a
   program that mixes delete and delete[] does not look. */
#include "misuse.h"

int main(void)
{
    void (*operator_delete)(void *) = (void (*)(void *))symbol("_ZdaPv");
    REQUIRE(operator_delete != NULL, "operator delete[] exists");
    char *p = hidep(malloc(hide(80)));
    operator_delete(hidep(p + 8));
    free(p);
    return misuse_survived();
}
