/* Where a stopped thread hides a pointer: each place holds a word that is nowhere else, and the scan
   must come by it, in the class that the place has. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "alloc/machine.h"
#include "gc/stack.h"
#include "tests/unit/child.h"
#include "tests/unit/world.h"

#define signals_only()                                                                                       \
    do {                                                                                                     \
        if (!stop_is_by_signal())                                                                            \
            skip();                                                                                          \
    } while (0)

enum { FIBER_BYTES = 64 << 10 };

/* Sends a visitor there, and says what is found of its word. */
static struct found visit(void (*place)(struct visitor *v))
{
    struct visitor v;
    struct found f;
    visitor_start(&v, place);
    world_find_complement(v.complement, &f);
    visitor_end(&v);
    return f;
}

static int setup(void **state)
{
    (void)state;
    options.period = 0;
    /* Bound now: the binder uses much stack, of which valgrind has a wrong idea after a handler has run on
       an alternate one. */
    munmap(mmap(NULL, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1);
    return grey_thread_attach() ? 0 : -1;
}

/* ---- nowhere, so that the others prove something ---- */

static void nowhere(struct visitor *v)
{
    visitor_stay(v);
}

static void a_word_that_is_nowhere_is_not_found(void **state)
{
    (void)state;
    signals_only();
    assert_int_equal(visit(nowhere).all, 0);
}

/* ---- registers ---- */

#if defined(__x86_64__)
/* The loop knows the flags' addresses only, the word is made in the register and cleared there. */
#define STAY_WITH(load, clear, clobber)                                                                      \
    __asm__ __volatile__(load "\n\tmovl $1, (%[there])\n"                                                    \
                              "1:\tpause\n\tcmpl $0, (%[leave])\n\tje 1b\n\t" clear                          \
                         :                                                                                   \
                         : [there] "r"(&v->there), [leave] "r"(&v->leave), [word] "m"(v->complement)         \
                         : "memory", "cc", clobber)

static void in_a_kept_register(struct visitor *v)
{
    STAY_WITH("movq %[word], %%r14\n\tnotq %%r14", "xorl %%r14d, %%r14d", "r14");
}

static void in_a_scratch_register(struct visitor *v)
{
    STAY_WITH("movq %[word], %%r10\n\tnotq %%r10", "xorl %%r10d, %%r10d", "r10");
}

/* Both halves, as gcc moves pairs of pointers. */
static void in_a_vector_register(struct visitor *v)
{
    STAY_WITH("movq %[word], %%xmm7\n\tpcmpeqd %%xmm9, %%xmm9\n\tpxor %%xmm9, %%xmm7\n\t"
              "punpcklqdq %%xmm7, %%xmm7\n\tpxor %%xmm9, %%xmm9",
              "pxor %%xmm7, %%xmm7", "xmm7");
}

static void in_the_upper_half_of_a_vector(struct visitor *v)
{
    STAY_WITH("vmovq %[word], %%xmm7\n\tvpcmpeqd %%xmm9, %%xmm9, %%xmm9\n\tvpxor %%xmm9, %%xmm7, %%xmm7\n\t"
              "vpxor %%xmm8, %%xmm8, %%xmm8\n\tvinserti128 $1, %%xmm7, %%ymm8, %%ymm7\n\t"
              "vpxor %%xmm9, %%xmm9, %%xmm9",
              "vzeroall", "xmm7");
}

/* The lowest word of the zone that a function without calls may use below its stack pointer. */
static void in_the_red_zone(struct visitor *v)
{
    STAY_WITH("movq %[word], %%r10\n\tnotq %%r10\n\tmovq %%r10, -128(%%rsp)\n\txorl %%r10d, %%r10d",
              "movq $0, -128(%%rsp)", "r10");
}

static void registers_are_scanned(void **state)
{
    (void)state;
    signals_only();
    struct found kept = visit(in_a_kept_register), scratch = visit(in_a_scratch_register);
    assert_int_equal(kept.of[ROOT_REGISTERS], 1);
    assert_int_equal(kept.all, 1);
    assert_int_equal(scratch.of[ROOT_REGISTERS], 1);
    assert_int_equal(scratch.all, 1);
}

static void vector_registers_are_scanned(void **state)
{
    (void)state;
    signals_only();
    if (RUNNING_ON_VALGRIND)
        skip(); /* it stores no vector registers in a signal's frame */
    struct found both = visit(in_a_vector_register);
    assert_int_equal(both.of[ROOT_REGISTERS], 2);
    assert_int_equal(both.all, 2);
    if (!__builtin_cpu_supports("avx2"))
        return;
    struct found upper = visit(in_the_upper_half_of_a_vector);
    assert_int_equal(upper.of[ROOT_REGISTERS], 1);
    assert_int_equal(upper.all, 1);
}

static void the_red_zone_is_scanned(void **state)
{
    (void)state;
    signals_only();
    struct found f = visit(in_the_red_zone);
    assert_int_equal(f.of[ROOT_STACK], 1);
    assert_int_equal(f.all, 1);
}

/* ---- threads that wait by themselves ---- */

/* Calls f(v) with the word in registers that f keeps, and nowhere else. */
__attribute__((noinline)) static void with_kept_register(struct visitor *v, void (*f)(struct visitor *v))
{
    __asm__ __volatile__(
        "movq %[word], %%r12\n\tnotq %%r12\n\t"
        "movq %%rsp, %%r13\n\tsubq $128, %%rsp\n\tandq $-16, %%rsp\n\t" /* the red zone is ours */
        "callq *%[f]\n\tmovq %%r13, %%rsp\n\txorl %%r12d, %%r12d"
        : "+D"(v), [f] "+a"(f)
        : [word] "m"(v->complement)
        : "memory", "cc", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12", "r13");
}

static void stay_blocked(struct visitor *v)
{
    grey_blocking_enter();
    visitor_stay(v);
    grey_blocking_leave();
}

static void in_a_register_while_blocked(struct visitor *v)
{
    with_kept_register(v, stay_blocked);
}

static void stay_cooperative(struct visitor *v)
{
    visitor_is_there(v);
    while (visitor_may_stay(v))
        grey_safepoint();
}

static void in_a_register_while_cooperative(struct visitor *v)
{
    grey_thread_cooperative(true);
    with_kept_register(v, stay_cooperative);
}

/* Busy most of the time, so that the note is found when the library is left. */
static void stay_busy(struct visitor *v)
{
    visitor_is_there(v);
    while (visitor_may_stay(v)) {
        struct mutator *m = mutator_enter("test");
        while (visitor_may_stay(v) && a32_load_relaxed(&m->deferred) == 0)
            cpu_relax();
        mutator_leave(m);
    }
}

static void in_a_register_while_busy(struct visitor *v)
{
    with_kept_register(v, stay_busy);
}

static void registers_of_threads_that_wait_by_themselves_are_scanned(void **state)
{
    (void)state;
    assert_true(visit(in_a_register_while_blocked).all >= 1);
    assert_true(visit(in_a_register_while_cooperative).all >= 1);
    if (stop_is_by_signal())
        assert_true(visit(in_a_register_while_busy).all >= 1);
}

/* In a register when the region begins, and nowhere soon after: the copy must do. */
static void in_a_register_at_the_entry(struct visitor *v)
{
    void (*enter)(void) = grey_blocking_enter;
    __asm__ __volatile__("movq %[word], %%r12\n\tnotq %%r12\n\t"
                         "movq %%rsp, %%r13\n\tsubq $128, %%rsp\n\tandq $-16, %%rsp\n\t"
                         "callq *%[enter]\n\tmovq %%r13, %%rsp\n\txorl %%r12d, %%r12d\n\t"
                         "movl $1, (%[there])\n"
                         "1:\tpause\n\tcmpl $0, (%[leave])\n\tje 1b"
                         : [enter] "+a"(enter)
                         : [there] "b"(&v->there), [leave] "r"(&v->leave), [word] "m"(v->complement)
                         : "memory", "cc", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
                           "r13");
    grey_blocking_leave();
}

static void registers_are_kept_as_they_were_when_a_region_began(void **state)
{
    (void)state;
    struct found f = visit(in_a_register_at_the_entry);
    assert_true(f.of[ROOT_REGISTERS] >= 1);
    assert_int_equal(f.all, f.of[ROOT_REGISTERS]);
}
#endif

/* ---- the stack ---- */

static void on_the_stack(struct visitor *v)
{
    volatile uintptr_t word = ~v->complement;
    visitor_stay(v);
    word = 0;
    (void)word;
}

static void the_stack_is_scanned(void **state)
{
    (void)state;
    signals_only();
    assert_true(visit(on_the_stack).of[ROOT_STACK] >= 1);
}

static __thread struct visitor *in_handler;

static void on_user_signal(int signal)
{
    (void)signal;
    volatile uintptr_t word = ~in_handler->complement;
    visitor_stay(in_handler);
    word = 0;
    (void)word;
}

static void handle(int flags)
{
    struct sigaction a = { .sa_handler = on_user_signal, .sa_flags = flags };
    sigaction(SIGUSR1, &a, NULL);
}

/* Far from the thread's stack, so that valgrind does not take the one for a part of the other. */
static void with_alt_stack(struct visitor *v, void (*f)(struct visitor *v))
{
    void *far = (void *)UINT64_C(0x300000000000);
    void *words = mmap(far, FIBER_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t alt = { .ss_sp = words, .ss_size = FIBER_BYTES }, none = { .ss_flags = SS_DISABLE };
    sigaltstack(&alt, NULL);
    f(v);
    sigaltstack(&none, NULL);
    munmap(words, FIBER_BYTES);
}

static void raise_for(struct visitor *v)
{
    in_handler = v;
    raise(SIGUSR1);
}

static void on_the_alternate_stack(struct visitor *v)
{
    handle(SA_ONSTACK);
    with_alt_stack(v, raise_for);
}

/* Here the word is in the frame below that of the handler, on the normal stack. */
static void on_user_signal_without(int signal)
{
    (void)signal;
    visitor_stay(in_handler);
}

static void raise_with_a_word(struct visitor *v)
{
    volatile uintptr_t word = ~v->complement;
    in_handler = v;
    raise(SIGUSR1);
    word = 0;
    (void)word;
}

static void on_the_normal_stack_below_a_handler(struct visitor *v)
{
    struct sigaction a = { .sa_handler = on_user_signal_without, .sa_flags = SA_ONSTACK };
    sigaction(SIGUSR1, &a, NULL);
    with_alt_stack(v, raise_with_a_word);
}

/* The stop's own frame is on the alternate stack, the program is not. */
static void on_the_stack_beside_an_alternate_one(struct visitor *v)
{
    with_alt_stack(v, on_the_stack);
}

static void alternate_stacks_are_scanned_and_the_normal_ones_too(void **state)
{
    (void)state;
    signals_only();
    assert_true(visit(on_the_alternate_stack).of[ROOT_STACK] >= 1);
    assert_true(visit(on_the_normal_stack_below_a_handler).of[ROOT_STACK] >= 1);
    assert_true(visit(on_the_stack_beside_an_alternate_one).of[ROOT_STACK] >= 1);
}

#if defined(__x86_64__)
static void in_a_register_beside_an_alternate_stack(struct visitor *v)
{
    with_alt_stack(v, in_a_kept_register);
}

static void in_a_vector_beside_an_alternate_stack(struct visitor *v)
{
    with_alt_stack(v, in_a_vector_register);
}

static void registers_stored_on_an_alternate_stack_are_scanned(void **state)
{
    (void)state;
    signals_only();
    assert_int_equal(visit(in_a_register_beside_an_alternate_stack).of[ROOT_REGISTERS], 1);
    if (!RUNNING_ON_VALGRIND)
        assert_int_equal(visit(in_a_vector_beside_an_alternate_stack).of[ROOT_REGISTERS], 2);
}
#endif

/* ---- storage of threads ---- */

static __thread volatile uintptr_t in_static_storage;

static void in_thread_local_storage(struct visitor *v)
{
    in_static_storage = ~v->complement;
    visitor_stay(v);
    in_static_storage = 0;
}

static void static_storage_of_threads_is_scanned(void **state)
{
    struct found f;
    const uintptr_t complement = ~UINT64_C(0x5eedabcd11110000);
    (void)state;
    signals_only();
    assert_true(visit(in_thread_local_storage).all >= 1);
    /* The first thread's lies apart from its stack. */
    in_static_storage = ~complement;
    world_find_complement(complement, &f);
    in_static_storage = 0;
    assert_true(f.of[ROOT_TLS] >= 1);
}

enum { KEYS = 200 };

static void in_keys(struct visitor *v)
{
    pthread_key_t keys[KEYS];
    size_t made = 0;
    while (made < KEYS && pthread_key_create(&keys[made], NULL) == 0)
        made++;
    for (size_t i = 0; i < made; i++)
        pthread_setspecific(keys[i], (void *)~v->complement);
    v->more = (void *)made;
    visitor_stay(v);
    for (size_t i = 0; i < made; i++)
        pthread_setspecific(keys[i], NULL);
    for (size_t i = 0; i < made; i++)
        pthread_key_delete(keys[i]);
}

static void thread_specific_values_are_scanned(void **state)
{
    struct visitor v;
    struct found f;
    (void)state;
    signals_only();
    visitor_start(&v, in_keys);
    world_find_complement(v.complement, &f);
    visitor_end(&v);
    assert_int_equal((uintptr_t)v.more, KEYS);
    assert_true(f.all >= KEYS);
    assert_true(f.of[ROOT_TLS] >= KEYS - 32);
}

/* The first thread's own first 32 lie in a record apart from its stack. */
static void thread_specific_values_of_the_first_thread_are_scanned(void **state)
{
    struct visitor self = { .complement = ~UINT64_C(0x5eedabcd22220000) };
    struct found f;
    pthread_key_t key;
    (void)state;
    if (pthread_key_create(&key, NULL) != 0)
        skip();
    pthread_setspecific(key, (void *)~self.complement);
    world_find_complement(self.complement, &f);
    pthread_setspecific(key, NULL);
    pthread_key_delete(key);
    assert_true(f.of[ROOT_TLS] >= 1);
}

/* ---- value stacks ---- */

static void a_value_stack_is_scanned_from_its_base_to_its_top(void **state)
{
    (void)state;
    const uintptr_t complement = ~UINT64_C(0x5eedabcd33330000);
    uintptr_t *words = calloc(64, sizeof *words);
    void *top = words;
    struct found f;
    assert_true(grey_stack_attach(words, &top));
    words[10] = ~complement;
    world_find_complement(complement, &f);
    assert_int_equal(f.of[ROOT_VALUE_STACK], 0);
    top = words + 10;
    world_find_complement(complement, &f);
    assert_int_equal(f.of[ROOT_VALUE_STACK], 0);
    top = words + 11;
    world_find_complement(complement, &f);
    assert_int_equal(f.of[ROOT_VALUE_STACK], 1);
    assert_true(grey_stack_detach(words));
    world_find_complement(complement, &f);
    assert_int_equal(f.of[ROOT_VALUE_STACK], 0);
    assert_false(grey_stack_detach(words));
    assert_int_equal(errno, EINVAL);
    free(words);
}

static void a_value_stack_may_grow_down(void **state)
{
    (void)state;
    const uintptr_t complement = ~UINT64_C(0x5eedabcd44440000);
    uintptr_t *words = calloc(64, sizeof *words), *base = words + 64;
    void *top = words + 21;
    struct found f;
    assert_true(grey_stack_attach(base, &top));
    words[20] = ~complement;
    world_find_complement(complement, &f);
    assert_int_equal(f.of[ROOT_VALUE_STACK], 0);
    top = words + 20;
    world_find_complement(complement, &f);
    assert_int_equal(f.of[ROOT_VALUE_STACK], 1);
    assert_true(grey_stack_detach(base));
    free(words);
}

/* ---- fibers ---- */

static void a_parked_fiber_is_scanned_from_its_stack_pointer_up(void **state)
{
    (void)state;
    const uintptr_t complement = ~UINT64_C(0x5eedabcd55550000);
    uintptr_t *stack = calloc(1, FIBER_BYTES);
    struct found f;
    grey_fiber *fiber = grey_fiber_create(stack, FIBER_BYTES);
    assert_non_null(fiber);
    stack[FIBER_BYTES / sizeof *stack - 1] = ~complement;
    world_find_complement(complement, &f);
    assert_int_equal(f.all, 0); /* nothing lives on it yet */
    fiber->saved.sp = (uintptr_t)(stack + 100);
    world_find_complement(complement, &f);
    assert_int_equal(f.of[ROOT_FIBER], 1);
    stack[FIBER_BYTES / sizeof *stack - 1] = 0;
    stack[99] = ~complement; /* beyond the live part */
    world_find_complement(complement, &f);
    assert_int_equal(f.all, 0);
    grey_fiber_destroy(fiber);
    free(stack);
}

static ucontext_t *from_context, *to_context; /* in unscanned memory, like many programs' */
static grey_fiber *from_fiber, *to_fiber;
static struct visitor *fiber_visitor;

static void on_fiber(void)
{
    volatile uintptr_t word = ~fiber_visitor->complement;
    visitor_stay(fiber_visitor);
    word = 0;
    (void)word;
    grey_fiber_switch(from_fiber);
    swapcontext(to_context, from_context);
}

/* Goes onto a fiber and stays there. */
static void running_on_a_fiber(struct visitor *v)
{
    void *stack = mmap(NULL, FIBER_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    fiber_visitor = v;
    from_context = calloc(1, sizeof *from_context);
    to_context = calloc(1, sizeof *to_context);
    from_fiber = grey_fiber_self();
    to_fiber = grey_fiber_create(stack, FIBER_BYTES);
    getcontext(to_context);
    to_context->uc_stack = (stack_t){ .ss_sp = stack, .ss_size = FIBER_BYTES };
    makecontext(to_context, on_fiber, 0);
    grey_fiber_switch(to_fiber);
    swapcontext(from_context, to_context);
    grey_fiber_destroy(to_fiber);
    munmap(stack, FIBER_BYTES);
    free(from_context);
    free(to_context);
}

static void the_fiber_that_runs_is_scanned(void **state)
{
    (void)state;
    signals_only();
    assert_true(visit(running_on_a_fiber).of[ROOT_STACK] >= 1);
}

static void leaving_a_word_behind(struct visitor *v)
{
    volatile uintptr_t word = ~v->complement;
    running_on_a_fiber(v);
    word = 0;
    (void)word;
}

static void the_stack_that_a_thread_left_is_scanned(void **state)
{
    (void)state;
    signals_only();
    assert_true(visit(leaving_a_word_behind).of[ROOT_FIBER] >= 1);
}

#if defined(__x86_64__)
/* The register's content is in the context, which is not scanned, and in the fiber's record. */
static void leave_with_a_register(struct visitor *v)
{
    with_kept_register(v, running_on_a_fiber);
}

static void registers_of_a_parked_fiber_are_scanned(void **state)
{
    (void)state;
    signals_only();
    struct visitor v;
    struct found f;
    visitor_start(&v, leave_with_a_register);
    world_find_complement(v.complement, &f);
    visitor_end(&v);
    assert_true(f.of[ROOT_REGISTERS] + f.of[ROOT_FIBER] >= 1);
}
#endif

/* A signal between grey_fiber_switch() and the switch finds the thread on the stack that it has parked. */
static void announced_but_not_switched(struct visitor *v)
{
    static uintptr_t stack[FIBER_BYTES / sizeof(uintptr_t)];
    grey_fiber *self = grey_fiber_self(), *other = grey_fiber_create(stack, sizeof stack);
    grey_fiber_switch(other);
    {
        volatile uintptr_t word = ~v->complement;
        visitor_stay(v);
        word = 0;
        (void)word;
    }
    grey_fiber_switch(self);
    grey_fiber_destroy(other);
}

static void a_switch_that_is_only_announced_hides_nothing(void **state)
{
    (void)state;
    signals_only();
    assert_true(visit(announced_but_not_switched).of[ROOT_STACK] >= 1);
}

/* ... and what lies parked on the one that it will be on. */
static void announced_a_fiber_in_use(struct visitor *v)
{
    static uintptr_t stack[FIBER_BYTES / sizeof(uintptr_t)];
    grey_fiber *self = grey_fiber_self(), *other = grey_fiber_create(stack, sizeof stack);
    stack[COUNT(stack) - 1] = ~v->complement;
    other->saved.sp = (uintptr_t)(stack + COUNT(stack) - 10);
    grey_fiber_switch(other);
    visitor_stay(v);
    grey_fiber_switch(self);
    grey_fiber_destroy(other);
    stack[COUNT(stack) - 1] = 0;
}

static void the_fiber_that_a_thread_is_about_to_run_is_scanned(void **state)
{
    (void)state;
    signals_only();
    assert_true(visit(announced_a_fiber_in_use).of[ROOT_FIBER] >= 1);
}

static int switch_twice(void *unused)
{
    (void)unused;
    static uintptr_t stack[FIBER_BYTES / sizeof(uintptr_t)];
    grey_fiber *f = grey_fiber_create(stack, sizeof stack);
    grey_fiber_switch(f);
    grey_fiber_destroy(f);
    return 0;
}

static void a_fiber_that_runs_cannot_be_destroyed(void **state)
{
    (void)state;
    struct child_end end = child_run(switch_twice, NULL);
    assert_true(child_aborted(&end));
    assert_non_null(strstr(end.said, "grey_fiber_destroy("));
    assert_non_null(strstr(end.said, "a thread runs on it"));
}

/* ---- nowhere known ---- */

static void on_an_unknown_stack(struct visitor *v)
{
    static ucontext_t here, there;
    static uintptr_t stack[FIBER_BYTES / sizeof(uintptr_t)];
    fiber_visitor = v;
    getcontext(&there);
    there.uc_stack = (stack_t){ .ss_sp = stack, .ss_size = sizeof stack };
    there.uc_link = &here;
    makecontext(&there, on_fiber, 0);
    swapcontext(&here, &there);
}

static int stop_a_thread_nowhere(void *unused)
{
    (void)unused;
    struct visitor v;
    struct found f;
    visitor_start(&v, on_an_unknown_stack);
    world_find_complement(v.complement, &f);
    return 0;
}

static void a_stack_pointer_in_no_known_stack_ends_with_a_sentence(void **state)
{
    (void)state;
    signals_only();
    struct child_end end = child_run(stop_a_thread_nowhere, NULL);
    assert_true(child_aborted(&end));
    assert_non_null(strstr(end.said, "is on a stack that is not known"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_that_is_nowhere_is_not_found),
#if defined(__x86_64__)
        cmocka_unit_test(registers_are_scanned),
        cmocka_unit_test(vector_registers_are_scanned),
        cmocka_unit_test(the_red_zone_is_scanned),
        cmocka_unit_test(registers_of_threads_that_wait_by_themselves_are_scanned),
        cmocka_unit_test(registers_are_kept_as_they_were_when_a_region_began),
        cmocka_unit_test(registers_stored_on_an_alternate_stack_are_scanned),
        cmocka_unit_test(registers_of_a_parked_fiber_are_scanned),
#endif
        cmocka_unit_test(the_stack_is_scanned),
        cmocka_unit_test(alternate_stacks_are_scanned_and_the_normal_ones_too),
        cmocka_unit_test(static_storage_of_threads_is_scanned),
        cmocka_unit_test(thread_specific_values_are_scanned),
        cmocka_unit_test(thread_specific_values_of_the_first_thread_are_scanned),
        cmocka_unit_test(a_value_stack_is_scanned_from_its_base_to_its_top),
        cmocka_unit_test(a_value_stack_may_grow_down),
        cmocka_unit_test(a_parked_fiber_is_scanned_from_its_stack_pointer_up),
        cmocka_unit_test(the_fiber_that_runs_is_scanned),
        cmocka_unit_test(the_stack_that_a_thread_left_is_scanned),
        cmocka_unit_test(a_switch_that_is_only_announced_hides_nothing),
        cmocka_unit_test(the_fiber_that_a_thread_is_about_to_run_is_scanned),
        cmocka_unit_test(a_fiber_that_runs_cannot_be_destroyed),
        cmocka_unit_test(a_stack_pointer_in_no_known_stack_ends_with_a_sentence),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
