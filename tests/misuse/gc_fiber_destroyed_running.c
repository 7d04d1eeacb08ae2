// dies: greyspan: grey_fiber_destroy(%p): a thread runs on it
/* A fiber is destroyed by whoever runs on it. */
#include "misuse.h"
#include <greyspan.h>

int main(void)
{
    static char stack[64 << 10];
    grey_fiber *fiber = grey_fiber_create(stack, sizeof stack), *self = grey_fiber_self();
    REQUIRE(fiber != NULL && self != NULL, "fibers");
    grey_fiber_switch(fiber);
    grey_fiber_destroy(fiber);
    grey_fiber_switch(self);
    return misuse_survived();
}
