// dies: greyspan: free(%p): not the start of an object
/* A large managed object is freed by an address inside, by free. */
#include "misuse.h"
#include <greyspan.h>

int main(void)
{
    char *p = (char *)grey_alloc(GREY_CONSERVATIVE, 200000);
    free(hidep(p + 8192));
    grey_keep(p);
    return misuse_survived();
}
