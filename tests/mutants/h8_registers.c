/* An object that one general register of an interrupted thread holds, each in its turn. */
#include "asm.h"

#ifdef __x86_64__
HOLD_REGISTER(rax)
HOLD_REGISTER(rbx)
HOLD_REGISTER(rcx)
HOLD_REGISTER(rdx)
HOLD_REGISTER(rsi)
HOLD_REGISTER(rdi)
HOLD_REGISTER(rbp)
HOLD_REGISTER(r8)
HOLD_REGISTER(r9)
HOLD_REGISTER(r10)
HOLD_REGISTER(r11)
HOLD_REGISTER(r12)
HOLD_REGISTER(r13)
HOLD_REGISTER(r14)
HOLD_REGISTER(r15)

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*hold)(struct holder *h);
    } registers[] = { { "rax", in_rax }, { "rbx", in_rbx }, { "rcx", in_rcx }, { "rdx", in_rdx }, { "rsi", in_rsi },
                      { "rdi", in_rdi }, { "rbp", in_rbp }, { "r8", in_r8 },   { "r9", in_r9 },   { "r10", in_r10 },
                      { "r11", in_r11 }, { "r12", in_r12 }, { "r13", in_r13 }, { "r14", in_r14 }, { "r15", in_r15 } };
    mutants_begin(argc, argv);
    skip_if_cooperative();
    for (size_t i = 0; i < COUNT(registers); i++)
        asm_hold_once(registers[i].hold, registers[i].name);
    return 0;
}
#else
int main(void)
{
    skip("the program is written for x86-64");
}
#endif
