// with: GREY_STRESS=1 GREY_CHECK_WRITES=1
// says: check_writes: 8 changes that no barrier announced
/* References copied by memcpy. */
#include "mistake.h"

int main(void)
{
    enum { N = 8 };
    struct thing **from = grey_alloc(GREY_CONSERVATIVE, N * sizeof *from);
    struct thing **to = grey_alloc(GREY_CONSERVATIVE, N * sizeof *to);
    for (int i = 0; i < N; i++)
        grey_write(&from[i], thing_new());
    memcpy(to, from, N * sizeof *to); /* right: grey_copy */
    collect();
    return to[0]->alive != ALIVE;
}
