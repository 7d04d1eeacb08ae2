// dies: greyspan: grey_handle_set(%p): not a handle
/* Something else than a handle is written to. */
#include "misuse.h"
#include <greyspan.h>

int main(void)
{
    void *p = grey_alloc(GREY_NOSCAN, 64);
    grey_handle_set((grey_handle *)hidep(p), NULL);
    return misuse_survived();
}
