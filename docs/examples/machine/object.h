/* Values and objects of the stack machine, and how they are made.
 *
 * A value is one word: a reference to an object, a number (its lowest bit is 1), or a constant. The
 * collector ignores words that name no object, so a slot may hold any of them. */
#ifndef MACHINE_OBJECT_H
#define MACHINE_OBJECT_H

#include <greyspan.h>

typedef struct object *value;

#define NIL  ((value)0)
#define TRUE ((value)2)

static inline bool is_number(value v)
{
    return ((uintptr_t)v & 1) != 0;
}

static inline value number(intptr_t n)
{
    return (value)((uintptr_t)n << 1 | 1);
}

static inline intptr_t integer(value v)
{
    return (intptr_t)v >> 1;
}

/* The first word of every object. It is never 0 once it is written, and it is written before the first
 * reference: a collection that meets an object without it has nothing to find there. */
enum tag { TAG_PAIR = 1, TAG_STRING, TAG_SYMBOL, TAG_VECTOR, TAG_CODE, TAG_FRAME, TAG_CLOSURE, TAG_BUFFER };
struct object {
    uint32_t tag;   /* enum tag */
    uint32_t count; /* bytes of a string, items of a vector */
};

struct pair { /* typed: a bitmap says which words are references */
    struct object head;
    value first, rest;
};
struct string { /* without references */
    struct object head;
    char text[];
};
struct symbol { /* typed; one for each name that is in use */
    struct object head;
    value name, global;
    grey_handle *defined; /* keeps a symbol with a global value; NULL: it has none */
};
struct vector { /* custom: vectors of the program, code, and frames of variables */
    struct object head;
    value item[];
};
struct closure { /* custom */
    struct object head;
    size_t parameters; /* not a reference: the callback leaves it out */
    value code, frame;
};
struct buffer { /* without references; holds memory of malloc's, which a finalizer frees */
    struct object head;
    char *bytes;
};

/* What the words of special vectors are. */
enum { CODE_PARAMETERS, CODE_FIRST };
enum { FRAME_OUTER, FRAME_FIRST };

static inline bool has_tag(value v, enum tag tag)
{
    return v != NIL && v != TRUE && !is_number(v) && v->tag == (uint32_t)tag;
}

/* Kinds and types, and the table of symbols. Once, before the others. */
void objects_begin(void);

/* All return NIL when there is no memory. */
value pair_new(value first, value rest);
value string_new(const char *text, size_t bytes);
value string_join(value a, value b);
value vector_new(enum tag tag, size_t count, value fill);
value closure_new(value code, value frame);
value buffer_new(size_t bytes);
value symbol_named(value name);

/* Gives a symbol its global value. */
bool symbol_define(value symbol, value v);

/* How many symbols there are, and buffers made and freed. */
size_t symbols_count(void);
size_t buffers_made(void);
size_t buffers_freed(void);

#endif
