// with: GREY_STRESS=1 GREY_CHECK_WRITES=1
// says: the word at offset 8 changed from 0x0 to 0x[0-9a-f]+ without grey_write
/* A reference stored into a managed object without grey_write. */
#include "mistake.h"

int main(void)
{
    struct thing *first = thing_new();
    first->next = thing_new(); /* right: grey_write(&first->next, thing_new()) */
    collect();
    return first->next->alive != ALIVE;
}
