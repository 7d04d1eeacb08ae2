/* What the generator's files share: compile.c, and inline.c for primitives that are instructions. */
#ifndef SCHEME_GENERATE_H
#define SCHEME_GENERATE_H

#include "compile.h"

enum { RETURNED = -1, IGNORED = -2 }; /* destinations that are no registers */

struct jump {
    int at, label;
};

struct generator { /* of one lambda; everything in the arena */
    struct vm *vm;
    struct lambda *lambda;
    union insn *code;
    int count, room;
    int *label; /* where they are; -1: not yet */
    int labels, label_room;
    int start; /* the label of the first instruction */
    struct jump *jump;
    int jumps, jump_room;
    struct line *lines;
    int line_count, line_room;
    int line; /* of what is being compiled */
    int height, highest;
};

void emit(struct generator *g, enum operation op, int a, int b, int c);
void emit_word(struct generator *g, value v);
int label_new(struct generator *g);
void place(struct generator *g, int label);
void emit_jump(struct generator *g, enum operation op, int a, int b, int label);
int allocate(struct generator *g, int count);
void emit_constant(struct generator *g, value v, int to);
int operand(struct generator *g, struct node *n);
void deliver(struct generator *g, int from, int to);
int place_for(struct generator *g, int to);
void generate(struct generator *g, struct node *n, int to);

/* inline.c: a row of its table. */
struct integrable;
/* The instruction for a call's operator; NULL: none. */
const struct integrable *integrable(const struct node *n);
/* Generates such a call. */
void generate_inline(struct generator *g, const struct integrable *i, struct node *n, int to);
/* Jumps to the label if n is true (sense), or if it is not. */
void generate_test(struct generator *g, struct node *n, int label, bool sense);

#endif
