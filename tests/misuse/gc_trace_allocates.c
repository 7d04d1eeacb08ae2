// dies: greyspan: grey_alloc(): called by a callback that runs while threads are stopped
/* A trace callback allocates. */
#include "misuse.h"
#include <greyspan.h>

static uint64_t *kept;

static void trace(void *object, struct grey_tracer *t)
{
    (void)object;
    (void)t;
    (void)hidep(grey_alloc(GREY_NOSCAN, hide(64)));
}

int main(void)
{
    grey_kind kind = grey_kind_create(&(struct grey_kind_info){ "allocates", trace });
    kept = (uint64_t *)grey_alloc(kind, 64);
    REQUIRE(kept != NULL, "an object");
    *kept = 1;
    grey_collect();
    CHECK(*kept == 1, "it is whole");
    return misuse_survived();
}
