// with: GREY_STRESS=1000000
// says: many: [0-9]+ of 200 lost
/* The only reference lies in memory of malloc's, which is not scanned. */
#include "mistake.h"

struct owner {
    struct thing *thing;
};

__attribute__((noinline)) static void fill(struct owner **owners)
{
    for (int i = 0; i < MANY; i++) {
        owners[i] = malloc(sizeof **owners); /* right: grey_alloc_root(sizeof **owners) */
        owners[i]->thing = thing_new();
    }
}

int main(void)
{
    static struct owner *owners[MANY];
    int lost = 0;
    fill(owners);
    collect();
    for (int i = 0; i < MANY; i++)
        lost += owners[i]->thing->alive != ALIVE;
    return judge(lost);
}
