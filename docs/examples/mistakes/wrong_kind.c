// with: GREY_STRESS=1000000
// says: many: [0-9]+ of 200 lost
/* A reference in an object that was said to have none. */
#include "mistake.h"

__attribute__((noinline)) static void fill(struct thing **things)
{
    for (int i = 0; i < MANY; i++) {
        things[i] = grey_alloc(GREY_NOSCAN, sizeof **things); /* right: GREY_CONSERVATIVE */
        grey_write(&things[i]->next, thing_new());
    }
}

int main(void)
{
    static struct thing *things[MANY];
    int lost = 0;
    fill(things);
    collect();
    for (int i = 0; i < MANY; i++)
        lost += things[i]->next->alive != ALIVE;
    return judge(lost);
}
