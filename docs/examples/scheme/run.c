/* What starts the loop and what ends it: runs, errors, interrupts, the thread's state. */
#include <stdlib.h>
#include <sys/mman.h>

#include "loop.h"

#ifdef SCHEME_LIBGC
#define grey_state_save(s)    ((void)0)
#define grey_state_restore(s) ((void)0)
#endif

/* What is kept back for the handler of a stack overflow. */
enum { RESERVE_WORDS = 1 << 16 };

/* ---- errors' way back -------------------------------------------------------------------------------- */

_Noreturn void vm_raise(struct vm *vm, value v)
{
    vm->raised = v;
    if (vm->jump == NULL) {
        fputs("scheme: an error before the beginning\n", stderr);
        abort();
    }
    siglongjmp(*vm->jump, 1);
}

/* A signal handler, or another thread, puts NULL there, after it has said why: whoever puts something else
 * there looks for that afterwards. */
static void limit_set(struct vm *vm, value *limit)
{
    vm->limit = limit;
    if (vm->interrupted || vm->terminated)
        vm->limit = NULL;
}

void attend(struct vm *vm, value *end)
{
    value *whole = vm->end - RESERVE_WORDS;
    if (vm->limit == NULL) {
        vm->limit = whole;
        vm->running = NULL;
        if (vm->interrupted) {
            vm->interrupted = 0;
            fail(vm, CONDITION_INTERRUPT, NIL, "interrupted");
        }
        thread_attend(vm);
    }
    value *limit = vm->limit != NULL ? vm->limit : whole;
    if (end <= limit)
        return;
    vm->running = NULL;
    if (limit == whole)
        limit_set(vm, vm->end - 64);
    fail(vm, CONDITION_DEPTH, NIL, "stack overflow: the recursion is too deep");
}

/* Somewhere with room again: the reserves are ones again. */
void vm_limit_reset(struct vm *vm)
{
    if (vm->limit != NULL)
        limit_set(vm, vm->end - RESERVE_WORDS);
    memory_reserve_make(vm);
}

/* ---- starting it ------------------------------------------------------------------------------------- */

/* Where the lowest frame of the stack returns to: CALL is the word before. [2]: where errors in the lowest frame
 * itself are said to be. */
const union insn underflow_code[] = {
    { .i = { OP_CALL, 2, 0, 16 } }, { .i = { OP_UNDERFLOW, 0, 0, 0 } }, { .i = { OP_HALT, 0, 0, 0 } }
};

/* An empty stack but for a frame whose closure does nothing. What was above it is cleared: later frames, which
 * do not initialize their registers, would keep it alive. */
value *vm_bottom(struct vm *vm)
{
    value *fp = vm->base + 2;
    if (vm->top < fp + 16)
        vm->top = fp + 16;
    FENCE();
    memset(fp, 0, (size_t)(vm->top - fp) * sizeof *fp);
    fp[-2] = (value)&underflow_code[1];
    fp[-1] = known[KNOWN_BOTTOM];
    vm->top = fp + 16;
    return fp;
}

/* The frame at vm->fp goes on with a call of boot.scm's raise. */
static bool call_handler(struct vm *vm)
{
    const struct code *code = code_of(closure_of(vm->fp[-1])->code);
    const union insn *call = &code->insn[code_length(code) - 2];
    unsigned base = call->i.a;
    if (vm->fp + code->registers > vm->end)
        return false;
    vm->top = vm->fp + code->registers;
    FENCE();
    vm->fp[base - 1] = known[KNOWN_RAISE];
    vm->fp[base] = vm->raised;
    vm->pc = call;
    return true;
}

bool vm_run(struct vm *vm, value thunk, value *result)
{
    sigjmp_buf jump;
    vm->underflow = FALSE;
    vm->winders = NIL;
    vm->uncaught = false;
    vm_limit_reset(vm);
    vm->fp = vm_bottom(vm);
    vm->fp[1] = thunk;
    vm->pc = &code_of(closure_of(known[KNOWN_BOTTOM])->code)->insn[0]; /* TAIL 2 0 */
    vm->jump = &jump;
    grey_state_save(&vm->state);
    if (sigsetjmp(jump, 0) != 0) {
        grey_state_restore(&vm->state);
        if (known[KNOWN_RAISE] == FALSE || !call_handler(vm)) {
            vm->jump = NULL;
            *result = vm->raised;
            return false;
        }
    }
    value v = vm_loop(vm);
    vm->jump = NULL;
    *result = v;
    return !vm->uncaught;
}

bool vm_protect(struct vm *vm, void (*fn)(struct vm *vm, void *data), void *data)
{
    sigjmp_buf jump;
    vm->fp = NULL;
    vm->jump = &jump;
    grey_state_save(&vm->state);
    bool done = sigsetjmp(jump, 0) == 0;
    if (done)
        fn(vm, data);
    else
        grey_state_restore(&vm->state);
    vm->jump = NULL;
    return done;
}

void vm_poll(struct vm *vm)
{
    if (vm->limit == NULL)
        attend(vm, NULL);
}

static void free_vm(struct vm *vm)
{
    if (vm->base != NULL)
        munmap(vm->base, (size_t)((char *)vm->end - (char *)vm->base));
    mem_root_free(vm);
}

/* How much of the thread's own stack C functions may use up: nine tenths of what is left. */
static char *c_stack_limit(void)
{
    char *here = __builtin_frame_address(0), *low = here - (256 << 10);
    pthread_attr_t attributes;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        void *start;
        size_t size;
        if (pthread_attr_getstack(&attributes, &start, &size) == 0 && (char *)start < here)
            low = (char *)start;
        pthread_attr_destroy(&attributes);
    }
    size_t left = (size_t)(here - low);
    if (left > (8u << 20))
        left = 8u << 20;
    return here - left / 10 * 9;
}

struct vm *vm_new(size_t stack_bytes)
{
    struct vm *vm = mem_root_block(sizeof *vm);
    if (vm == NULL)
        return NULL;
    size_t least = 4 * RESERVE_WORDS * sizeof(value);
    size_t bytes = (stack_bytes < least ? least : stack_bytes + 4095) / 4096 * 4096;
    void *stack = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stack == MAP_FAILED) {
        mem_root_free(vm);
        return NULL;
    }
    mem_local_begin(&vm->memory);
    vm->base = vm->top = stack;
    vm->end = vm->base + bytes / sizeof(value);
    vm->limit = vm->end - RESERVE_WORDS;
    vm->c_limit = c_stack_limit();
    vm->winders = vm->handlers = vm->parameters = NIL;
    vm->underflow = vm->thread = vm->raised = vm->source = FALSE;
    if (mem_stack_attach(vm->base, &vm->top))
        return vm;
    free_vm(vm);
    return NULL;
}

void vm_delete(struct vm *vm)
{
    mem_stack_detach(vm->base); /* first: its memory goes */
    positions_free(vm);
    arena_free(vm);
    free_vm(vm);
}

/* The closure of lowest frames: calls what is in its register 1, and ends. */
void vm_begin(struct vm *vm)
{
    const union insn code[] = { { .i = { OP_TAIL, 2, 0, 0 } } };
    value v = code_new(vm, code, 1, 0, false, 12, FALSE, FALSE);
    mem_write(&known[KNOWN_BOTTOM], closure_new(vm, v, 0));
}

void vm_interrupt_forget(struct vm *vm)
{
    vm->interrupted = 0;
    if (vm->limit == NULL)
        limit_set(vm, vm->end - RESERVE_WORDS);
}

void vm_interrupt(struct vm *vm)
{
    vm->interrupted = 1;
    vm->limit = NULL;
}
