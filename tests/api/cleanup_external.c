/* Objects that hold memory outside the heap until their cleanups give it back: what waits for a cleanup does not
   raise the goal, so the memory in use stays near what a cycle lets grow. */
#include "api.h"

enum { OBJECTS = 20000, HOLDS = 100000, MOST = 64 << 20 };

static size_t held;

static void give_back(void *bytes)
{
    held -= (size_t)bytes;
    grey_external(-(ptrdiff_t)(size_t)bytes);
}

int main(void)
{
    size_t peak = 0;
    CHECK(grey_set(GREY_SET_FINALIZERS, GREY_FINALIZERS_PUMP), "cleanups run here");
    for (int i = 0; i < OBJECTS; i++) {
        void *object = grey_alloc(GREY_CONSERVATIVE, 32);
        held += HOLDS;
        peak = held > peak ? held : peak;
        CHECK(grey_cleanup_add(object, give_back, (void *)(size_t)HOLDS) != 0, "a cleanup is added");
        grey_external(HOLDS);
        grey_finalizers_run();
    }
    CHECK(peak <= MOST, "%zu bytes were held at once", peak);
    return result();
}
