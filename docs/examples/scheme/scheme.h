/* What the interpreter's files share: the thread's state, constructors, errors, and what each file provides.
 *
 *     object.c   constructors, kinds, roots, symbols' table     number.c   the numeric tower
 *     expand.c   macros; from data to nodes                     text.c     characters, strings, symbols, bytevectors
 *     compile.c  from nodes to instructions                     list.c     pairs, vectors, equality
 *     vm.c       the loop over instructions                     hash.c     hash tables
 *     control.c  continuations, errors, parameters, records     port.c     ports
 *     thread.c   SRFI 18                                        reader.c, printer.c
 *     boot.scm   whatever calls procedures: map, sort, dynamic-wind, load ... */
#ifndef SCHEME_SCHEME_H
#define SCHEME_SCHEME_H

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>

#include "value.h"

/* ---- a thread's state -------------------------------------------------------------------------------- */

union insn;

struct vm { /* in a root block: all words of it are roots, stored plainly */
    struct mem_local memory;

    /* The value stack. Everything below top is scanned, at any instruction: top is raised before anything is
       stored above it. */
    value *volatile top;
    value *volatile limit; /* what a frame's end must not pass; NULL: somebody wants attention (vm.c) */
    value *base, *end;
    value *fp;             /* [of the loop, while it is out of itself] */
    const union insn *pc;

    const struct primitive_info *running; /* which primitive; for error messages */

    value winders;    /* dynamic-wind: list of (before . after), innermost first */
    value handlers;   /* with-exception-handler: list, innermost first */
    value parameters; /* parameterize: list of (parameter . value), innermost first */
    value underflow;  /* continuation below the stack's base, or FALSE: control.c */
    size_t underflow_words;
    const union insn *underflow_pc;

    value thread;     /* TYPE_THREAD, this one's */
    value raised;     /* what vm_raise hands to the loop */
    value source;     /* string: the file that is being read, or FALSE */
    struct positions *positions; /* reader.c: lines of lists that were read */
    struct arena *arena;         /* expand.c: nodes of what is being compiled */

    int form_line;      /* of the form that was compiled last */
    bool no_memory;     /* on the way to raise that */
    char memory_where[200];
    char *c_limit; /* below it the thread's own stack gets short */
    sig_atomic_t volatile interrupted;
    bool volatile terminated; /* thread-terminate!, which the thread has not seen yet */
    bool was_terminated;
    bool uncaught;    /* the loop ended by something raised that nobody handled ... */
    value uncaught_where; /* ... there: "file:line", or FALSE */
    sigjmp_buf *jump; /* where vm_raise goes */
#ifndef SCHEME_LIBGC
    struct grey_state state;
#endif
};

/* ---- globals ----------------------------------------------------------------------------------------- */

/* Static values are barriered slots (mem_root_slots): read plainly, written by mem_write. A file with some of
 * its own registers them in its ..._begin. */
enum known {
    SYM_QUOTE, SYM_QUASIQUOTE, SYM_UNQUOTE, SYM_UNQUOTE_SPLICING, SYM_DEFINE, SYM_LAMBDA, SYM_ELLIPSIS,
    SYM_UNDERSCORE, SYM_ELSE, SYM_ARROW, SYM_BEGIN, SYM_IF, SYM_LET, SYM_SET,
    KNOWN_INPUT, KNOWN_OUTPUT, KNOWN_ERROR, /* parameters: current-input-port ...; port.c fills them in */
    KNOWN_GLOBALS,                          /* list of all symbols with a global value: keeps them */
    KNOWN_SYMBOLS,                          /* the table of symbols */
    KNOWN_RAISE,                            /* boot.scm's procedure for errors of primitives */
    KNOWN_REWIND,                           /* boot.scm's, for continuations with other winders */
    KNOWN_BOTTOM,                           /* the closure of the stack's lowest frame */
    KNOWN_EMPTY_TEXT,
    KNOWN_COUNT
};
extern value known[KNOWN_COUNT];

/* ---- constructors (object.c): raise an out-of-memory condition instead of returning nothing ---------- */

_Noreturn void out_of_memory(struct vm *vm);

static inline value cons(struct vm *vm, value a, value d)
{
    struct pair *p = mem_pair(&vm->memory);
    if (unlikely(p == NULL))
        out_of_memory(vm);
    mem_init_pair((value *)p, a, d);
    return (value)p | TAG_PAIR;
}

static inline value flonum(struct vm *vm, double d)
{
    double *p = mem_double(&vm->memory);
    if (unlikely(p == NULL))
        out_of_memory(vm);
    *p = d;
    return (value)p | TAG_FLONUM;
}

/* Up to so many references a header is below all addresses of the heap. */
enum { SMALL_COUNT = 32 };

/* An object of `count` references and `raw` bytes behind them, all zero: its maker fills in the references
 * by mem_init, before it allocates again, or by mem_write. */
static inline void *object_new(struct vm *vm, enum type type, size_t count, size_t raw)
{
    struct object *o = NULL;
    if (likely(count <= SMALL_COUNT && raw == 0))
        o = mem_words(&vm->memory, sizeof *o + count * sizeof(value));
    else if (likely(count <= MAX_COUNT))
        o = mem_slots(&vm->memory, sizeof *o + count * sizeof(value) + raw);
    if (unlikely(o == NULL))
        out_of_memory(vm);
    *o = (struct object){ .type = (uint8_t)type, .count = (uint32_t)count };
    return o;
}

/* An object without references: `size` bytes, the header included; head.count is `count`. */
static inline void *bytes_new(struct vm *vm, enum type type, size_t size, size_t count)
{
    struct object *o = NULL;
    if (likely(count <= MAX_COUNT))
        o = mem_bytes(&vm->memory, size);
    if (unlikely(o == NULL))
        out_of_memory(vm);
    *o = (struct object){ .type = (uint8_t)type, .count = (uint32_t)count };
    return o;
}

value vector_new(struct vm *vm, size_t count, value fill);
value bytevector_new(struct vm *vm, size_t count);                           /* zero */
struct text *text_new(struct vm *vm, const char *bytes, size_t count);       /* bytes NULL: zeros; length unset */
value string_of_text(struct vm *vm, struct text *t);
value string_new(struct vm *vm, const char *bytes, size_t count);            /* valid UTF-8; counts the characters */
value string_format(struct vm *vm, const char *format, ...) __attribute__((format(printf, 2, 3)));
value symbol_new(struct vm *vm, const char *bytes, size_t count);            /* the one of that name */
value symbol_of_text(struct vm *vm, struct text *t);
value symbol(struct vm *vm, const char *name);                               /* symbol_new with strlen */
value list(struct vm *vm, int count, ...);
size_t utf8_length(const char *bytes, size_t count);                         /* characters */

static inline const char *string_bytes(value s, size_t *count) /* of a string; valid while it is reachable */
{
    struct text *t = text_of(string_of(s)->text);
    *count = t->head.count;
    return t->byte;
}

static inline struct text *symbol_text(value s)
{
    return text_of(symbol_of(s)->name);
}

/* Gives a symbol its global value, which keeps the symbol; not for the compiler's inlining. */
void global_define(struct vm *vm, value symbol, value v);
void primitives_define(struct vm *vm, const struct primitive_info *table);

/* ---- errors (control.c): none returns ---------------------------------------------------------------- */

/* Raises any value, as (raise v). */
_Noreturn void vm_raise(struct vm *vm, value v);
/* "name: wanted a pair, got 5"; `what` with its article. name is the running primitive's. */
_Noreturn void wrong_type(struct vm *vm, value got, const char *what);
/* "vector-ref: 7 is out of range" */
_Noreturn void out_of_range(struct vm *vm, value got);
/* A message of printf's and irritants, a list (NIL: none). "name: " is put before it. */
_Noreturn void fail(struct vm *vm, enum condition_kind kind, value irritants, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
value condition_new(struct vm *vm, enum condition_kind kind, value message, value irritants);

/* At the beginning of C functions that call themselves: too deep a recursion is a condition. */
_Noreturn void too_deep(struct vm *vm);
static inline void depth_check(struct vm *vm)
{
    if (unlikely((char *)__builtin_frame_address(0) < vm->c_limit))
        too_deep(vm);
}

/* A value as an index or size of at most max; else wrong_type or out_of_range. */
static inline size_t index_of(struct vm *vm, value v, size_t max)
{
    if (!is_fixnum(v))
        wrong_type(vm, v, "an index");
    if ((uintptr_t)fixnum_of(v) > max)
        out_of_range(vm, v);
    return (size_t)fixnum_of(v);
}

/* The optional range [start, end) in argv[at], argv[at + 1], within size. */
struct range {
    size_t start, end;
};
static inline struct range range_of(struct vm *vm, int argc, value *argv, int at, size_t size)
{
    struct range r = { 0, size };
    if (argc > at + 1)
        r.end = index_of(vm, argv[at + 1], size);
    if (argc > at)
        r.start = index_of(vm, argv[at], r.end);
    return r;
}

/* ---- number.c ---------------------------------------------------------------------------------------- */

/* The general paths behind the loop's fixnum and flonum cases. Raise what is wrong. */
value number_add(struct vm *vm, value a, value b);
value number_subtract(struct vm *vm, value a, value b);
value number_multiply(struct vm *vm, value a, value b);
value number_divide(struct vm *vm, value a, value b);
value number_quotient(struct vm *vm, value a, value b);
value number_remainder(struct vm *vm, value a, value b);
value number_modulo(struct vm *vm, value a, value b);
bool number_less(struct vm *vm, value a, value b);
bool number_less_equal(struct vm *vm, value a, value b);
bool number_equal(struct vm *vm, value a, value b);
bool is_number(value v);
bool bignum_equal(value a, value b);
uint64_t number_hash(value v);                   /* the same for numbers that are eqv? */
value integer_value(struct vm *vm, int64_t n);   /* a fixnum or a bignum */
/* FALSE when the text is no number. */
value number_parse(struct vm *vm, const char *bytes, size_t count, int radix);
/* A malloc'd text, freed by the caller; NULL: no memory. */
char *number_format(value v, int radix);

/* ---- list.c, hash.c, text.c -------------------------------------------------------------------------- */

bool is_eqv(value a, value b);
/* Cyclic data ends as well (a budget, then a table): control.c's depth limit is no answer to it. */
bool is_equal(struct vm *vm, value a, value b);
value list_reverse(struct vm *vm, value v);
intptr_t list_length(value v); /* -1: no proper list */
uint64_t bytes_hash(const char *bytes, size_t count);
uint64_t equal_hash(value v);
void text_begin(struct vm *vm);

/* ---- port.c ------------------------------------------------------------------------------------------ */

void port_begin(struct vm *vm); /* makes stdin, stdout, stderr and the three parameters of known[] */
bool is_port(value v);
value port_current(struct vm *vm, enum known which); /* the port that KNOWN_INPUT ... stands for now */
value port_open_file(struct vm *vm, const char *path, bool input, bool binary); /* raises CONDITION_FILE */
value port_open_input_bytes(struct vm *vm, const char *bytes, size_t count);    /* copied */
value port_open_output_string(struct vm *vm);
value port_output_string(struct vm *vm, value port);
void port_write(struct vm *vm, value port, const char *bytes, size_t count);
void port_flush(struct vm *vm, value port);
/* The next character, or -1 at the end; peek leaves it there. Malformed bytes read as U+FFFD. */
int32_t port_read_char(struct vm *vm, value port);
int32_t port_peek_char(struct vm *vm, value port);
int port_line(value port);   /* of the next character, from 1 */
value port_name(value port); /* a string: the file's name as it was opened, or "stdin"; FALSE: none */
void ports_flush_all(void);  /* at the program's end; exits with 1 and a sentence when it cannot */

/* Where a terminal's lines come from: main.c sets it for stdin when there is line editing. Returns a malloc'd
 * line with its newline, or NULL at the end. Called in a blocking region. */
extern char *(*port_line_editor)(void);

/* ---- reader.c, printer.c ----------------------------------------------------------------------------- */

/* The next datum, or END_OF_FILE; raises CONDITION_READ with file:line in the message. `note` remembers the
 * line of each list in vm->positions, and forgets what it had before. */
value read_datum(struct vm *vm, value port, bool note);
int position_of(struct vm *vm, value pair); /* the line of a list that was read last; 0: unknown */
void positions_free(struct vm *vm);

enum print_mode { PRINT_DISPLAY, PRINT_WRITE, PRINT_WRITE_SHARED, PRINT_WRITE_SIMPLE };
void print_value(struct vm *vm, value port, value v, enum print_mode mode);
value value_to_string(struct vm *vm, value v, enum print_mode mode);

/* ---- control.c, thread.c ----------------------------------------------------------------------------- */

value parameter_value(struct vm *vm, value parameter);
/* "file:line: message irritant ..." of anything that was raised, as a string. */
value condition_text(struct vm *vm, value raised);

/* ---- vm.c, compile.c, expand.c, main.c --------------------------------------------------------------- */

struct vm *vm_new(size_t stack_bytes); /* for the calling thread; NULL: no memory */
void vm_delete(struct vm *vm);
/* Calls fn outside the loop. False: it raised vm->raised. */
bool vm_protect(struct vm *vm, void (*fn)(struct vm *vm, void *data), void *data);
void vm_poll(struct vm *vm); /* behind a wait that a signal may have ended, with no lock held: may raise */
void vm_interrupt(struct vm *vm); /* of a signal handler: raises "interrupted" there soon */
void vm_interrupt_forget(struct vm *vm);
/* Calls a procedure of no arguments. False: *result is what was raised and nobody handled. */
bool vm_run(struct vm *vm, value thunk, value *result);
/* A procedure of no arguments that does what the form says. */
value compile_toplevel(struct vm *vm, value form);

void stats_start(void); /* stats.c: SCHEME_STATS=FILE */

/* ---- tables of primitives ---------------------------------------------------------------------------- */

extern const struct primitive_info number_primitives[], text_primitives[], char_primitives[], list_primitives[],
    hash_primitives[], port_primitives[], reader_primitives[], printer_primitives[], control_primitives[],
    thread_primitives[];

#endif
