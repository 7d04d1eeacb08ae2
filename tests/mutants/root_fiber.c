/* An object that only the stack of a parked fiber holds. */
#include "mutants.h"
#include <sys/mman.h>
#include <ucontext.h>

enum { STACK_BYTES = 256 << 10 };

static ucontext_t here, there;
static grey_fiber *first, *second;
static struct hidden object;

static void body(void)
{
    void *volatile local = (void *)~object.inverse;
    grey_fiber_switch(first);
    swapcontext(&there, &here);
    known_check((struct known *)local, 4711);
    local = NULL;
    grey_fiber_switch(first);
    swapcontext(&there, &here);
}

static void into_fiber(void)
{
    grey_fiber_switch(second);
    swapcontext(&here, &there);
}

static void once(void)
{
    void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(stack != MAP_FAILED, "a stack");
    object = hidden_new();
    first = grey_fiber_self();
    second = grey_fiber_create(stack, STACK_BYTES);
    REQUIRE(first != NULL && second != NULL, "fibers");
    getcontext(&there);
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = STACK_BYTES;
    makecontext(&there, body, 0);
    into_fiber();
    hidden_let_go(&object);
    hidden_must_live(&object, "the stack of a parked fiber");
    into_fiber();
    grey_fiber_destroy(second);
    munmap(stack, STACK_BYTES);
}

int main(int argc, char **argv)
{
    mutants_begin(argc, argv);
#if defined(__SANITIZE_THREAD__)
    skip("the sanitizer of threads would have to be told of each switch");
#endif
    for (int n = 0; n < 5; n++)
        once();
    return 0;
}
