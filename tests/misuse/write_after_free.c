// dies: greyspan: malloc(24): block %p was written to after it was freed
/* A freed block that was written to is noticed when its turn comes again. */
#include "misuse.h"

int main(void)
{
    void **p = misuse_freed(malloc(hide(24)));
    p[1] = &p;
    for (size_t i = 0; i < 10000; i++)
        (void)hidep(malloc(hide(24)));
    return misuse_survived();
}
