/* Numbers as text, both ways. A flonum is written with as few digits as read back to the same one. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "number.h"

/* ---- from numbers ------------------------------------------------------------------------------------ */

enum { DIGITS_MAX = 17 }; /* enough for any double */

struct decimal { /* 0.d1d2d3... * 10^point */
    char digit[DIGITS_MAX + 1];
    int count, point;
};

static struct decimal decimal_of(const char *scientific) /* d.ddde+x, as printf has it */
{
    struct decimal d = { .point = atoi(strchr(scientific, 'e') + 1) + 1 };
    for (const char *c = scientific; *c != 'e'; c++)
        if (*c != '.')
            d.digit[d.count++] = *c;
    while (d.count > 1 && d.digit[d.count - 1] == '0')
        d.count--;
    return d;
}

/* Fifteen digits survive the way to a double and back, so one that needs fewer has zeros behind them; but
   below the normal ones there are fewer to begin with. */
static struct decimal shortest(double positive)
{
    char text[40];
    for (int digits = positive < DBL_MIN ? 1 : 15; digits <= DIGITS_MAX; digits++) {
        snprintf(text, sizeof text, "%.*e", digits - 1, positive);
        if (strtod(text, NULL) == positive)
            return decimal_of(text);
        /* What reads as a power of two reaches further up than down: the next one up may do. */
        if (digits == DIGITS_MAX - 1 && text[digits] != '9') {
            text[digits]++;
            if (strtod(text, NULL) == positive)
                return decimal_of(text);
        }
    }
    return decimal_of(text);
}

static void decimal_layout(char *out, const struct decimal *d)
{
    if (d->point > 21 || d->point < -5) {
        out += sprintf(out, "%c", d->digit[0]);
        if (d->count > 1)
            out += sprintf(out, ".%.*s", d->count - 1, d->digit + 1);
        sprintf(out, "e%d", d->point - 1);
    } else if (d->point <= 0) {
        sprintf(out, "0.%.*s%.*s", -d->point, "00000", d->count, d->digit);
    } else if (d->count <= d->point) {
        sprintf(out, "%.*s%.*s.0", d->count, d->digit, d->point - d->count, "00000000000000000000");
    } else {
        sprintf(out, "%.*s.%.*s", d->point, d->digit, d->count - d->point, d->digit + d->point);
    }
}

/* In another radix than ten: the integer, a point, and digits until nothing is left, or enough. */
static char *double_in_radix(double positive, int radix)
{
    enum { FRACTION_MAX = 1100 };
    mpz_t whole;
    mpz_init_set_d(whole, positive);
    char *out = malloc(mpz_sizeinbase(whole, radix) + FRACTION_MAX + 4);
    if (out != NULL) {
        mpz_get_str(out, radix, whole);
        char *end = out + strlen(out);
        *end++ = '.';
        double rest = positive - trunc(positive);
        for (int i = 0; i == 0 || (rest != 0 && i < FRACTION_MAX); i++) {
            rest *= radix;
            *end++ = "0123456789abcdefghijklmnopqrstuvwxyz"[(int)rest];
            rest -= trunc(rest);
        }
        *end = '\0';
    }
    mpz_clear(whole);
    return out;
}

static char *double_format(double d, int radix)
{
    if (isnan(d))
        return strdup("+nan.0");
    if (isinf(d))
        return strdup(d < 0 ? "-inf.0" : "+inf.0");
    char *text = NULL;
    if (radix != 10) {
        text = double_in_radix(fabs(d), radix);
    } else if ((text = malloc(40)) != NULL) {
        struct decimal digits = shortest(fabs(d));
        decimal_layout(text, &digits);
    }
    if (text == NULL || !signbit(d))
        return text;
    char *negative = malloc(strlen(text) + 2);
    if (negative != NULL)
        sprintf(negative, "-%s", text);
    free(text);
    return negative;
}

const char *fixnum_digits(char *room, intptr_t n)
{
    char *at = room + FIXNUM_DIGITS - 1;
    uintptr_t rest = n < 0 ? -(uintptr_t)n : (uintptr_t)n;
    *at = '\0';
    do
        *--at = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (n < 0)
        *--at = '-';
    return at;
}

char *number_format(value v, int radix)
{
    if (is_flonum(v))
        return double_format(flonum_of(v), radix);
    struct integer x;
    mpz_srcptr z = integer_view(v, &x);
    char *text = malloc(mpz_sizeinbase(z, radix) + 2);
    if (text != NULL)
        mpz_get_str(text, radix, z);
    keep(v);
    return text;
}

/* ---- to numbers -------------------------------------------------------------------------------------- */

struct literal { /* what is left of it lies from `at` to `end` */
    struct vm *vm;
    const char *at, *end;
    int radix;
    char exactness; /* 'e', 'i', or 0 */
};

static char lower(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c + ('a' - 'A'));
    return c;
}

static int digit_of(char c)
{
    c = lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

/* #x, #e and their like. False: something else follows a #. */
static bool prefixes(struct literal *l)
{
    for (; l->end - l->at >= 2 && *l->at == '#'; l->at += 2) {
        switch (lower(l->at[1])) {
        case 'x': l->radix = 16; break;
        case 'd': l->radix = 10; break;
        case 'o': l->radix = 8; break;
        case 'b': l->radix = 2; break;
        case 'e':
        case 'i': l->exactness = lower(l->at[1]); break;
        default: return false;
        }
    }
    return true;
}

static bool skip(struct literal *l, char wanted)
{
    if (l->at == l->end || lower(*l->at) != wanted)
        return false;
    l->at++;
    return true;
}

static size_t skip_digits(struct literal *l)
{
    const char *from = l->at;
    while (l->at < l->end && digit_of(*l->at) < l->radix)
        l->at++;
    return (size_t)(l->at - from);
}

/* Of `count` digits. */
static value integer_parse(const struct literal *l, const char *digits, size_t count)
{
    intptr_t n = 0;
    size_t i = 0;
    while (i < count && !__builtin_mul_overflow(n, (intptr_t)l->radix, &n) &&
           !__builtin_add_overflow(n, digit_of(digits[i]), &n))
        i++;
    if (i == count)
        return integer_value(l->vm, n);
    struct text *copy = text_new(l->vm, digits, count); /* that ends in 0, as GMP wants it */
    integer_begin(l->vm);
    mpz_t z;
    mpz_init_set_str(z, copy->byte, l->radix);
    keep((value)copy);
    return integer_end(l->vm, z);
}

/* Digits times 10^exponent, exactly; FALSE when that is no integer. */
static value exact_decimal(const struct literal *l, value digits, intptr_t exponent)
{
    if (exponent < -100000 || exponent > 100000)
        return FALSE;
    integer_begin(l->vm);
    mpz_t power;
    mpz_init(power);
    mpz_ui_pow_ui(power, 10, (unsigned long)labs(exponent));
    value factor = integer_end(l->vm, power);
    if (exponent >= 0)
        return number_multiply(l->vm, digits, factor);
    value whole = number_divide(l->vm, digits, factor);
    return is_exact(whole) ? whole : FALSE;
}

/* What begins like an integer but has a point or an exponent; `at` is where it begins. */
static value decimal_parse(struct literal *l, const char *at, size_t whole)
{
    struct vm *vm = l->vm;
    size_t fraction = skip(l, '.') ? skip_digits(l) : 0;
    if (whole + fraction == 0)
        return FALSE;
    const char *mantissa_end = l->at;
    intptr_t exponent = 0;
    if (skip(l, 'e')) {
        bool negative = skip(l, '-');
        if (!negative)
            skip(l, '+');
        const char *from = l->at;
        if (skip_digits(l) == 0)
            return FALSE;
        for (; from < l->at; from++)
            exponent = exponent < 1000000 ? exponent * 10 + (*from - '0') : exponent;
        exponent = negative ? -exponent : exponent;
    }
    if (l->at != l->end)
        return FALSE;
    struct text *copy = text_new(vm, at, (size_t)(l->end - at));
    if (l->exactness != 'e')
        return flonum(vm, strtod(copy->byte, NULL));
    struct text *digits = text_new(vm, NULL, whole + fraction);
    memcpy(digits->byte, at, whole);
    memcpy(digits->byte + whole, mantissa_end - fraction, fraction);
    value n = integer_parse(l, digits->byte, whole + fraction);
    keep((value)digits);
    return exact_decimal(l, n, exponent - (intptr_t)fraction);
}

static value infinity_parse(struct literal *l, bool negative)
{
    size_t left = (size_t)(l->end - l->at);
    if (left != 5 || l->exactness == 'e')
        return FALSE;
    char name[6] = { 0 };
    for (int i = 0; i < 5; i++)
        name[i] = lower(l->at[i]);
    if (strcmp(name, "nan.0") == 0)
        return flonum(l->vm, NAN);
    return strcmp(name, "inf.0") == 0 ? flonum(l->vm, negative ? -INFINITY : INFINITY) : FALSE;
}

static value unsigned_parse(struct literal *l)
{
    const char *from = l->at;
    size_t whole = skip_digits(l);
    if (l->radix == 10 && l->at < l->end && (*l->at == '.' || lower(*l->at) == 'e'))
        return decimal_parse(l, from, whole);
    if (whole == 0)
        return FALSE;
    value n = integer_parse(l, from, whole);
    if (skip(l, '/')) {
        from = l->at;
        size_t below = skip_digits(l);
        value d = integer_parse(l, from, below);
        if (d == fixnum(0))
            return FALSE;
        n = number_divide(l->vm, n, d);
        if (l->exactness == 'e' && is_flonum(n))
            return FALSE;
    }
    return l->at == l->end ? n : FALSE;
}

value number_parse(struct vm *vm, const char *bytes, size_t count, int radix)
{
    struct literal l = { .vm = vm, .at = bytes, .end = bytes + count, .radix = radix };
    if (!prefixes(&l))
        return FALSE;
    bool negative = skip(&l, '-'), sign = negative || skip(&l, '+');
    value v = unsigned_parse(&l);
    if (v == FALSE && sign)
        return infinity_parse(&l, negative);
    if (v == FALSE || (!negative && (l.exactness != 'i' || is_flonum(v))))
        return v;
    if (l.exactness == 'i' || is_flonum(v)) /* -0.0 is not 0 less 0.0 */
        return flonum(vm, negative ? -number_to_double(v) : number_to_double(v));
    return number_subtract(vm, fixnum(0), v);
}
