// with: GREY_STOP=signal
// says: is on a stack that is not known: its stack pointer is 0x[0-9a-f]+; register
/* A coroutine on a stack that nobody told of. */
#include "mistake.h"

#include <ucontext.h>

static ucontext_t back, there;

static void coroutine(void)
{
    thing_new();
    collect();
}

int main(void)
{
    enum { BYTES = 1 << 16 };
    char *stack = malloc(BYTES);
    getcontext(&there);
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = BYTES;
    there.uc_link = &back;
    makecontext(&there, coroutine, 0);
    /* right: grey_fiber_switch(grey_fiber_create(stack, BYTES)) before, and in the coroutine
       grey_fiber_switch(the fiber of grey_fiber_self() here) at its end */
    return swapcontext(&back, &there);
}
