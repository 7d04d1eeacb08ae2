/* Between expand.c and compile.c: nodes; between compile.c and vm.c: instructions and code. */
#ifndef SCHEME_COMPILE_H
#define SCHEME_COMPILE_H

#include "scheme.h"

/* ---- nodes: what a form means, macros expanded, names resolved --------------------------------------------
 *
 * They live in root blocks (the arena of struct vm) until the form is compiled, so they may hold values and
 * are stored plainly. */

struct lambda;
struct node;

struct variable {
    value name;
    struct lambda *owner; /* whose frame it lies in */
    struct lambda *bound; /* its value is always a closure of that lambda; NULL: who knows */
    struct node *loop;    /* the NODE_LOOP whose name it is */
    int uses, sets;
    int reg;
    bool pending;  /* of letrec: its value is not there yet ... */
    bool open;     /* ... but that of closures which are made together with it */
    bool boxed;
};

enum node_type {
    NODE_CONSTANT, NODE_LOCAL, NODE_GLOBAL, NODE_SET, NODE_SET_GLOBAL, NODE_DEFINE, NODE_IF, NODE_AND, NODE_OR,
    NODE_SEQUENCE, NODE_CALL, NODE_LAMBDA, NODE_LET, NODE_LETREC, NODE_LOOP
};

struct node {
    enum node_type type;
    int line;
    value constant;            /* CONSTANT; the symbol of GLOBAL, SET_GLOBAL, DEFINE */
    struct variable *variable; /* LOCAL, SET; the name of LOOP */
    struct lambda *lambda;     /* LAMBDA, LOOP */
    struct node **item;        /* operands, operator of CALL first; initial values of LET, LETREC */
    struct variable **variables; /* LET, LETREC */
    int count;                 /* of item; of variables */
    struct node *body;         /* LET, LETREC, LOOP */
    int label;                 /* LOOP: where its code begins; -1: not yet */
    int destination;           /* LOOP: of its value */
};

struct lambda {
    struct lambda *outer;
    value name;
    struct variable **parameters;
    int count; /* of parameters, the rest included */
    bool rest;
    struct node *body;
    int line;
    struct variable **free;
    int free_count, free_room;
    value code; /* once it is compiled */
};

void *arena_alloc(struct vm *vm, size_t bytes);
void arena_reset(struct vm *vm);

/* The toplevel form as a lambda without parameters. */
struct lambda *expand_toplevel(struct vm *vm, value form);
void analyze(struct vm *vm, struct lambda *l);
void expand_begin(struct vm *vm);
void compile_begin(struct vm *vm);

/* ---- instructions ------------------------------------------------------------------------------------------
 *
 * A procedure's frame on the value stack:
 *
 *     fp[-2]  where it returns to: an instruction of its caller
 *     fp[-1]  its closure
 *     fp[0]   arguments, then locals, then temporaries and what it calls: code->registers in all
 *
 * An instruction is a word of four numbers; some are followed by words: a constant, a symbol, code. A call
 * has the callee's fp[0] at `a`, arguments there already, and the result goes to a - 2, where the return
 * address was. `c` of it is the caller's number of registers, from which a return restores the top. So the
 * word before a return address says all about the frame that it returns to. */

struct operands {
    uint16_t op, a, b, c;
};
union insn {
    struct operands i;
    value word;
};

/* Tests come in pairs: jump if, jump if not. */
#define TESTS(X)                                                                                             \
    X(FALSE) X(NULL) X(PAIR) X(NUMBER) X(TYPE) /* a is an object of type b */                               \
    X(EQ) X(EQV) X(CHAR_EQ) X(EQ_K)            /* _K: a and the next word */                                \
    X(NUM_EQ) X(LT) X(LE) X(GT) X(GE)                                                                       \
    X(NUM_EQ_I) X(LT_I) X(LE_I) X(GT_I) X(GE_I) /* a and the number b */

#define OPERATIONS(X)                                                                                        \
    X(MOVE)    /* a <- b */                                                                                 \
    X(SMALL)   /* a <- the word (b, c) */                                                                   \
    X(CONSTANT) /* a <- next word */                                                                        \
    X(SELF) /* a <- this closure */                                                                         \
    X(FREE) X(FREE_BOX)        /* a <- free variable b, or what is in the box that it is */                 \
    X(BOX_REF) X(BOX_SET)      /* a <- box in b; box in a <- b */                                           \
    X(FREE_BOX_SET)            /* box in free variable a <- b */                                            \
    X(MAKE_BOX)                /* a <- box of b */                                                          \
    X(GLOBAL) X(SET_GLOBAL) X(DEFINE_GLOBAL) /* a and the symbol in the next word */                        \
    X(CLOSURE) /* a <- closure of the code in the next word and b variables, 2 numbers in a word each */    \
    X(PATCH)   /* closure in a, its free variable b <- c */                                                 \
    X(JUMP) X(LOOP) /* by (b, c) words; LOOP goes back, so it polls */                                      \
    X(GLOBAL_CALL) X(GLOBAL_TAIL) /* GLOBAL, and the call behind it */                                      \
    X(CALL) X(TAIL) /* see above */                                                                         \
    X(RETURN)       /* a */                                                                                 \
    X(ADD) X(SUB) X(MUL) X(DIV) X(QUOTIENT) X(REMAINDER) X(MODULO) X(ADD_I) X(SUB_I) /* a <- b, c */                 \
    X(CONS) X(CAR) X(CDR) X(CADR) X(CDDR) X(CAAR) X(CDAR) X(CADDR) X(SET_CAR) X(SET_CDR)                    \
    X(VECTOR_REF) X(VECTOR_SET) X(VECTOR_LENGTH) X(STRING_REF) X(BYTES_REF) X(BYTES_SET)                    \
    X(RECORD_REF) X(RECORD_SET) X(RECORD_TEST) X(RECORD_MAKE) /* control.c; the type is free variable 0 */          \
    X(UNDERFLOW) X(HALT) X(BAD_RETURN)

enum operation {
#define X(name) OP_##name,
    OPERATIONS(X)
#undef X
#define X(name) OP_IF_##name, OP_UNLESS_##name,
    TESTS(X)
#undef X
    OP_COUNT
};

struct code { /* object_new; all of it counts as references, for constants lie between instructions */
    struct object head;
    value name;  /* symbol, or FALSE */
    value file;  /* string, or FALSE */
    value lines; /* bytevector of struct line, or FALSE */
    uint16_t parameters; /* the rest included */
    uint16_t rest;       /* 0 or 1 */
    uint16_t registers;
    uint16_t length; /* unused where it does not fit */
    union insn insn[]; /* the last two: a call of an error's handler, BAD_RETURN */
};
DEFINE_TYPE(code, TYPE_CODE)

struct line {
    uint32_t at, line; /* instructions from `at` on */
};

/* What a closure captures, four numbers in a word: a register, or one of these. */
enum { CAPTURE_FREE = 0x8000, CAPTURE_SELF = 0xffff };

enum { ARITY_ANY = 0xffff }; /* head.extra of closures: arguments, or this one: ask the code */

/* Makes code of instructions; the two at its end are added. */
value code_new(struct vm *vm, const union insn *insn, size_t count, unsigned parameters, bool rest,
               unsigned registers, value name, value lines);
value closure_new(struct vm *vm, value code, size_t free_count);
size_t code_length(const struct code *c);

/* ---- shared by vm.c and control.c --------------------------------------------------------------------------- */

/* Primitives that the loop does itself: head.extra of theirs. */
enum special {
    SPECIAL_NONE, SPECIAL_APPLY, SPECIAL_CALLCC, SPECIAL_VALUES, SPECIAL_APPLY_VALUES, SPECIAL_THROW, SPECIAL_EVAL,
    SPECIAL_UNCAUGHT
};

struct continuation { /* object_new; all of it counts as references */
    struct object head;
    value below;      /* the continuation under its words, or FALSE */
    value winders, handlers, parameters;
    value thread;       /* whose stack it is */
    value below_pc;     /* where `below` goes on when this one's words are used up ... */
    size_t below_words; /* ... and how many of its words are left then */
    value pc;           /* where it goes on; the result goes behind its words */
    size_t words;
    value word[];
};
DEFINE_TYPE(continuation, TYPE_CONTINUATION)

value continuation_capture(struct vm *vm, value *end, const union insn *pc);
/* Puts the topmost frame of vm->underflow onto the empty stack. Returns where it goes on; *end is where the
 * result goes. NULL: there is none, the program has ended. */
const union insn *continuation_underflow(struct vm *vm, value **end);
extern const union insn underflow_code[];
value *vm_bottom(struct vm *vm);
void vm_limit_reset(struct vm *vm);
void vm_general(enum operation op, const struct primitive_info *info);
void vm_begin(struct vm *vm);
void thread_attend(struct vm *vm); /* thread.c: may not return */
void arena_free(struct vm *vm);

value primitive_new(struct vm *vm, const struct primitive_info *info, int special);
void global_keep(struct vm *vm, value name);
void kinds_begin(void);
bool objects_begin(struct vm *vm);
value source_position(struct vm *vm); /* "file:line" of vm->pc, or FALSE */
void control_begin(struct vm *vm);
void memory_reserve_make(struct vm *vm); /* after it was used up, if it can be had */
void command_line_set(int argc, char **argv);
void thread_begin(struct vm *vm);

#endif
