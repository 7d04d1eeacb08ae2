/* An object that a word below the interrupted stack pointer holds: a leaf function's local variable. */
#include "asm.h"

#ifdef __x86_64__
#define IN_ZONE(name, offset)                                                                                \
    HOLD(name, TAKE("rax") "mov %%rax, -" offset "(%%rsp)\n\txor %%eax, %%eax\n\t",                          \
         "movq $0, -" offset "(%%rsp)\n\t")
IN_ZONE(in_first, "8")
IN_ZONE(in_middle, "64")
IN_ZONE(in_last, "128")

int main(int argc, char **argv)
{
    mutants_begin(argc, argv);
    skip_if_cooperative();
    asm_hold_once(in_first, "the word below the stack pointer");
    asm_hold_once(in_middle, "a word 64 bytes below the stack pointer");
    asm_hold_once(in_last, "the last word of the red zone");
    return 0;
}
#else
int main(void)
{
    skip("the program is written for x86-64");
}
#endif
