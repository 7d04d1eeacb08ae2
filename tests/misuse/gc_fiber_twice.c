// dies: greyspan: grey_fiber_switch(%p): a thread runs on it
/* Two threads switch to one fiber. */
#include "misuse.h"
#include <greyspan.h>

static char stack[64 << 10];
static grey_fiber *fiber;

static void *other(void *unused)
{
    grey_fiber_switch(fiber);
    return unused;
}

int main(void)
{
    fiber = grey_fiber_create(stack, sizeof stack);
    grey_fiber *self = grey_fiber_self();
    REQUIRE(fiber != NULL && self != NULL, "fibers");
    grey_fiber_switch(fiber);
    misuse_in_thread(other, NULL);
    grey_fiber_switch(self);
    grey_fiber_destroy(fiber);
    return misuse_survived();
}
