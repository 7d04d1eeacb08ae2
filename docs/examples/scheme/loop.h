/* Between the loop (vm.c), what it does seldom (slow.c) and what starts it (run.c). */
#ifndef SCHEME_LOOP_H
#define SCHEME_LOOP_H

#include "compile.h"

/* The compiler moves no store over it: vm.c, F1. */
#define FENCE() __asm__ __volatile__("" ::: "memory")

/* Runs from vm->fp and vm->pc until the lowest frame has returned; the result. */
value vm_loop(struct vm *vm);

/* A frame does not fit, or somebody wants attention. Returns when there is nothing to raise. */
void attend(struct vm *vm, value *end);

/* The primitives behind instructions. */
extern const struct primitive_info *general[OP_COUNT];

/* The primitive behind an instruction, for operands that the instruction cannot do. */
value slowly(struct vm *vm, enum operation op, int count, value a, value b, value c);
_Noreturn void wrong_count(struct vm *vm, value f, int count);
/* Arguments behind the required ones as a list; raises the top for it. */
void collect_rest(struct vm *vm, value f, value *argv, int count);
/* Puts the items of a list behind argv[0 .. count-1]. Returns how many there are now. */
int spread(struct vm *vm, value *argv, int count, value items);
/* Room for so many words from argv on. */
void make_room(struct vm *vm, value *argv, size_t count);
value values_new(struct vm *vm, int count, const value *argv);
_Noreturn void unbound(struct vm *vm, value name);
_Noreturn void uninitialized(struct vm *vm);
value make_box(struct vm *vm, value v);
void set_global(struct vm *vm, value name, value v);
_Noreturn void not_of_type(struct vm *vm, value closure, value r);
value record_make(struct vm *vm, const struct closure *closure, int count, const value *argv);

#endif
