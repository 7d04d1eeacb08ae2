/* The reader: from text to data, with all of R7RS's syntax. */
#include <limits.h>
#include <stdlib.h>

#include "data.h"

/* What stands where a datum was looked for. No program sees them. */
#define CLOSING CONSTANT(100)
#define DOT     CONSTANT(101)

struct reader {
    struct vm *vm;
    value port;
    bool note;
    value labels;  /* of #n=: list of (n . box), the box empty until the datum is there */
    value patches; /* list of (pair or vector . index): slots that hold a box, index 0 the car, 1 the cdr */
};

static value read_item(struct reader *r);

_Noreturn static void mistake(const struct reader *r, const char *what, value irritants)
{
    value name = port_name(r->port);
    size_t count;
    value message = string_format(r->vm, "%s:%d: %s", name == FALSE ? "string" : string_bytes(name, &count),
                                  port_line(r->port), what);
    vm_raise(r->vm, condition_new(r->vm, CONDITION_READ, message, irritants));
}

static int32_t next(const struct reader *r)
{
    return port_read_char(r->vm, r->port);
}

static int32_t peek(const struct reader *r)
{
    return port_peek_char(r->vm, r->port);
}

static int32_t next_or_end(const struct reader *r, const char *in)
{
    int32_t c = next(r);
    if (c < 0)
        mistake(r, in, NIL);
    return c;
}

static bool is_space(int32_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xa0 || c == 0xfeff;
}

static bool is_delimiter(int32_t c)
{
    return c < 0 || is_space(c) || strchr("()\";'`,", c < 0x80 && c > 0 ? c : 'x') != NULL;
}

/* ---- where lists stand in a file --------------------------------------------------------------------- */

struct positions { /* open addressing; by address, for what is read now is there until it is compiled */
    size_t room, count;
    struct position {
        value pair;
        int line;
    } *at;
};

static struct position *position_slot(const struct positions *p, value pair)
{
    size_t i = hash_mix(pair) & (p->room - 1);
    while (p->at[i].pair != 0 && p->at[i].pair != pair)
        i = (i + 1) & (p->room - 1);
    return &p->at[i];
}

int position_of(struct vm *vm, value pair)
{
    const struct positions *p = vm->positions;
    return p == NULL || p->count == 0 ? 0 : position_slot(p, pair)->line;
}

void positions_free(struct vm *vm)
{
    if (vm->positions != NULL)
        free(vm->positions->at);
    free(vm->positions);
    vm->positions = NULL;
}

static bool positions_grow(struct positions *p)
{
    struct positions larger = { .room = p->room == 0 ? 256 : p->room * 2, .count = p->count };
    larger.at = calloc(larger.room, sizeof *larger.at);
    if (larger.at == NULL)
        return false;
    for (size_t i = 0; i < p->room; i++)
        if (p->at[i].pair != 0)
            *position_slot(&larger, p->at[i].pair) = p->at[i];
    free(p->at);
    *p = larger;
    return true;
}

/* Without memory a line is not known, which is no reason to stop. */
static void note_position(const struct reader *r, value pair, int line)
{
    struct positions *p = r->vm->positions;
    if (!r->note || p == NULL || (p->count * 2 >= p->room && !positions_grow(p)))
        return;
    *position_slot(p, pair) = (struct position){ pair, line };
    p->count++;
}

static void positions_forget(struct vm *vm)
{
    positions_free(vm);
    vm->positions = calloc(1, sizeof *vm->positions);
}

/* ---- comments ---------------------------------------------------------------------------------------- */

static void skip_line(const struct reader *r)
{
    for (int32_t c = next(r); c >= 0 && c != '\n';)
        c = next(r);
}

/* Behind the first #|; they nest. */
static void skip_block(const struct reader *r)
{
    for (int depth = 1; depth > 0;) {
        int32_t c = next_or_end(r, "a comment does not end");
        if (c == '|' && peek(r) == '#')
            depth--;
        else if (c == '#' && peek(r) == '|')
            depth++;
        else
            continue;
        next(r);
    }
}

/* ---- data -------------------------------------------------------------------------------------------- */

/* A datum and nothing else. */
static value read_needed(struct reader *r, const char *in)
{
    value v = read_item(r);
    if (v == END_OF_FILE || v == CLOSING || v == DOT)
        mistake(r, in, NIL);
    return v;
}

static void patch_later(struct reader *r, value container, size_t index)
{
    r->patches = cons(r->vm, cons(r->vm, container, fixnum((intptr_t)index)), r->patches);
}

/* Behind the opening parenthesis. */
static value read_list(struct reader *r)
{
    struct items l = { NIL, NIL };
    int line = port_line(r->port);
    for (;;) {
        value v = read_item(r);
        if (v == CLOSING)
            return l.first;
        if (v == END_OF_FILE) {
            value begun = string_format(r->vm, "begun in line %d", line);
            mistake(r, "a list does not end", list(r->vm, 1, begun));
        }
        if (v == DOT)
            break;
        items_add(r->vm, &l, v);
        if (l.first == l.last)
            note_position(r, l.first, line);
        if (is_box(v))
            patch_later(r, l.last, 0);
    }
    value end = read_needed(r, "no datum behind a dot");
    if (l.first == NIL || read_item(r) != CLOSING)
        mistake(r, "a dot in the wrong place", NIL);
    set_cdr(l.last, end);
    if (is_box(end))
        patch_later(r, l.last, 1);
    return l.first;
}

static value read_vector(struct reader *r)
{
    value l = read_list(r);
    intptr_t count = list_length(l);
    if (count < 0)
        mistake(r, "a dot in a vector", NIL);
    value v = vector_new(r->vm, (size_t)count, NIL);
    for (size_t i = 0; i < (size_t)count; i++, l = cdr(l)) {
        mem_write(&vector_of(v)->item[i], car(l));
        if (is_box(car(l)))
            patch_later(r, v, i);
    }
    return v;
}

static value read_bytevector(struct reader *r)
{
    value l = read_list(r);
    intptr_t count = list_length(l);
    if (count < 0)
        mistake(r, "a dot in a bytevector", NIL);
    value v = bytevector_new(r->vm, (size_t)count);
    for (size_t i = 0; i < (size_t)count; i++, l = cdr(l)) {
        if (!is_fixnum(car(l)) || (uintptr_t)fixnum_of(car(l)) > 255)
            mistake(r, "no byte", list(r->vm, 1, car(l)));
        bytevector_of(v)->byte[i] = (uint8_t)fixnum_of(car(l));
    }
    return v;
}

/* 'x is (quote x), and so on. */
static value read_quoted(struct reader *r, enum known symbol)
{
    int line = port_line(r->port);
    value v = read_needed(r, "nothing is quoted");
    value l = list(r->vm, 2, known[symbol], v);
    note_position(r, l, line);
    if (is_box(v))
        patch_later(r, cdr(l), 0);
    return l;
}

/* ---- strings, characters, tokens --------------------------------------------------------------------- */

static int hex_digit(int32_t c) /* -1: it is none */
{
    static const char digits[] = "0123456789abcdefABCDEF";
    const char *at = c > 0 && c < 0x80 ? strchr(digits, c) : NULL;
    return at == NULL ? -1 : at - digits < 16 ? (int)(at - digits) : (int)(at - digits) - 6;
}

/* Behind \x, up to the semicolon. */
static uint32_t read_hex(const struct reader *r)
{
    uint32_t code = 0;
    int digits = 0;
    for (int32_t c; (c = next_or_end(r, "a text does not end")) != ';'; digits++) {
        if (hex_digit(c) < 0 || code > CHAR_MAX_CODE)
            mistake(r, "no number of a character", NIL);
        code = code * 16 + (uint32_t)hex_digit(c);
    }
    if (digits == 0 || !is_char_code(code))
        mistake(r, "no number of a character", NIL);
    return code;
}

/* Behind a backslash: the rest of the line, all of it spaces, and those that begin the next, are nothing. */
static void skip_line_end(const struct reader *r, int32_t c)
{
    while (c == ' ' || c == '\t' || c == '\r')
        c = next_or_end(r, "a string does not end");
    if (c != '\n')
        mistake(r, "a backslash before a space", NIL);
    while (peek(r) == ' ' || peek(r) == '\t')
        next(r);
}

/* Up to the closing quote or bar. */
static void read_text(const struct reader *r, struct builder *b, int32_t end)
{
    const char *in = end == '"' ? "a string does not end" : "a symbol does not end";
    for (int32_t c; (c = next_or_end(r, in)) != end;) {
        if (c != '\\') {
            build_char(b, (uint32_t)c);
            continue;
        }
        switch (c = next_or_end(r, in)) {
        case 'a': build_char(b, '\a'); break;
        case 'b': build_char(b, '\b'); break;
        case 't': build_char(b, '\t'); break;
        case 'n': build_char(b, '\n'); break;
        case 'r': build_char(b, '\r'); break;
        case '"':
        case '\\':
        case '|': build_char(b, (uint32_t)c); break;
        case 'x':
        case 'X': build_char(b, read_hex(r)); break;
        default: skip_line_end(r, c);
        }
    }
}

static value read_string(const struct reader *r)
{
    struct builder b = { .vm = r->vm };
    read_text(r, &b, '"');
    return build_end(&b);
}

/* Up to a delimiter; true: there are bars in it, so it is a symbol. */
static bool read_token(const struct reader *r, struct builder *b)
{
    bool folds = *port_folds_case(r->port), bars = false;
    while (!is_delimiter(peek(r))) {
        int32_t c = next(r);
        if (c == '|') {
            read_text(r, b, '|');
            bars = true;
        } else {
            build_char(b, folds ? char_foldcase((uint32_t)c) : (uint32_t)c);
        }
    }
    return bars;
}

/* A number or a symbol. */
static value read_atom(const struct reader *r)
{
    struct builder b = { .vm = r->vm };
    bool bars = read_token(r, &b);
    const char *bytes = b.fill == 0 ? "" : b.bytes;
    if (b.fill == 0 && !bars)
        mistake(r, "what is this?", NIL);
    if (!bars && strchr("+-.0123456789", bytes[0]) != NULL) {
        if (b.fill == 1 && bytes[0] == '.')
            return DOT;
        value number = number_parse(r->vm, bytes, b.fill, 10);
        if (number != FALSE)
            return number;
    }
    return symbol_new(r->vm, bytes, b.fill);
}

static const struct {
    const char *name;
    uint32_t code;
} char_names[] = { { "alarm", '\a' }, { "backspace", '\b' }, { "delete", 0x7f }, { "escape", 0x1b },
                   { "newline", '\n' }, { "null", 0 }, { "return", '\r' }, { "space", ' ' },
                   { "tab", '\t' } };

const char *char_name(uint32_t code)
{
    for (size_t i = 0; i < sizeof char_names / sizeof *char_names; i++)
        if (char_names[i].code == code)
            return char_names[i].name;
    return NULL;
}

/* Behind #\: a character, or the name of one. */
static value read_char(const struct reader *r)
{
    struct builder b = { .vm = r->vm };
    uint32_t first = (uint32_t)next_or_end(r, "a character does not end");
    build_char(&b, first);
    while (!is_delimiter(peek(r)))
        build_char(&b, (uint32_t)next(r));
    const struct text *t = build_text(&b);
    if (t->length == 1)
        return char_value(first);
    char *end;
    if (first == 'x' || first == 'X') {
        unsigned long code = hex_digit(t->byte[1]) < 0 ? ULONG_MAX : strtoul(t->byte + 1, &end, 16);
        if (code <= CHAR_MAX_CODE && *end == '\0' && is_char_code((uint32_t)code))
            return char_value((uint32_t)code);
    }
    for (size_t i = 0; i < sizeof char_names / sizeof *char_names; i++)
        if ((*port_folds_case(r->port) ? strcasecmp : strcmp)(t->byte, char_names[i].name) == 0)
            return char_value(char_names[i].code);
    mistake(r, "no such character", list(r->vm, 1, build_end(&b)));
}

/* ---- what begins with # ------------------------------------------------------------------------------ */

/* #!fold-case and its like; a script's first line is a comment. */
static void read_directive(const struct reader *r)
{
    next(r);
    struct builder b = { .vm = r->vm };
    read_token(r, &b);
    const struct text *t = build_text(&b);
    if (strcmp(t->byte, "fold-case") == 0)
        *port_folds_case(r->port) = true;
    else if (strcmp(t->byte, "no-fold-case") == 0)
        *port_folds_case(r->port) = false;
    else if (port_line(r->port) == 1)
        skip_line(r);
    else
        mistake(r, "an unknown directive", list(r->vm, 1, build_end(&b)));
}

static value label_box(const struct reader *r, value number)
{
    for (value l = r->labels; l != NIL; l = cdr(l))
        if (car(car(l)) == number)
            return cdr(car(l));
    return FALSE;
}

/* #n= and #n#. A reference from inside the datum gets the box, and the datum when all has been read. */
static value read_label(struct reader *r)
{
    intptr_t n = 0;
    int32_t c = next(r);
    for (; c >= '0' && c <= '9'; c = next(r))
        n = n < 1000000000 ? n * 10 + (c - '0') : n;
    value box = label_box(r, fixnum(n));
    if (c == '#') {
        if (box == FALSE)
            mistake(r, "no such label", list(r->vm, 1, fixnum(n)));
        value v = load(&box_of(box)->item);
        return v == UNBOUND ? box : v;
    }
    if (c != '=' || box != FALSE)
        mistake(r, "a label that is none, or is there twice", list(r->vm, 1, fixnum(n)));
    struct box *new = object_new(r->vm, TYPE_BOX, 1, 0);
    mem_init(&new->item, UNBOUND);
    r->labels = cons(r->vm, cons(r->vm, fixnum(n), (value)new), r->labels);
    value v = read_needed(r, "nothing behind a label");
    if (is_box(v))
        mistake(r, "a label of nothing but a label", list(r->vm, 1, fixnum(n)));
    mem_write(&new->item, v);
    return v;
}

static value read_named(struct reader *r)
{
    struct builder b = { .vm = r->vm };
    read_token(r, &b);
    const struct text *t = build_text(&b);
    if (strcmp(t->byte, "t") == 0 || strcmp(t->byte, "true") == 0)
        return TRUE;
    if (strcmp(t->byte, "f") == 0 || strcmp(t->byte, "false") == 0)
        return FALSE;
    if (strcasecmp(t->byte, "u8") == 0 && peek(r) == '(') {
        next(r);
        return read_bytevector(r);
    }
    value text = string_format(r->vm, "#%s", t->byte);
    size_t count;
    const char *bytes = string_bytes(text, &count);
    value number = strchr("xXbBoOdDeEiI", t->byte[0]) == NULL ? FALSE : number_parse(r->vm, bytes, count, 10);
    if (number == FALSE)
        mistake(r, "unknown syntax", list(r->vm, 1, text));
    return number;
}

/* Behind a #; *comment: there is nothing. */
static value read_hash(struct reader *r, bool *comment)
{
    int32_t c = peek(r);
    *comment = c == '|' || c == ';' || c == '!';
    if (c == '(' || c == '|' || c == ';' || c == '\\')
        next(r);
    switch (c) {
    case '(': return read_vector(r);
    case '\\': return read_char(r);
    case '|': skip_block(r); return VOID;
    case ';': read_needed(r, "no datum behind #;"); return VOID;
    case '!': read_directive(r); return VOID;
    default: return c >= '0' && c <= '9' ? read_label(r) : read_named(r);
    }
}

/* ---- all of it --------------------------------------------------------------------------------------- */

static value read_unquote(struct reader *r)
{
    if (peek(r) != '@')
        return read_quoted(r, SYM_UNQUOTE);
    next(r);
    return read_quoted(r, SYM_UNQUOTE_SPLICING);
}

/* A datum, CLOSING, DOT, or END_OF_FILE. */
static value read_item(struct reader *r)
{
    depth_check(r->vm);
    for (;;) {
        int32_t c = peek(r);
        if (c < 0)
            return END_OF_FILE;
        if (is_delimiter(c) || c == '#')
            next(r);
        if (is_space(c))
            continue;
        bool comment = false;
        value v;
        switch (c) {
        case ';': skip_line(r); continue;
        case '(': return read_list(r);
        case ')': return CLOSING;
        case '"': return read_string(r);
        case '\'': return read_quoted(r, SYM_QUOTE);
        case '`': return read_quoted(r, SYM_QUASIQUOTE);
        case ',': return read_unquote(r);
        case '#':
            v = read_hash(r, &comment);
            if (comment)
                continue;
            return v;
        default: return read_atom(r);
        }
    }
}

static void patch(const struct reader *r)
{
    for (value l = r->patches; l != NIL; l = cdr(l)) {
        value container = car(car(l));
        size_t index = (size_t)fixnum_of(cdr(car(l)));
        value *slot = is_pair(container) ? (index == 0 ? &pair_of(container)->car : &pair_of(container)->cdr)
                                         : &vector_of(container)->item[index];
        mem_write(slot, box_of(*slot)->item);
    }
}

value read_datum(struct vm *vm, value port, bool note)
{
    struct reader r = { .vm = vm, .port = port, .note = note, .labels = NIL, .patches = NIL };
    if (note)
        positions_forget(vm);
    value v = read_item(&r);
    if (v == CLOSING || v == DOT)
        mistake(&r, v == DOT ? "a dot in the wrong place" : "a closing parenthesis too many", NIL);
    patch(&r);
    return v;
}
