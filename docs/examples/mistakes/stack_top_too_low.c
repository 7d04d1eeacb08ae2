// with: GREY_STRESS=1000000
// says: many: [0-9]+ of 200 lost
/* An interpreter that stores above the top of its value stack, and raises it afterwards. */
#include "mistake.h"

static struct thing **stack, **volatile top;

__attribute__((noinline)) static void push_many(void)
{
    for (int i = 0; i < MANY; i++)
        top[i] = thing_new(); /* right: top++, and then top[-1] = thing_new() */
}

int main(void)
{
    int lost = 0;
    stack = calloc(MANY, sizeof *stack);
    top = stack;
    grey_stack_attach(stack, (void *const *)&top);
    push_many();
    collect(); /* as another thread may, between any two instructions */
    top += MANY;
    for (int i = 0; i < MANY; i++)
        lost += stack[i]->alive != ALIVE;
    return judge(lost);
}
