/* The printer: display and the three kinds of write. All goes into a text first, which is then written at
 * once, so that lines of several threads do not mix.
 *
 * What is labelled (#0=) is found by a walk before: for write the pairs and vectors that a cycle leads back
 * to, for write-shared all to which more than one way leads. Most data is a small tree, as soon shows. */
#include <stdlib.h>

#include "compile.h"
#include "data.h"

enum state { ON_PATH, DONE, WANTS_LABEL, HAS_LABEL }; /* HAS_LABEL + n: of the n-th label */

struct printer {
    struct builder out;
    enum print_mode mode;
    struct numbering states; /* of pairs and vectors; empty when there is nothing to label */
    intptr_t labels;
};

/* ---- what needs a label ------------------------------------------------------------------------------ */

static bool has_parts(value v)
{
    return is_pair(v) || (is_vector(v) && vector_of(v)->head.count > 0);
}

/* True: a walk came to all ends within so many steps, so there is no cycle. */
static bool is_small(value v, int *steps)
{
    for (; is_pair(v); v = cdr(v))
        if (--*steps < 0 || (has_parts(car(v)) && !is_small(car(v), steps)))
            return false;
    for (size_t i = 0; is_vector(v) && i < vector_of(v)->head.count; i++) {
        value part = load(&vector_of(v)->item[i]);
        if (--*steps < 0 || (has_parts(part) && !is_small(part, steps)))
            return false;
    }
    return true;
}

/* True: nobody was here before. */
static bool arrive(struct printer *p, value v)
{
    intptr_t state = numbering_get(&p->states, v);
    if (state < 0)
        numbering_set(&p->states, v, ON_PATH);
    else if (state == ON_PATH)
        numbering_set(&p->states, v, WANTS_LABEL);
    return state < 0;
}

static void leave(struct printer *p, value v)
{
    if (p->mode != PRINT_WRITE_SHARED && numbering_get(&p->states, v) == ON_PATH)
        numbering_set(&p->states, v, DONE);
}

static void walk(struct printer *p, value v)
{
    depth_check(p->out.vm);
    value head = v;
    size_t pairs = 0;
    for (; is_pair(v) && arrive(p, v); v = cdr(v), pairs++)
        if (has_parts(car(v)))
            walk(p, car(v));
    if (is_vector(v) && has_parts(v) && arrive(p, v)) {
        for (size_t i = 0; i < vector_of(v)->head.count; i++) {
            value part = load(&vector_of(v)->item[i]);
            if (has_parts(part))
                walk(p, part);
        }
        leave(p, v);
    }
    for (; pairs > 0 && is_pair(head); pairs--, head = cdr(head))
        leave(p, head);
}

static void find_labels(struct printer *p, value v)
{
    int steps = 1000;
    if (p->mode == PRINT_WRITE_SIMPLE || !has_parts(v))
        return;
    if (p->mode == PRINT_WRITE_SHARED || !is_small(v, &steps))
        walk(p, v);
}

static bool is_labelled(const struct printer *p, value v)
{
    return numbering_get(&p->states, v) >= WANTS_LABEL;
}

/* True: it was printed before, and its label stands for it. */
static bool print_label(struct printer *p, value v)
{
    char label[32];
    intptr_t state = numbering_get(&p->states, v);
    if (state < WANTS_LABEL)
        return false;
    bool before = state != WANTS_LABEL;
    intptr_t n = before ? state - HAS_LABEL : p->labels++;
    if (!before)
        numbering_set(&p->states, v, HAS_LABEL + n);
    snprintf(label, sizeof label, before ? "#%td#" : "#%td=", n);
    build_string(&p->out, label);
    return before;
}

/* ---- texts ------------------------------------------------------------------------------------------- */

/* One character of a string or of a symbol in bars. */
static void print_escaped(struct printer *p, uint32_t c, uint32_t quote)
{
    static const char from[] = "\a\b\t\n\r", to[] = "abtnr";
    char code[16];
    const char *special = c == 0 || c >= 0x80 ? NULL : strchr(from, (int)c);
    if (c == quote || c == '\\')
        snprintf(code, sizeof code, "\\%c", (char)c);
    else if (special != NULL)
        snprintf(code, sizeof code, "\\%c", to[special - from]);
    else if (c < 0x20 || c == 0x7f)
        snprintf(code, sizeof code, "\\x%x;", c);
    else {
        build_char(&p->out, c);
        return;
    }
    build_string(&p->out, code);
}

static void print_text(struct printer *p, const struct text *t, char quote)
{
    const char *at = t->byte, *end = at + t->head.count;
    build_char(&p->out, (uint32_t)quote);
    while (at < end)
        print_escaped(p, utf8_get(&at, end), (uint32_t)quote);
    build_char(&p->out, (uint32_t)quote);
}

/* Whether the name alone would be read as something else. */
static bool needs_bars(struct vm *vm, const struct text *t)
{
    const char *s = t->byte;
    size_t count = t->head.count;
    if (count == 0 || s[0] == '#' || (count == 1 && s[0] == '.'))
        return true;
    for (size_t i = 0; i < count; i++)
        if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f || strchr("()\";'`,|\\", s[i]) != NULL)
            return true;
    return strchr("+-.0123456789", s[0]) != NULL && number_parse(vm, s, count, 10) != FALSE;
}

static void print_symbol(struct printer *p, value v)
{
    const struct text *t = symbol_text(v);
    if (p->mode != PRINT_DISPLAY && needs_bars(p->out.vm, t))
        print_text(p, t, '|');
    else
        build_bytes(&p->out, t->byte, t->head.count);
}

static void print_char(struct printer *p, uint32_t c)
{
    if (p->mode == PRINT_DISPLAY) {
        build_char(&p->out, c);
        return;
    }
    const char *name = char_name(c);
    build_string(&p->out, "#\\");
    if (name != NULL) {
        build_string(&p->out, name);
    } else if (c < 0x20) {
        char code[16];
        snprintf(code, sizeof code, "x%x", c);
        build_string(&p->out, code);
    } else {
        build_char(&p->out, c);
    }
}

/* ---- the rest of what has no parts ------------------------------------------------------------------- */

static void print_number(struct printer *p, value v)
{
    char digits[FIXNUM_DIGITS];
    if (is_fixnum(v)) {
        build_string(&p->out, fixnum_digits(digits, fixnum_of(v)));
        return;
    }
    char *text = number_format(v, 10);
    if (text == NULL)
        out_of_memory(p->out.vm);
    build_string(&p->out, text);
    free(text);
}

static void print_constant(struct printer *p, value v)
{
    build_string(&p->out, v == TRUE ? "#t" : v == FALSE ? "#f" : v == NIL ? "()" : v == END_OF_FILE ? "#<eof>"
                                                            : v == UNBOUND ? "#<unbound>" : "#<unspecified>");
}

static void print_bytes(struct printer *p, const struct bytevector *b)
{
    char byte[8];
    build_string(&p->out, "#u8(");
    for (size_t i = 0; i < b->head.count; i++) {
        snprintf(byte, sizeof byte, i == 0 ? "%d" : " %d", b->byte[i]);
        build_string(&p->out, byte);
    }
    build_char(&p->out, ')');
}

static const char *const type_names[] = {
    [TYPE_CLOSURE] = "procedure", [TYPE_PRIMITIVE] = "procedure", [TYPE_CONTINUATION] = "continuation",
    [TYPE_PARAMETER] = "parameter", [TYPE_CODE] = "code", [TYPE_BOX] = "box", [TYPE_VALUES] = "values",
    [TYPE_RECORD_TYPE] = "record-type", [TYPE_PROMISE] = "promise", [TYPE_CONDITION] = "condition",
    [TYPE_TABLE] = "hash-table", [TYPE_PORT] = "port", [TYPE_THREAD] = "thread", [TYPE_MUTEX] = "mutex",
    [TYPE_CONDVAR] = "condition-variable", [TYPE_MACRO] = "macro", [TYPE_ENVIRONMENT] = "environment",
};

/* The name or message of an object that has one. */
static value name_of(value v)
{
    switch (object_of(v)->type) {
    case TYPE_CLOSURE: return code_of(closure_of(v)->code)->name;
    case TYPE_RECORD_TYPE: return record_type_of(v)->name;
    case TYPE_CONDITION: return condition_of(v)->message;
    case TYPE_PORT: return port_name(v);
    default: return FALSE;
    }
}

static void print_name(struct printer *p, value name)
{
    if (is_string(name))
        name = load(&string_of(name)->text);
    const struct text *t = is_symbol(name) ? symbol_text(name) : is_text(name) ? text_of(name) : NULL;
    if (t != NULL)
        build_bytes(&p->out, t->byte, t->head.count);
}

static void print_opaque(struct printer *p, value v)
{
    unsigned type = object_of(v)->type;
    build_string(&p->out, "#<");
    if (type == TYPE_RECORD) {
        value of = record_of(v)->type;
        print_name(p, is_type(of, TYPE_RECORD_TYPE) ? record_type_of(of)->name : FALSE);
    } else {
        bool known_type = type < sizeof type_names / sizeof *type_names && type_names[type] != NULL;
        build_string(&p->out, known_type ? type_names[type] : "object");
        value name = type == TYPE_PRIMITIVE ? FALSE : name_of(v);
        if (name != FALSE || type == TYPE_PRIMITIVE)
            build_char(&p->out, ' ');
        if (type == TYPE_PRIMITIVE)
            build_string(&p->out, primitive_of(v)->info->name);
        print_name(p, name);
    }
    build_char(&p->out, '>');
}

/* ---- lists, vectors, everything ---------------------------------------------------------------------- */

static void print(struct printer *p, value v);

static void print_list(struct printer *p, value v)
{
    struct walk w = walk_from(v);
    build_char(&p->out, '(');
    print(p, car(v));
    bool circular;
    while (!(circular = !walk_on(&w)) && is_pair(w.at) && !is_labelled(p, w.at)) {
        build_char(&p->out, ' ');
        print(p, car(w.at));
    }
    if (circular) { /* made circular since it was looked through, or nobody looked: write-simple */
        build_string(&p->out, " ...");
    } else if (w.at != NIL) {
        build_string(&p->out, " . ");
        print(p, w.at);
    }
    build_char(&p->out, ')');
}

static void print_vector(struct printer *p, const struct vector *v)
{
    build_string(&p->out, "#(");
    for (size_t i = 0; i < v->head.count; i++) {
        if (i > 0)
            build_char(&p->out, ' ');
        print(p, load(&v->item[i]));
    }
    build_char(&p->out, ')');
}

static void print_object(struct printer *p, value v)
{
    switch (object_of(v)->type) {
    case TYPE_STRING: {
        const struct text *t = text_of(load(&string_of(v)->text));
        if (p->mode == PRINT_DISPLAY)
            build_bytes(&p->out, t->byte, t->head.count);
        else
            print_text(p, t, '"');
        break;
    }
    case TYPE_SYMBOL: print_symbol(p, v); break;
    case TYPE_VECTOR: print_vector(p, vector_of(v)); break;
    case TYPE_BYTEVECTOR: print_bytes(p, bytevector_of(v)); break;
    case TYPE_BIGNUM: print_number(p, v); break;
    default: print_opaque(p, v);
    }
}

static void print(struct printer *p, value v)
{
    depth_check(p->out.vm);
    mem_safepoint();
    if (p->states.count > 0 && has_parts(v) && print_label(p, v))
        return;
    if (is_fixnum(v) || is_flonum(v))
        print_number(p, v);
    else if (is_pair(v))
        print_list(p, v);
    else if (is_char(v))
        print_char(p, char_of(v));
    else if (is_object(v))
        print_object(p, v);
    else
        print_constant(p, v);
}

static void print_all(struct printer *p, struct vm *vm, value v, enum print_mode mode)
{
    *p = (struct printer){ .out = { .vm = vm }, .mode = mode, .states = { .vm = vm } };
    find_labels(p, v);
    print(p, v);
}

void print_value(struct vm *vm, value port, value v, enum print_mode mode)
{
    if (mode == PRINT_DISPLAY && is_string(v)) {
        size_t count;
        const char *bytes = string_bytes(v, &count);
        port_write(vm, port, bytes, count);
        return;
    }
    struct printer p;
    print_all(&p, vm, v, mode);
    if (p.out.fill > 0)
        port_write(vm, port, p.out.bytes, p.out.fill);
}

value value_to_string(struct vm *vm, value v, enum print_mode mode)
{
    struct printer p;
    print_all(&p, vm, v, mode);
    return build_end(&p.out);
}
