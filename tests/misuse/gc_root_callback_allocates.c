// dies: greyspan: grey_alloc(): called by a callback that runs while threads are stopped
/* A root callback allocates. */
#include "misuse.h"
#include <greyspan.h>

static void roots(void *data, struct grey_tracer *t)
{
    (void)data;
    (void)t;
    (void)hidep(grey_alloc(GREY_NOSCAN, hide(64)));
}

int main(void)
{
    REQUIRE(grey_root_callback_add(roots, NULL), "a callback");
    grey_collect();
    grey_root_callback_remove(roots, NULL);
    return misuse_survived();
}
