/* Strings and symbols: texts in UTF-8, and texts that grow. char.c has characters and bytevectors.
 *
 * A string is one reference to a text whose size never changes. A character is replaced in place by one of as
 * many bytes; another one makes a new text. So whoever has read the reference works on memory that is there
 * and large enough, whatever other threads do to it. */
#include <stdlib.h>

#include "data.h"

/* ---- UTF-8 ------------------------------------------------------------------------------------------- */

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

/* ---- the index of a text --------------------------------------------------------------------------------

   A text with other characters than ASCII has behind its bytes where each 32nd character begins. It is filled
   in when somebody first asks for a character. Characters are never moved within a text, so whoever fills it
   in at the same time writes the same numbers. */
enum { FLAG_HAS_INDEX = 1, INDEX_STEP = 32 };

static size_t index_place(size_t count)
{
    return (count + sizeof(uint32_t)) & ~(sizeof(uint32_t) - 1); /* behind the last byte and a 0 */
}

struct text *text_sized(struct vm *vm, size_t count, size_t length)
{
    bool index = length < count && length > INDEX_STEP;
    size_t room = index ? index_place(count) + (length / INDEX_STEP + 1) * sizeof(uint32_t) : count + 1;
    struct text *t = bytes_new(vm, TYPE_TEXT, sizeof *t + room, count);
    t->head.flags = index ? FLAG_HAS_INDEX : 0;
    t->length = (uint32_t)length;
    return t;
}

/* From the byte at `at` on, so many characters further. */
static size_t skip_chars(const struct text *t, size_t at, size_t chars)
{
    for (; chars > 0 && at < t->head.count; chars--)
        do
            at++;
        while (at < t->head.count && (t->byte[at] & 0xc0) == 0x80);
    return at;
}

static const uint32_t *text_index(struct text *t)
{
    uint32_t *index = (uint32_t *)(void *)(t->byte + index_place(t->head.count));
    if (likely(__atomic_load_n(&t->indexed, __ATOMIC_ACQUIRE) != 0)) /* pairs with the release below */
        return index;
    size_t at = 0;
    for (size_t i = 0; i <= t->length / INDEX_STEP; i++, at = skip_chars(t, at, INDEX_STEP))
        __atomic_store_n(&index[i], (uint32_t)at, __ATOMIC_RELAXED);
    __atomic_store_n(&t->indexed, 1, __ATOMIC_RELEASE);
    return index;
}

size_t text_offset(struct text *t, size_t index)
{
    if (text_is_ascii(t))
        return index;
    if (!(t->head.flags & FLAG_HAS_INDEX))
        return skip_chars(t, 0, index);
    return skip_chars(t, text_index(t)[index / INDEX_STEP], index % INDEX_STEP);
}

/* ---- texts that grow --------------------------------------------------------------------------------- */

static void more_room(struct builder *b, size_t more)
{
    if (b->bytes == NULL && more <= sizeof b->small) {
        b->bytes = b->small;
        b->room = sizeof b->small;
        return;
    }
    size_t wanted = b->room * 2 > b->fill + more ? b->room * 2 : b->fill + more;
    struct text *larger = text_new(b->vm, NULL, wanted);
    if (b->fill > 0)
        memcpy(larger->byte, b->bytes, b->fill);
    b->bytes = larger->byte;
    b->room = wanted;
}

static char *make_room(struct builder *b, size_t more)
{
    if (unlikely(b->room - b->fill < more))
        more_room(b, more);
    return b->bytes + b->fill;
}

void build_bytes(struct builder *b, const char *bytes, size_t count)
{
    if (count == 0)
        return;
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
    struct text *t = text_sized(b->vm, b->fill, b->length);
    memcpy(t->byte, b->bytes, b->fill);
    return t;
}

value build_end(const struct builder *b)
{
    return string_of_text(b->vm, build_text(b));
}

/* ---- parts of texts ---------------------------------------------------------------------------------- */

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
    p.at = p.text->byte + text_offset(p.text, p.range.start);
    p.end = p.text->byte + text_offset(p.text, p.range.end);
    return p;
}

static value part_string(struct vm *vm, const struct part *p)
{
    struct text *t = text_sized(vm, (size_t)(p->end - p->at), p->range.end - p->range.start);
    memcpy(t->byte, p->at, (size_t)(p->end - p->at));
    return string_of_text(vm, t);
}

PRIMITIVE(p_string_copy)
{
    struct part p = part_of(vm, argc, argv, 0);
    return part_string(vm, &p);
}

/* ---- making strings ---------------------------------------------------------------------------------- */

PRIMITIVE(p_is_string) { return boolean(is_string(argv[0])); }

PRIMITIVE(p_make_string)
{
    size_t count = index_of(vm, argv[0], MAX_COUNT);
    char c[UTF8_MAX];
    size_t size = (size_t)utf8_put(c, argc > 1 ? check_char(vm, argv[1]) : ' ');
    struct text *t = text_sized(vm, count * size, count);
    for (size_t i = 0; i < count; i++)
        memcpy(t->byte + i * size, c, size);
    return string_of_text(vm, t);
}

PRIMITIVE(p_string)
{
    struct builder b = { .vm = vm };
    for (int i = 0; i < argc; i++)
        build_char(&b, check_char(vm, argv[i]));
    return build_end(&b);
}

/* Each string's text is read once, into its argument's place. */
PRIMITIVE(p_string_append)
{
    size_t count = 0, length = 0;
    for (int i = 0; i < argc; i++) {
        argv[i] = (value)check_text(vm, argv[i]);
        count += text_of(argv[i])->head.count;
        length += text_of(argv[i])->length;
    }
    struct text *t = text_sized(vm, count, length);
    char *at = t->byte;
    for (int i = 0; i < argc; i++) {
        memcpy(at, text_of(argv[i])->byte, text_of(argv[i])->head.count);
        at += text_of(argv[i])->head.count;
    }
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

/* ---- one character ----------------------------------------------------------------------------------- */

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
    struct text *t = check_text(vm, argv[0]);
    const char *at = t->byte + text_offset(t, char_index(vm, t, argv[1]));
    return char_value(utf8_get(&at, t->byte + t->head.count + 1)); /* the 0 behind it, at worst */
}

/* The bytes [at, end) become others, of as many characters. In place only where no character moves, for the
   sake of the index. */
static void replace(struct vm *vm, value string, const struct part *p, const char *bytes, size_t size,
                    size_t length)
{
    struct text *old = p->text;
    if ((size_t)(p->end - p->at) == size && (length == 1 || length == size)) {
        memmove(old->byte + (p->at - old->byte), bytes, size);
        return;
    }
    size_t before = (size_t)(p->at - old->byte), behind = old->head.count - (size_t)(p->end - old->byte);
    struct text *t = text_sized(vm, before + size + behind, old->length);
    memcpy(t->byte, old->byte, before);
    memcpy(t->byte + before, bytes, size);
    memcpy(t->byte + before + size, p->end, behind);
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
        replace(vm, argv[0], &p, b.bytes, b.fill, b.length);
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

/* ---- comparison -------------------------------------------------------------------------------------- */

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

static value compare(struct vm *vm, int argc, value *argv, unsigned wanted)
{
    return chain(vm, argc, argv, wanted, false);
}

static value compare_ci(struct vm *vm, int argc, value *argv, unsigned wanted)
{
    return chain(vm, argc, argv, wanted, true);
}

COMPARISONS(compare)
COMPARISONS(compare_ci)

static value with_case(struct vm *vm, value string, uint32_t (*map)(uint32_t))
{
    return string_of_text(vm, mapped(vm, check_text(vm, string), map));
}

PRIMITIVE(p_upcase) { return with_case(vm, argv[0], char_upcase); }
PRIMITIVE(p_downcase) { return with_case(vm, argv[0], char_downcase); }
PRIMITIVE(p_foldcase) { return with_case(vm, argv[0], char_foldcase); }

/* ---- symbols ----------------------------------------------------------------------------------------- */

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
    { "string?", p_is_string, 1, 1 },                    { "make-string", p_make_string, 1, 2 },
    { "string", p_string, 0, -1 },                       { "string-append", p_string_append, 0, -1 },
    { "list->string", p_list_to_string, 1, 1 },          { "vector->string", p_vector_to_string, 1, 3 },
    { "string->list", p_string_to_list, 1, 3 },          { "string->vector", p_string_to_vector, 1, 3 },
    { "string-copy", p_string_copy, 1, 3 },              { "substring", p_string_copy, 2, 3 },
    { "string-copy!", p_string_copy_to, 3, 5 },          { "string-fill!", p_string_fill, 2, 4 },
    { "string-length", p_string_length, 1, 1 },          { "string-ref", p_string_ref, 2, 2 },
    { "string-set!", p_string_set, 3, 3 },
    COMPARISON_ROWS(compare, "string", "?"),
    COMPARISON_ROWS(compare_ci, "string-ci", "?"),
    { "string-upcase", p_upcase, 1, 1 },
    { "string-downcase", p_downcase, 1, 1 },             { "string-foldcase", p_foldcase, 1, 1 },
    { "symbol?", p_is_symbol, 1, 1 },
    { "symbol->string", p_symbol_to_string, 1, 1 },      { "string->symbol", p_string_to_symbol, 1, 1 },
    { "symbol=?", p_symbol_equal, 1, -1 },
    { NULL, NULL, 0, 0 },
};
