/* Holding an address in one register, or below the stack pointer, and nowhere else. x86-64. */
#ifndef MUTANTS_ASM_H
#define MUTANTS_ASM_H

#include "mutants.h"

/* Reached by their names from assembly, so that no register is needed for it. */
__attribute__((visibility("hidden"))) extern uintptr_t hold_inverse;
__attribute__((visibility("hidden"))) extern int hold_holds, hold_done;
uintptr_t hold_inverse;
int hold_holds, hold_done;

#ifdef __x86_64__

#define SAVE                                                                                                 \
    "lea -128(%%rsp), %%rsp\n\t"                                                                             \
    "push %%rbx\n\tpush %%rbp\n\tpush %%r12\n\tpush %%r13\n\tpush %%r14\n\tpush %%r15\n\t"
#define RESTORE                                                                                              \
    "pop %%r15\n\tpop %%r14\n\tpop %%r13\n\tpop %%r12\n\tpop %%rbp\n\tpop %%rbx\n\t"                         \
    "lea 128(%%rsp), %%rsp\n\t"
#define SPIN                                                                                                 \
    "movl $1, hold_holds(%%rip)\n\t"                                                                         \
    "1: pause\n\tcmpl $0, hold_done(%%rip)\n\tje 1b\n\t"
#define TAKE(reg) "mov hold_inverse(%%rip), %%" reg "\n\tnot %%" reg "\n\t"

/* How an address is held: instructions after TAKE("rax"), and those that wipe it out. */
#define HOLD(name, take, wipe)                                                                               \
    static __attribute__((noinline)) void name(struct holder *h)                                             \
    {                                                                                                        \
        (void)h;                                                                                             \
        __asm__ volatile(SAVE take SPIN wipe RESTORE                                                         \
                         :                                                                                   \
                         :                                                                                   \
                         : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "xmm7", "xmm13",     \
                           "cc", "memory");                                                                  \
    }
#define HOLD_REGISTER(reg) HOLD(in_##reg, TAKE(#reg), "xor %%" #reg ", %%" #reg "\n\t")

#endif

/* As hold_once() of mutants.h, by assembly's variables. */
static inline void asm_hold_once(void (*hold)(struct holder *h), const char *where)
{
    pthread_t t;
    struct holder h = { .hold = hold, .where = where };
    h.object = hidden_new();
    hold_inverse = h.object.inverse;
    __atomic_store_n(&hold_holds, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&hold_done, 0, __ATOMIC_RELEASE);
    REQUIRE(grey_pthread_create(&t, NULL, holder_thread, &h) == 0, "a thread starts");
    while (__atomic_load_n(&hold_holds, __ATOMIC_ACQUIRE) == 0)
        sleep_ms(1);
    hidden_let_go(&h.object);
    hidden_must_live(&h.object, where);
    __atomic_store_n(&hold_done, 1, __ATOMIC_RELEASE);
    REQUIRE(grey_pthread_join(t, NULL) == 0, "the thread ends");
}

#endif
