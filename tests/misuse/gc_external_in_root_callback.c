// dies: greyspan: grey_external(): called by a callback that runs while threads are stopped
/* A root callback reports external memory, so much that a cycle is due. */
#include "misuse.h"
#include <greyspan.h>

static void roots(void *data, struct grey_tracer *t)
{
    (void)data;
    (void)t;
    grey_external((ptrdiff_t)1 << 40);
}

int main(void)
{
    REQUIRE(grey_root_callback_add(roots, NULL), "a callback");
    grey_collect();
    grey_root_callback_remove(roots, NULL);
    return misuse_survived();
}
