/* Values and objects of the interpreter.
 *
 * A value is one word, told by its lowest bits:
 *
 *     xx1   fixnum: an integer of 63 bits
 *     000   an object with a header word
 *     010   a pair: two words, no header
 *     100   a flonum: a double, no header
 *     110   a constant, or a character
 *
 * The collector takes addresses inside an object, so the tagged word is the reference: nobody takes tags off
 * for it. Words that name no object are ignored by it. No value is 0: a slot that is 0 was never written.
 *
 * Every store into an object is mem_write, or mem_init while it is new. Locals, argv[] and what else lies on
 * stacks or in struct vm are stored plainly. */
#ifndef SCHEME_VALUE_H
#define SCHEME_VALUE_H

#include <string.h>

#include "memory.h"

typedef uintptr_t value;
struct vm;

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

enum { TAG_OBJECT = 0, TAG_PAIR = 2, TAG_FLONUM = 4, TAG_CONSTANT = 6, TAG_MASK = 7 };

#define CONSTANT(n) ((value)(n) << 8 | TAG_CONSTANT)
#define FALSE       CONSTANT(0)
#define TRUE        CONSTANT(1)
#define NIL         CONSTANT(2) /* the empty list */
#define VOID        CONSTANT(3) /* what is said to be unspecified */
#define END_OF_FILE CONSTANT(4)
#define UNBOUND     CONSTANT(5) /* in a global that has no value, a variable of letrec before its time */
#define ABSENT      CONSTANT(6) /* an entry of a table that is not there; never seen by programs */

/* ---- fixnums, characters, booleans --------------------------------------------------------------------- */

#define FIXNUM_MAX (INTPTR_MAX >> 1)
#define FIXNUM_MIN (INTPTR_MIN >> 1)

static inline bool is_fixnum(value v) { return (v & 1) != 0; }
static inline bool are_fixnums(value a, value b) { return (a & b & 1) != 0; }
static inline bool fits_fixnum(intptr_t n) { return n >= FIXNUM_MIN && n <= FIXNUM_MAX; }
static inline value fixnum(intptr_t n) { return (value)n << 1 | 1; }
static inline intptr_t fixnum_of(value v) { return (intptr_t)v >> 1; }

static inline bool is_char(value v) { return (v & 0xff) == 0x0e; }
static inline value char_value(uint32_t c) { return (value)c << 8 | 0x0e; }
static inline uint32_t char_of(value v) { return (uint32_t)(v >> 8); }

static inline value boolean(bool b) { return b ? TRUE : FALSE; }
static inline bool is_true(value v) { return v != FALSE; }

/* ---- pairs and flonums ------------------------------------------------------------------------------------ */

struct pair {
    value car, cdr;
};

static inline bool is_pair(value v) { return (v & TAG_MASK) == TAG_PAIR; }
static inline struct pair *pair_of(value v) { return (struct pair *)(v - TAG_PAIR); }
static inline value car(value v) { return pair_of(v)->car; }
static inline value cdr(value v) { return pair_of(v)->cdr; }
static inline void set_car(value p, value v) { mem_write(&pair_of(p)->car, v); }
static inline void set_cdr(value p, value v) { mem_write(&pair_of(p)->cdr, v); }

static inline bool is_flonum(value v) { return (v & TAG_MASK) == TAG_FLONUM; }
static inline double flonum_of(value v) { return *(const double *)(v - TAG_FLONUM); }

/* ---- objects with a header -------------------------------------------------------------------------------- */

enum type {
    TYPE_STRING = 1, TYPE_TEXT, TYPE_SYMBOL, TYPE_VECTOR, TYPE_BYTEVECTOR, TYPE_BIGNUM,
    TYPE_CLOSURE, TYPE_PRIMITIVE, TYPE_CONTINUATION, TYPE_PARAMETER, TYPE_CODE, TYPE_BOX,
    TYPE_VALUES, TYPE_RECORD, TYPE_RECORD_TYPE, TYPE_PROMISE, TYPE_CONDITION, TYPE_TABLE, TYPE_PORT,
    TYPE_THREAD, TYPE_MUTEX, TYPE_CONDVAR, TYPE_MACRO, TYPE_ALIAS, TYPE_ENVIRONMENT, TYPE_NODE
};

/* The first word of every object but pairs and flonums. Never 0, and written before the first reference. In
 * objects with references (object_new) `count` words behind it are values, and whatever follows those is not
 * looked at; in TYPE_TEXT, TYPE_BYTEVECTOR and TYPE_BIGNUM (bytes_new) count is the number of bytes behind
 * the struct. Neither type nor count ever changes. */
struct object {
    uint8_t type;  /* enum type */
    uint8_t flags; /* FLAG_... of the type */
    uint16_t extra;
    uint32_t count;
};
#define MAX_COUNT UINT32_MAX

struct slots { /* vectors, values, records: a header and values */
    struct object head;
    value item[];
};

static inline bool is_object(value v) { return (v & TAG_MASK) == TAG_OBJECT; }
static inline struct object *object_of(value v) { return (struct object *)v; }
static inline bool is_type(value v, enum type t) { return is_object(v) && object_of(v)->type == t; }

#define DEFINE_TYPE(name, TYPE)                                                                     \
    static inline bool is_##name(value v) { return is_type(v, TYPE); }                             \
    static inline struct name *name##_of(value v) { return (struct name *)v; }

/* ---- text: strings and symbols ------------------------------------------------------------------------------ */

/* UTF-8, always whole characters; a 0 byte follows the last. Its size never changes; a string whose new
 * character takes more or fewer bytes gets another one. */
struct text { /* bytes_new */
    struct object head; /* count: bytes */
    uint32_t length;    /* characters; == head.count when all are ASCII, which makes indexing a load */
    uint32_t indexed;   /* text.c */
    char byte[];
};
DEFINE_TYPE(text, TYPE_TEXT)

enum { FLAG_CONSTANT = 1 }; /* of strings, vectors and bytevectors: a literal (nothing has to check it) */

struct string { /* object_new, count 1 */
    struct object head;
    value text; /* struct text; read it once, and work on that: another thread may put another one there */
};
DEFINE_TYPE(string, TYPE_STRING)

enum { FLAG_INTEGRABLE = 1 }; /* of symbols: the global has the value it was born with, a primitive */

struct symbol { /* object_new, count 3; one for each name, but for those that nobody can name */
    struct object head; /* extra: of integrable ones, the number of the instruction (compile.c) */
    value name;   /* struct text */
    value global; /* the value of the global variable, or UNBOUND */
    value syntax; /* TYPE_MACRO, or a fixnum for a special form; FALSE: the global is a variable */
    uint64_t hash;
};
DEFINE_TYPE(symbol, TYPE_SYMBOL)

/* ---- vectors, bytevectors, boxes, bignums ------------------------------------------------------------------ */

struct vector { /* object_new */
    struct object head; /* count: elements */
    value item[];
};
DEFINE_TYPE(vector, TYPE_VECTOR)

struct bytevector { /* bytes_new */
    struct object head; /* count: bytes */
    uint8_t byte[];
};
DEFINE_TYPE(bytevector, TYPE_BYTEVECTOR)

struct box { /* object_new, count 1: a captured variable that is assigned */
    struct object head;
    value item;
};
DEFINE_TYPE(box, TYPE_BOX)

struct bignum; /* number.c: an exact integer that is no fixnum */
static inline bool is_bignum(value v) { return is_type(v, TYPE_BIGNUM); }

struct values { /* object_new: what (values a b ...) returns unless it is one */
    struct object head;
    value item[];
};
DEFINE_TYPE(values, TYPE_VALUES)

/* ---- procedures ---------------------------------------------------------------------------------------------- */

/* argv[0 .. argc-1] lie on the value stack. A primitive does not call Scheme procedures (boot.scm is for
 * that). What it cannot do it says by the calls of "errors" in scheme.h, which do not return. */
typedef value primitive_fn(struct vm *vm, int argc, value *argv);

struct primitive_info { /* a row of a table; the last has name NULL */
    const char *name;
    primitive_fn *fn;
    int16_t min, max; /* arguments; max -1: any number */
};

struct primitive { /* bytes */
    struct object head;
    primitive_fn *fn;
    const struct primitive_info *info;
};
DEFINE_TYPE(primitive, TYPE_PRIMITIVE)

struct closure { /* object_new, count 1 + number of free variables */
    struct object head;
    value code;
    value item[]; /* free variables, or boxes of those that are assigned */
};
DEFINE_TYPE(closure, TYPE_CLOSURE)

struct parameter { /* object_new, count 2: make-parameter */
    struct object head;
    value global;    /* the value where no parameterize has another */
    value converter; /* or FALSE */
};
DEFINE_TYPE(parameter, TYPE_PARAMETER)

/* ---- records, conditions, promises ----------------------------------------------------------------------------- */

struct record_type { /* object_new, count 2 */
    struct object head;
    value name;   /* symbol or string */
    value fields; /* vector of symbols */
};
DEFINE_TYPE(record_type, TYPE_RECORD_TYPE)

struct record { /* object_new, count 1 + number of fields */
    struct object head;
    value type;
    value item[];
};
DEFINE_TYPE(record, TYPE_RECORD)

enum condition_kind { /* head.extra of conditions */
    CONDITION_ERROR,     /* (error ...) and everything else */
    CONDITION_TYPE,      /* a wrong type */
    CONDITION_RANGE,     /* an index, a number out of range */
    CONDITION_COUNT,     /* a wrong number of arguments */
    CONDITION_UNBOUND,   /* a variable */
    CONDITION_FILE,      /* file-error? */
    CONDITION_READ,      /* read-error? */
    CONDITION_SYNTAX,    /* from the compiler */
    CONDITION_MEMORY,    /* out of memory */
    CONDITION_DEPTH,     /* recursion too deep */
    CONDITION_INTERRUPT, /* SIGINT */
    CONDITION_THREAD     /* SRFI 18's own: see thread.c */
};
struct condition { /* object_new, count 4: error objects */
    struct object head; /* extra: enum condition_kind */
    value message;      /* string */
    value irritants;    /* list */
    value where;        /* string "file:line", or FALSE */
    value payload;      /* of CONDITION_THREAD; FALSE */
};
DEFINE_TYPE(condition, TYPE_CONDITION)

#endif
