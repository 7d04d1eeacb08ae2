// with: GREY_STRESS=1000000
// says: many: [0-9]+ of 200 lost
/* A reference with its bits turned over: no word of the program names the object. */
#include "mistake.h"

__attribute__((noinline)) static void fill(uintptr_t *words)
{
    for (int i = 0; i < MANY; i++)
        words[i] = ~(uintptr_t)thing_new(); /* right: the address itself, or a tag in its low four bits */
}

int main(void)
{
    static uintptr_t words[MANY];
    int lost = 0;
    fill(words);
    collect();
    for (int i = 0; i < MANY; i++)
        lost += ((struct thing *)~words[i])->alive != ALIVE;
    return judge(lost);
}
