// with: GREY_STRESS=1
// says: many: [0-9]+ of 200 lost
/* An interpreter that stores above the top of its value stack. */
#include "mistake.h"

static struct thing **stack, **volatile top;

__attribute__((noinline)) static void push(struct thing *t)
{
    top[0] = t; /* right: top++; top[-1] = t; */
}

int main(void)
{
    int lost = 0;
    stack = calloc(MANY + 1, sizeof *stack);
    top = stack;
    grey_stack_attach(stack, (void *const *)&top);
    for (int i = 0; i < MANY; i++) {
        push(thing_new());
        collect(); /* as another thread might, right here */
        lost += top[0]->alive != ALIVE;
        top++;
    }
    return judge(lost);
}
