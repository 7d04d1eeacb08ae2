/* From text to code. The words of the language:
 *
 *     12 -3 "text" 'name     constants: they push themselves
 *     { | a b | ... }        a function of two parameters, b the topmost value; pushes a closure
 *     name                   pushes a variable, or does what the primitive of that name does
 *     =name                  pops into a variable: a parameter, or else a global one
 *     call if                call a closure; call the second of two if a third value below is nil
 *     # ...                  a comment to the end of the line
 *
 * Code is a vector: the number of parameters, then operations and what they need. */
#include "machine.h"

#include <ctype.h>
#include <string.h>

enum { PARAMETERS_MAX = 16, DIGITS_MAX = 18 };

struct word {
    const char *text;
    size_t bytes;
};

/* The parameters of a function being read, and the function around it. These structs lie on the C
 * stack, where the collector finds what is in them. */
struct scope {
    value name[PARAMETERS_MAX];
    size_t count;
    const struct scope *outer;
};

struct reader {
    struct machine *m;
    const char *at;
};

struct code {
    value items; /* a vector, longer than what is used */
    size_t used;
};

static bool is(struct word w, const char *text)
{
    return w.bytes == strlen(text) && memcmp(w.text, text, w.bytes) == 0;
}

/* The next word; of no bytes at the end. */
static struct word next_word(struct reader *r)
{
    for (; isspace((unsigned char)*r->at) || *r->at == '#'; r->at++)
        if (*r->at == '#')
            r->at += strcspn(r->at, "\n") - 1;
    struct word w = { r->at, 0 };
    if (*r->at == '"') {
        w.bytes = 1 + strcspn(r->at + 1, "\"");
        if (r->at[w.bytes] == '\0')
            machine_fail(r->m, "a string does not end");
        w.bytes++;
    } else {
        w.bytes = strcspn(r->at, " \t\r\n");
    }
    r->at += w.bytes;
    return w;
}

static value symbol_of(struct reader *r, const char *text, size_t bytes)
{
    return checked(r->m, symbol_named(checked(r->m, string_new(text, bytes))));
}

/* Code grows into a vector of twice the length: grey_copy for its references. */
static void emit(struct reader *r, struct code *c, value v)
{
    struct vector *items = (struct vector *)c->items;
    if (items == NULL || c->used == items->head.count) {
        struct vector *longer = (struct vector *)checked(r->m, vector_new(TAG_CODE, 2 * c->used + 8, NIL));
        if (items != NULL)
            grey_copy(longer->item, items->item, c->used * sizeof(value));
        c->items = &longer->head;
        items = longer;
    }
    grey_write(&items->item[c->used++], v);
}

static void emit_operation(struct reader *r, struct code *c, enum operation op, value operand)
{
    emit(r, c, number(op));
    emit(r, c, operand);
}

/* Is the name a parameter? Then how many frames outwards, and the how manyth. Functions without
 * parameters have no frame. */
static bool find_local(const struct scope *s, value name, size_t *outwards, size_t *slot)
{
    for (*outwards = 0; s != NULL; *outwards += s->count > 0, s = s->outer)
        for (size_t i = s->count; i-- > 0;)
            if (s->name[i] == name) {
                *slot = FRAME_FIRST + i;
                return true;
            }
    return false;
}

static void emit_variable(struct reader *r, struct code *c, const struct scope *s, value name, bool set)
{
    size_t outwards, slot;
    if (find_local(s, name, &outwards, &slot)) {
        emit_operation(r, c, set ? OP_SET_LOCAL : OP_LOCAL, number((intptr_t)outwards));
        emit(r, c, number((intptr_t)slot));
    } else {
        emit_operation(r, c, set ? OP_DEFINE : OP_GLOBAL, name);
    }
}

static bool read_integer(struct word w, intptr_t *n)
{
    size_t i = w.text[0] == '-' && w.bytes > 1;
    bool negative = i == 1;
    *n = 0;
    if (w.bytes - i > DIGITS_MAX)
        return false;
    for (; i < w.bytes; i++) {
        if (!isdigit((unsigned char)w.text[i]))
            return false;
        *n = *n * 10 + (w.text[i] - '0');
    }
    if (negative)
        *n = -*n;
    return true;
}

static value read_function(struct reader *r, const struct scope *outer, bool whole);

static void read_word(struct reader *r, struct code *c, const struct scope *s, struct word w)
{
    intptr_t n;
    int primitive = primitive_find(w.text, w.bytes);
    if (is(w, "{"))
        emit_operation(r, c, OP_CLOSURE, read_function(r, s, false));
    else if (w.text[0] == '"')
        emit_operation(r, c, OP_PUSH, checked(r->m, string_new(w.text + 1, w.bytes - 2)));
    else if (w.text[0] == '\'')
        emit_operation(r, c, OP_PUSH, symbol_of(r, w.text + 1, w.bytes - 1));
    else if (read_integer(w, &n))
        emit_operation(r, c, OP_PUSH, number(n));
    else if (is(w, "nil") || is(w, "true"))
        emit_operation(r, c, OP_PUSH, is(w, "nil") ? NIL : TRUE);
    else if (is(w, "call") || is(w, "if"))
        emit(r, c, number(is(w, "call") ? OP_CALL : OP_IF));
    else if (primitive >= 0)
        emit_operation(r, c, OP_PRIMITIVE, number(primitive));
    else if (w.text[0] == '=' && w.bytes > 1)
        emit_variable(r, c, s, symbol_of(r, w.text + 1, w.bytes - 1), true);
    else
        emit_variable(r, c, s, symbol_of(r, w.text, w.bytes), false);
}

static void read_parameters(struct reader *r, struct scope *s)
{
    for (struct word w = next_word(r); !is(w, "|"); w = next_word(r)) {
        if (w.bytes == 0 || s->count == PARAMETERS_MAX)
            machine_fail(r->m, "a list of parameters does not end, or is too long");
        s->name[s->count++] = symbol_of(r, w.text, w.bytes);
    }
}

/* Up to its closing brace; the whole text has none. */
static value read_function(struct reader *r, const struct scope *outer, bool whole)
{
    struct scope s = { .outer = outer };
    struct code c = { .items = NIL };
    struct word w = next_word(r);
    if (is(w, "|")) {
        read_parameters(r, &s);
        w = next_word(r);
    }
    emit(r, &c, number((intptr_t)s.count));
    for (; w.bytes > 0 && !is(w, "}"); w = next_word(r))
        read_word(r, &c, &s, w);
    if (whole != (w.bytes == 0))
        machine_fail(r->m, whole ? "a } too many" : "a } is missing");
    emit(r, &c, number(OP_RETURN));
    return c.items;
}

value read_program(struct machine *m, const char *text)
{
    struct reader r = { m, text };
    return read_function(&r, NULL, true);
}
