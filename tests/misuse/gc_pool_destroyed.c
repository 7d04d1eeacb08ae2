// dies: greyspan: grey_pool_get(%p): the pool was destroyed
/* A pool is used after it was destroyed. */
#include "misuse.h"
#include <greyspan.h>

int main(void)
{
    grey_pool *p = grey_pool_create(NULL, NULL);
    REQUIRE(p != NULL, "a pool");
    grey_pool_destroy(p);
    CHECK(grey_pool_get((grey_pool *)hidep(p)) == NULL, "it gives nothing");
    return misuse_survived();
}
