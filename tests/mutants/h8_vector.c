/* An object that a vector register of an interrupted thread holds: its low half, its high half, and
   what lies beyond that where the machine has more. */
#include "asm.h"

#ifdef __x86_64__
#define CLEAR_RAX "xor %%eax, %%eax\n\t"

HOLD(in_low, TAKE("rax") "movq %%rax, %%xmm7\n\t" CLEAR_RAX, "pxor %%xmm7, %%xmm7\n\t")
HOLD(in_high, TAKE("rax") "movq %%rax, %%xmm13\n\tpslldq $8, %%xmm13\n\t" CLEAR_RAX, "pxor %%xmm13, %%xmm13\n\t")
HOLD(in_ymm,
     TAKE("rax") "vmovq %%rax, %%xmm7\n\tvinsertf128 $1, %%xmm7, %%ymm13, %%ymm13\n\t"
                 "vpxor %%xmm7, %%xmm7, %%xmm7\n\t" CLEAR_RAX,
     "vzeroall\n\t")
HOLD(in_zmm16, TAKE("rax") "vmovq %%rax, %%xmm16\n\t" CLEAR_RAX, "vpxorq %%zmm16, %%zmm16, %%zmm16\n\t")
HOLD(in_zmm31,
     TAKE("rax") "vmovq %%rax, %%xmm7\n\tvinserti64x2 $3, %%xmm7, %%zmm31, %%zmm31\n\t"
                 "vpxor %%xmm7, %%xmm7, %%xmm7\n\t" CLEAR_RAX,
     "vpxorq %%zmm31, %%zmm31, %%zmm31\n\t")

int main(int argc, char **argv)
{
    mutants_begin(argc, argv);
    skip_if_cooperative();
    asm_hold_once(in_low, "the low half of xmm7");
    asm_hold_once(in_high, "the high half of xmm13");
    if (__builtin_cpu_supports("avx"))
        asm_hold_once(in_ymm, "the upper half of ymm13");
    if (__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
        asm_hold_once(in_zmm16, "zmm16");
        asm_hold_once(in_zmm31, "the end of zmm31");
    }
    return 0;
}
#else
int main(void)
{
    skip("the program is written for x86-64");
}
#endif
