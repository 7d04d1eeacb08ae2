/* Characters and bytevectors. What letters are and how they change case, libc knows: its C.UTF-8 has all of
 * Unicode. Case is changed character by character. */
#include <locale.h>
#include <stdlib.h>
#include <wchar.h>
#include <wctype.h>

#include "data.h"

/* ---- characters -------------------------------------------------------------------------------------- */

static locale_t unicode; /* 0: libc has none, and ASCII is all */

void text_begin(struct vm *vm)
{
    (void)vm;
    unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

uint32_t char_upcase(uint32_t c)
{
    if (c < 0x80 || unicode == 0)
        return c >= 'a' && c <= 'z' ? c - 32 : c;
    return towupper_l(c, unicode);
}

uint32_t char_downcase(uint32_t c)
{
    if (c < 0x80 || unicode == 0)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    return towlower_l(c, unicode);
}

/* Over the upper case, so that the two small sigmas are one. */
uint32_t char_foldcase(uint32_t c)
{
    return char_downcase(char_upcase(c));
}

/* The zeros of decimal digits that are written in this world, each with its nine behind it. */
static const uint16_t zeros[] = {
    0x0030, 0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66,
    0x0de6, 0x0e50, 0x0ed0, 0x0f20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50,
    0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10,
};

static int digit_value(uint32_t c)
{
    for (size_t i = 0; i < sizeof zeros / sizeof *zeros; i++)
        if (c - zeros[i] < 10)
            return (int)(c - zeros[i]);
    return -1;
}

static bool is_alphabetic(uint32_t c)
{
    if (c < 0x80 || unicode == 0)
        return char_upcase(c) >= 'A' && char_upcase(c) <= 'Z';
    return iswalpha_l(c, unicode) && digit_value(c) < 0; /* libc takes foreign digits for letters */
}

static bool is_whitespace(uint32_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xa0 || c == 0x202f || c == 0x2007 || c == 0x85 ||
           (c >= 0x80 && unicode != 0 && iswspace_l(c, unicode));
}

PRIMITIVE(p_is_char) { return boolean(is_char(argv[0])); }
PRIMITIVE(p_is_alphabetic) { return boolean(is_alphabetic(check_char(vm, argv[0]))); }
PRIMITIVE(p_is_numeric) { return boolean(digit_value(check_char(vm, argv[0])) >= 0); }
PRIMITIVE(p_is_whitespace) { return boolean(is_whitespace(check_char(vm, argv[0]))); }

PRIMITIVE(p_is_upper)
{
    uint32_t c = check_char(vm, argv[0]);
    return boolean(char_downcase(c) != c || (unicode != 0 && iswupper_l(c, unicode)));
}

PRIMITIVE(p_is_lower)
{
    uint32_t c = check_char(vm, argv[0]);
    return boolean(char_upcase(c) != c || (unicode != 0 && iswlower_l(c, unicode)));
}

PRIMITIVE(p_upcase) { return char_value(char_upcase(check_char(vm, argv[0]))); }
PRIMITIVE(p_downcase) { return char_value(char_downcase(check_char(vm, argv[0]))); }
PRIMITIVE(p_foldcase) { return char_value(char_foldcase(check_char(vm, argv[0]))); }

PRIMITIVE(p_digit_value)
{
    int digit = digit_value(check_char(vm, argv[0]));
    return digit < 0 ? FALSE : fixnum(digit);
}

PRIMITIVE(p_char_to_integer) { return fixnum((intptr_t)check_char(vm, argv[0])); }

PRIMITIVE(p_integer_to_char)
{
    size_t c = index_of(vm, argv[0], CHAR_MAX_CODE);
    if (!is_char_code((uint32_t)c))
        out_of_range(vm, argv[0]);
    return char_value((uint32_t)c);
}

static value chain(struct vm *vm, int argc, value *argv, unsigned wanted, bool fold)
{
    bool yes = true;
    uint32_t last = check_char(vm, argv[0]);
    last = fold ? char_foldcase(last) : last;
    for (int i = 1; i < argc; i++) {
        uint32_t c = check_char(vm, argv[i]);
        c = fold ? char_foldcase(c) : c;
        yes &= (last < c ? BIT_LESS : last == c ? BIT_EQUAL : BIT_GREATER) & wanted ? 1 : 0;
        last = c;
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

/* ---- bytevectors ------------------------------------------------------------------------------------- */

static uint8_t *byte_at(struct vm *vm, value bytes, value index)
{
    struct bytevector *b = check_bytes(vm, bytes);
    size_t i = index_of(vm, index, b->head.count);
    if (i == b->head.count)
        out_of_range(vm, index);
    return &b->byte[i];
}

PRIMITIVE(p_is_bytevector) { return boolean(is_bytevector(argv[0])); }
PRIMITIVE(p_bytevector_length) { return fixnum(check_bytes(vm, argv[0])->head.count); }
PRIMITIVE(p_bytevector_ref) { return fixnum(*byte_at(vm, argv[0], argv[1])); }

PRIMITIVE(p_bytevector_set)
{
    uint8_t *at = byte_at(vm, argv[0], argv[1]);
    *at = check_byte(vm, argv[2]);
    return VOID;
}

PRIMITIVE(p_make_bytevector)
{
    size_t count = index_of(vm, argv[0], MAX_COUNT);
    uint8_t fill = argc > 1 ? check_byte(vm, argv[1]) : 0;
    value v = bytevector_new(vm, count);
    memset(bytevector_of(v)->byte, fill, count);
    return v;
}

PRIMITIVE(p_bytevector)
{
    value v = bytevector_new(vm, (size_t)argc);
    for (int i = 0; i < argc; i++)
        bytevector_of(v)->byte[i] = check_byte(vm, argv[i]);
    return v;
}

value bytevector_copied(struct vm *vm, const void *bytes, size_t count)
{
    value v = bytevector_new(vm, count);
    memcpy(bytevector_of(v)->byte, bytes, count);
    return v;
}

PRIMITIVE(p_bytevector_copy)
{
    const struct bytevector *b = check_bytes(vm, argv[0]);
    struct range r = range_of(vm, argc, argv, 1, b->head.count);
    return bytevector_copied(vm, b->byte + r.start, r.end - r.start);
}

PRIMITIVE(p_bytevector_copy_to)
{
    struct bytevector *to = check_bytes(vm, argv[0]);
    const struct bytevector *from = check_bytes(vm, argv[2]);
    size_t at = index_of(vm, argv[1], to->head.count);
    struct range r = range_of(vm, argc, argv, 3, from->head.count);
    if (r.end - r.start > to->head.count - at)
        out_of_range(vm, argv[1]);
    memmove(to->byte + at, from->byte + r.start, r.end - r.start);
    return VOID;
}

PRIMITIVE(p_bytevector_append)
{
    size_t count = 0;
    for (int i = 0; i < argc; i++)
        count += check_bytes(vm, argv[i])->head.count;
    value v = bytevector_new(vm, count);
    uint8_t *at = bytevector_of(v)->byte;
    for (int i = 0; i < argc; i++) {
        const struct bytevector *b = bytevector_of(argv[i]);
        memcpy(at, b->byte, b->head.count);
        at += b->head.count;
    }
    return v;
}

PRIMITIVE(p_utf8_to_string)
{
    const struct bytevector *b = check_bytes(vm, argv[0]);
    struct range r = range_of(vm, argc, argv, 1, b->head.count);
    struct builder text = { .vm = vm };
    for (const char *at = (const char *)b->byte + r.start, *end = (const char *)b->byte + r.end; at < end;)
        build_char(&text, utf8_get(&at, end)); /* what is no UTF-8 becomes U+FFFD */
    return build_end(&text);
}

PRIMITIVE(p_string_to_utf8)
{
    struct text *t = check_text(vm, argv[0]);
    struct range r = range_of(vm, argc, argv, 1, t->length);
    size_t start = text_offset(t, r.start), end = text_offset(t, r.end);
    return bytevector_copied(vm, t->byte + start, end - start);
}

const struct primitive_info char_primitives[] = {
    { "char?", p_is_char, 1, 1 },                        { "char-alphabetic?", p_is_alphabetic, 1, 1 },
    { "char-numeric?", p_is_numeric, 1, 1 },             { "char-whitespace?", p_is_whitespace, 1, 1 },
    { "char-upper-case?", p_is_upper, 1, 1 },            { "char-lower-case?", p_is_lower, 1, 1 },
    { "char-upcase", p_upcase, 1, 1 },                   { "char-downcase", p_downcase, 1, 1 },
    { "char-foldcase", p_foldcase, 1, 1 },               { "digit-value", p_digit_value, 1, 1 },
    { "char->integer", p_char_to_integer, 1, 1 },        { "integer->char", p_integer_to_char, 1, 1 },
    COMPARISON_ROWS(compare, "char", "?"),
    COMPARISON_ROWS(compare_ci, "char-ci", "?"),
    { "bytevector?", p_is_bytevector, 1, 1 },            { "bytevector", p_bytevector, 0, -1 },
    { "make-bytevector", p_make_bytevector, 1, 2 },      { "bytevector-length", p_bytevector_length, 1, 1 },
    { "bytevector-u8-ref", p_bytevector_ref, 2, 2 },     { "bytevector-u8-set!", p_bytevector_set, 3, 3 },
    { "bytevector-copy", p_bytevector_copy, 1, 3 },      { "bytevector-copy!", p_bytevector_copy_to, 3, 5 },
    { "bytevector-append", p_bytevector_append, 0, -1 }, { "utf8->string", p_utf8_to_string, 1, 3 },
    { "string->utf8", p_string_to_utf8, 1, 3 },
    { NULL, NULL, 0, 0 },
};
