// dies: greyspan: grey_write(%p): the thread is not attached
/* A thread that the collector does not know stores into an object, while writes are checked. */
#include "misuse.h"
#include <greyspan.h>

static void *write_to(void *object)
{
    grey_write(object, object);
    CHECK(*(void **)object == NULL, "it is not written");
    grey_copy(object, &object, sizeof object);
    CHECK(*(void **)object == NULL, "nor copied to");
    *(void **)object = object;
    grey_clear(object, sizeof object);
    CHECK(*(void **)object == object, "nor cleared");
    CHECK(!grey_thread_is_attached(), "and the thread stays as it is");
    return NULL;
}

int main(void)
{
    REQUIRE(grey_set(GREY_SET_CHECK_WRITES, 1), "writes are checked");
    void *object = grey_alloc(GREY_CONSERVATIVE, 64);
    REQUIRE(object != NULL, "an object");
    misuse_in_thread(write_to, object);
    grey_keep(object);
    return misuse_survived();
}
