// dies: greyspan: malloc(64): block %p was written to after it was freed
/* A string copied into a freed buffer. */
#include "misuse.h"

int main(void)
{
    char *p = misuse_freed(malloc(hide(64)));
    strcpy(p, "written after the buffer was freed");
    for (size_t i = 0; i < 10000; i++)
        (void)hidep(malloc(hide(64)));
    return misuse_survived();
}
