/* The machine: a value stack, a stack of calls, code that works on them. One thread a machine. */
#ifndef MACHINE_MACHINE_H
#define MACHINE_MACHINE_H

#include "object.h"

#include <setjmp.h>
#include <stdio.h>

/* In a root block (grey_alloc_root): its words are roots, and stores into it are plain. */
struct machine {
    value code, frame; /* what runs, and its variables */
    size_t at;         /* the next instruction */

    /* One piece of malloc's memory for two stacks that grow towards each other: values from its
       beginning up, calls from its end down. Both are attached to the thread (machine_new). A signal
       may stop the thread at any instruction, and then everything between beginning and top is looked
       at: so top moves before a value is stored and after it is read, and is volatile, as the slots
       are, to keep the compiler from another order. */
    value volatile *base, *limit;
    value volatile *volatile top, *volatile calls;

    FILE *out;
    jmp_buf mistake; /* where machine_fail() goes */
    struct grey_state state;
    char sentence[120]; /* what went wrong; empty: nothing */
};

enum operation {
    OP_PUSH,      /* a constant */
    OP_LOCAL,     /* frames outwards, slot */
    OP_SET_LOCAL, /* the same */
    OP_GLOBAL,    /* a symbol */
    OP_DEFINE,    /* a symbol */
    OP_CLOSURE,   /* code */
    OP_PRIMITIVE, /* its number */
    OP_CALL,
    OP_IF,
    OP_RETURN
};

/* NULL when there is no memory. The machine belongs to the thread that makes it. */
struct machine *machine_new(FILE *out);
void machine_delete(struct machine *m);

/* Reads the text and runs it. False: what went wrong is in m->sentence. */
bool machine_run(struct machine *m, const char *text);

/* The value on top of the stack, or NIL. */
value machine_result(const struct machine *m);

/* For the reader. Does not return. */
_Noreturn void machine_fail(struct machine *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
value checked(struct machine *m, value v); /* v, or no return when there was no memory for it */

/* The number of the primitive of that name, or -1. */
int primitive_find(const char *name, size_t bytes);

/* reader.c: the code of a text. */
value read_program(struct machine *m, const char *text);

#endif
