/* Strings and symbols: texts in UTF-8, and texts that grow. char.c has characters and bytevectors.
 *
 * A string is one reference to a text whose size never changes. Characters of the same number of bytes are
 * replaced in place; others, and string-copy! and string-fill! with them, make a new text. So whoever has
 * read the reference works on memory that is there and large enough, whatever other threads do to it. */
#include <stdlib.h>

#include "data.h"

/* ---- UTF-8 ------------------------------------------------------------------------------------------------ */

int utf8_put(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    for (int i = more; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)((0xf00 >> (more + 1) & 0xf0) | c);
    return more + 1;
}

/* Threads that race may leave any bytes in a text, so nothing is taken for granted here. */
uint32_t utf8_get(const char **at, const char *end)
{
    const unsigned char *p = (const unsigned char *)*at, *limit = (const unsigned char *)end;
    uint32_t c = *p++;
    int more = c < 0x80 ? 0 : c < 0xc2 ? -1 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : c < 0xf5 ? 3 : -1;
    bool right = more >= 0;
    if (more > 0) {
        static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
        int left = more;
        for (c &= 0x3f >> more; left > 0 && p < limit && (*p & 0xc0) == 0x80; left--)
            c = c << 6 | (*p++ & 0x3f);
        right = left == 0 && c >= least[more] && is_char_code(c);
    }
    *at = (const char *)p;
    return right ? c : CHAR_REPLACEMENT;
}

size_t text_offset(const struct text *t, size_t index)
{
    if (text_is_ascii(t))
        return index;
    size_t at = 0;
    for (; index > 0 && at < t->head.count; index--)
        do
            at++;
        while (at < t->head.count && (t->byte[at] & 0xc0) == 0x80);
    return at;
}

/* ---- texts that grow ------------------------------------------------------------------------------------------ */

static char *make_room(struct builder *b, size_t more)
{
    size_t room = b->text == NULL ? 0 : b->text->head.count;
    if (unlikely(room - b->fill < more)) {
        size_t wanted = room * 2 > b->fill + more ? room * 2 : b->fill + more;
        struct text *larger = text_new(b->vm, NULL, wanted < 40 ? 40 : wanted);
        if (b->text != NULL)
            memcpy(larger->byte, b->text->byte, b->fill);
        b->text = larger;
    }
    return b->text->byte + b->fill;
}

void build_bytes(struct builder *b, const char *bytes, size_t count)
{
    memcpy(make_room(b, count), bytes, count);
    b->fill += count;
    b->length += utf8_length(bytes, count);
}

void build_char(struct builder *b, uint32_t c)
{
    b->fill += (size_t)utf8_put(make_room(b, UTF8_MAX), c);
    b->length++;
}

void build_string(struct builder *b, const char *s)
{
    build_bytes(b, s, strlen(s));
}

struct text *build_text(const struct builder *b)
{
    if (b->fill == 0)
        return text_of(known[KNOWN_EMPTY_TEXT]);
    struct text *t = text_new(b->vm, NULL, b->fill);
    memcpy(t->byte, b->text->byte, b->fill);
    t->length = (uint32_t)b->length;
    return t;
}

value build_end(const struct builder *b)
{
    return string_of_text(b->vm, build_text(b));
}

/* ---- parts of texts -------------------------------------------------------------------------------------------- */

struct part { /* characters [start, end) of a text */
    struct text *text;
    struct range range;   /* in characters */
    const char *at, *end; /* in bytes */
};

/* The string argv[at], or the part of it that argv[at + 1] and argv[at + 2] say. */
static struct part part_of(struct vm *vm, int argc, value *argv, int at)
{
    struct part p = { .text = check_text(vm, argv[at]) };
    p.range = range_of(vm, argc, argv, at + 1, p.text->length);
    size_t start = text_offset(p.text, p.range.start);
    p.at = p.text->byte + start;
    p.end = p.text->byte + (p.range.end == p.text->length ? p.text->head.count : text_offset(p.text, p.range.end));
    return p;
}

static value part_string(struct vm *vm, const struct part *p)
{
    struct text *t = text_new(vm, NULL, (size_t)(p->end - p->at));
    memcpy(t->byte, p->at, (size_t)(p->end - p->at));
    t->length = (uint32_t)(p->range.end - p->range.start);
    return string_of_text(vm, t);
}

PRIMITIVE(p_string_copy)
{
    struct part p = part_of(vm, argc, argv, 0);
    return part_string(vm, &p);
}

/* ---- making strings ---------------------------------------------------------------------------------------------- */

PRIMITIVE(p_is_string) { return boolean(is_string(argv[0])); }

PRIMITIVE(p_make_string)
{
    size_t count = index_of(vm, argv[0], MAX_COUNT);
    char c[UTF8_MAX];
    size_t size = (size_t)utf8_put(c, argc > 1 ? check_char(vm, argv[1]) : ' ');
    struct text *t = text_new(vm, NULL, count * size);
    for (size_t i = 0; i < count; i++)
        memcpy(t->byte + i * size, c, size);
    t->length = (uint32_t)count;
    return string_of_text(vm, t);
}

PRIMITIVE(p_string)
{
    struct builder b = { .vm = vm };
    for (int i = 0; i < argc; i++)
        build_char(&b, check_char(vm, argv[i]));
    return build_end(&b);
}

PRIMITIVE(p_string_append)
{
    size_t count = 0, length = 0, fill = 0;
    for (int i = 0; i < argc; i++)
        count += check_text(vm, argv[i])->head.count;
    struct text *t = text_new(vm, NULL, count);
    for (int i = 0; i < argc; i++) {
        const struct text *next = check_text(vm, argv[i]);
        if (next->head.count > count - fill)
            out_of_range(vm, argv[i]); /* another thread has made it longer meanwhile */
        memcpy(t->byte + fill, next->byte, next->head.count);
        fill += next->head.count;
        length += next->length;
    }
    t->length = (uint32_t)length;
    if (fill < count) /* or shorter */
        return string_new(vm, t->byte, fill);
    return string_of_text(vm, t);
}

PRIMITIVE(p_list_to_string)
{
    struct builder b = { .vm = vm };
    struct walk w = walk_from(argv[0]);
    for (; is_pair(w.at); walk_step(vm, &w, argv[0]))
        build_char(&b, check_char(vm, car(w.at)));
    walk_end(vm, &w, argv[0]);
    return build_end(&b);
}

PRIMITIVE(p_vector_to_string)
{
    check(vm, is_vector(argv[0]), argv[0], "a vector");
    const struct vector *v = vector_of(argv[0]);
    struct range r = range_of(vm, argc, argv, 1, v->head.count);
    struct builder b = { .vm = vm };
    for (size_t i = r.start; i < r.end; i++)
        build_char(&b, check_char(vm, load(&v->item[i])));
    return build_end(&b);
}

PRIMITIVE(p_string_to_list)
{
    struct part p = part_of(vm, argc, argv, 0);
    struct items l = { NIL, NIL };
    while (p.at < p.end)
        items_add(vm, &l, char_value(utf8_get(&p.at, p.end)));
    return l.first;
}

PRIMITIVE(p_string_to_vector)
{
    struct part p = part_of(vm, argc, argv, 0);
    value v = vector_new(vm, p.range.end - p.range.start, NIL);
    for (size_t i = 0; p.at < p.end && i < vector_of(v)->head.count; i++)
        mem_write(&vector_of(v)->item[i], char_value(utf8_get(&p.at, p.end)));
    return v;
}

/* ---- one character ------------------------------------------------------------------------------------------------- */

PRIMITIVE(p_string_length) { return fixnum(check_text(vm, argv[0])->length); }

static size_t char_index(struct vm *vm, const struct text *t, value index)
{
    size_t i = index_of(vm, index, t->length);
    if (i == t->length)
        out_of_range(vm, index);
    return i;
}

PRIMITIVE(p_string_ref)
{
    const struct text *t = check_text(vm, argv[0]);
    const char *at = t->byte + text_offset(t, char_index(vm, t, argv[1]));
    return char_value(utf8_get(&at, t->byte + t->head.count + 1)); /* the 0 behind it, at worst */
}

/* The bytes [at, end) become others. */
static void replace(struct vm *vm, value string, const struct part *p, const char *bytes, size_t size,
                    size_t length)
{
    struct text *old = p->text;
    if ((size_t)(p->end - p->at) == size) {
        memmove(old->byte + (p->at - old->byte), bytes, size);
        return;
    }
    size_t before = (size_t)(p->at - old->byte), behind = old->head.count - (size_t)(p->end - old->byte);
    struct text *t = text_new(vm, NULL, before + size + behind);
    memcpy(t->byte, old->byte, before);
    memcpy(t->byte + before, bytes, size);
    memcpy(t->byte + before + size, p->end, behind);
    t->length = (uint32_t)(old->length - (p->range.end - p->range.start) + length);
    mem_write(&string_of(string)->text, (value)t);
}

PRIMITIVE(p_string_set)
{
    struct text *t = check_text(vm, argv[0]);
    size_t i = char_index(vm, t, argv[1]);
    uint32_t c = check_char(vm, argv[2]);
    if (c < 0x80 && text_is_ascii(t)) {
        t->byte[i] = (char)c;
        return VOID;
    }
    value range[] = { argv[0], argv[1], fixnum((intptr_t)i + 1) };
    struct part p = part_of(vm, 3, range, 0);
    char bytes[UTF8_MAX];
    replace(vm, argv[0], &p, bytes, (size_t)utf8_put(bytes, c), 1);
    return VOID;
}

PRIMITIVE(p_string_fill)
{
    uint32_t c = check_char(vm, argv[1]);
    argv[1] = argv[0]; /* the arguments of a part lie behind their string */
    struct part p = part_of(vm, argc, argv, 1);
    struct builder b = { .vm = vm };
    for (size_t i = p.range.start; i < p.range.end; i++)
        build_char(&b, c);
    if (b.fill > 0)
        replace(vm, argv[0], &p, b.text->byte, b.fill, b.length);
    return VOID;
}

PRIMITIVE(p_string_copy_to)
{
    struct part from = part_of(vm, argc, argv, 2);
    size_t length = from.range.end - from.range.start;
    const struct text *t = check_text(vm, argv[0]);
    size_t at = index_of(vm, argv[1], t->length);
    if (length > t->length - at)
        out_of_range(vm, argv[1]);
    value range[] = { argv[0], argv[1], fixnum((intptr_t)(at + length)) };
    struct part to = part_of(vm, 3, range, 0);
    replace(vm, argv[0], &to, from.at, (size_t)(from.end - from.at), length);
    return VOID;
}

/* ---- comparison ------------------------------------------------------------------------------------------------------ */

/* UTF-8 sorts as its characters do. */
static int compare_texts(const struct text *a, const struct text *b)
{
    size_t common = a->head.count < b->head.count ? a->head.count : b->head.count;
    int c = memcmp(a->byte, b->byte, common);
    return c != 0 ? c : (a->head.count > b->head.count) - (a->head.count < b->head.count);
}

static struct text *mapped(struct vm *vm, struct text *t, uint32_t (*map)(uint32_t))
{
    struct builder b = { .vm = vm };
    for (const char *at = t->byte, *end = at + t->head.count; at < end;)
        build_char(&b, map(utf8_get(&at, end)));
    return build_text(&b);
}

enum { BIT_LESS = 1, BIT_EQUAL = 2, BIT_GREATER = 4 };

static value chain(struct vm *vm, int argc, value *argv, unsigned wanted, bool fold)
{
    bool yes = true;
    struct text *last = NULL;
    for (int i = 0; i < argc; i++) {
        struct text *t = check_text(vm, argv[i]);
        if (fold)
            t = mapped(vm, t, char_foldcase);
        if (last != NULL) {
            int c = compare_texts(last, t);
            yes &= (c < 0 ? BIT_LESS : c == 0 ? BIT_EQUAL : BIT_GREATER) & wanted ? 1 : 0;
        }
        last = t;
    }
    return boolean(yes);
}

PRIMITIVE(p_equal) { return chain(vm, argc, argv, BIT_EQUAL, false); }
PRIMITIVE(p_less) { return chain(vm, argc, argv, BIT_LESS, false); }
PRIMITIVE(p_greater) { return chain(vm, argc, argv, BIT_GREATER, false); }
PRIMITIVE(p_less_equal) { return chain(vm, argc, argv, BIT_LESS | BIT_EQUAL, false); }
PRIMITIVE(p_greater_equal) { return chain(vm, argc, argv, BIT_GREATER | BIT_EQUAL, false); }
PRIMITIVE(p_equal_ci) { return chain(vm, argc, argv, BIT_EQUAL, true); }
PRIMITIVE(p_less_ci) { return chain(vm, argc, argv, BIT_LESS, true); }
PRIMITIVE(p_greater_ci) { return chain(vm, argc, argv, BIT_GREATER, true); }
PRIMITIVE(p_less_equal_ci) { return chain(vm, argc, argv, BIT_LESS | BIT_EQUAL, true); }
PRIMITIVE(p_greater_equal_ci) { return chain(vm, argc, argv, BIT_GREATER | BIT_EQUAL, true); }

static value with_case(struct vm *vm, value string, uint32_t (*map)(uint32_t))
{
    return string_of_text(vm, mapped(vm, check_text(vm, string), map));
}

PRIMITIVE(p_upcase) { return with_case(vm, argv[0], char_upcase); }
PRIMITIVE(p_downcase) { return with_case(vm, argv[0], char_downcase); }
PRIMITIVE(p_foldcase) { return with_case(vm, argv[0], char_foldcase); }

/* (string-contains text pattern): where, or #f. */
PRIMITIVE(p_string_contains)
{
    const struct text *t = check_text(vm, argv[0]), *pattern = check_text(vm, argv[1]);
    const char *found = memmem(t->byte, t->head.count, pattern->byte, pattern->head.count);
    return found == NULL ? FALSE : fixnum((intptr_t)utf8_length(t->byte, (size_t)(found - t->byte)));
}

/* ---- symbols ----------------------------------------------------------------------------------------------------------- */

static struct text *check_name(struct vm *vm, value v)
{
    check(vm, is_symbol(v), v, "a symbol");
    return symbol_text(v);
}

PRIMITIVE(p_is_symbol) { return boolean(is_symbol(argv[0])); }

PRIMITIVE(p_symbol_to_string)
{
    const struct text *name = check_name(vm, argv[0]);
    return string_new(vm, name->byte, name->head.count); /* a copy: strings can be changed */
}

PRIMITIVE(p_string_to_symbol)
{
    const struct text *t = check_text(vm, argv[0]);
    return symbol_new(vm, t->byte, t->head.count);
}

/* What nobody can name, for nothing enters it into the table. */
PRIMITIVE(p_generate_symbol)
{
    static uint64_t last;
    uint64_t number = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED); /* relaxed: a number of its own is all */
    value name = string_format(vm, "g%llu", (unsigned long long)number);
    struct symbol *s = object_new(vm, TYPE_SYMBOL, 3, sizeof s->hash);
    mem_init(&s->name, string_of(name)->text);
    mem_init(&s->global, UNBOUND);
    mem_init(&s->syntax, FALSE);
    s->hash = hash_mix(number);
    return (value)s;
}

PRIMITIVE(p_symbol_equal)
{
    bool yes = true;
    for (int i = 0; i < argc; i++) {
        check_name(vm, argv[i]);
        yes &= argv[i] == argv[0];
    }
    return boolean(yes);
}

const struct primitive_info text_primitives[] = {
    { "string?", p_is_string, 1, 1 },
    { "make-string", p_make_string, 1, 2 },
    { "string", p_string, 0, -1 },
    { "string-append", p_string_append, 0, -1 },
    { "list->string", p_list_to_string, 1, 1 },
    { "vector->string", p_vector_to_string, 1, 3 },
    { "string->list", p_string_to_list, 1, 3 },
    { "string->vector", p_string_to_vector, 1, 3 },
    { "string-copy", p_string_copy, 1, 3 },
    { "substring", p_string_copy, 2, 3 },
    { "string-copy!", p_string_copy_to, 3, 5 },
    { "string-fill!", p_string_fill, 2, 4 },
    { "string-length", p_string_length, 1, 1 },
    { "string-ref", p_string_ref, 2, 2 },
    { "string-set!", p_string_set, 3, 3 },
    { "string=?", p_equal, 1, -1 },
    { "string<?", p_less, 1, -1 },
    { "string>?", p_greater, 1, -1 },
    { "string<=?", p_less_equal, 1, -1 },
    { "string>=?", p_greater_equal, 1, -1 },
    { "string-ci=?", p_equal_ci, 1, -1 },
    { "string-ci<?", p_less_ci, 1, -1 },
    { "string-ci>?", p_greater_ci, 1, -1 },
    { "string-ci<=?", p_less_equal_ci, 1, -1 },
    { "string-ci>=?", p_greater_equal_ci, 1, -1 },
    { "string-upcase", p_upcase, 1, 1 },
    { "string-downcase", p_downcase, 1, 1 },
    { "string-foldcase", p_foldcase, 1, 1 },
    { "string-contains", p_string_contains, 2, 2 },
    { "symbol?", p_is_symbol, 1, 1 },
    { "symbol->string", p_symbol_to_string, 1, 1 },
    { "string->symbol", p_string_to_symbol, 1, 1 },
    { "generate-symbol", p_generate_symbol, 0, 0 },
    { "symbol=?", p_symbol_equal, 1, -1 },
    { NULL, NULL, 0, 0 },
};
