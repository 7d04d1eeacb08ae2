/* The procedures of the numeric tower. */
#include <math.h>
#include <stdlib.h>

#include "number.h"

/* ---- comparison -------------------------------------------------------------------------------------- */

/* All arguments are looked at, so that a wrong one is an error wherever it stands. */
static value chain(struct vm *vm, int argc, value *argv, unsigned wanted)
{
    bool yes = true;
    check_number(vm, argv[0]);
    for (int i = 1; i < argc; i++)
        yes &= wanted >> (number_compare(vm, argv[i - 1], argv[i]) + 1) & 1;
    return boolean(yes);
}

COMPARISONS(chain)

static value extreme(struct vm *vm, int argc, value *argv, enum order wanted)
{
    value best = check_number(vm, argv[0]);
    bool inexact = is_flonum(best);
    for (int i = 1; i < argc; i++) {
        enum order o = number_compare(vm, argv[i], best);
        inexact |= is_flonum(argv[i]);
        if (o == wanted || (o == UNORDERED && isnan(number_to_double(argv[i]))))
            best = argv[i];
    }
    return inexact && !is_flonum(best) ? flonum(vm, number_to_double(best)) : best;
}

PRIMITIVE(p_max) { return extreme(vm, argc, argv, GREATER); }
PRIMITIVE(p_min) { return extreme(vm, argc, argv, LESS); }

/* ---- predicates -------------------------------------------------------------------------------------- */

PRIMITIVE(p_is_number) { return boolean(is_number(argv[0])); }

PRIMITIVE(p_is_rational)
{
    return boolean(is_exact(argv[0]) || (is_flonum(argv[0]) && isfinite(flonum_of(argv[0]))));
}

PRIMITIVE(p_is_integer) { return boolean(is_integer(argv[0])); }
PRIMITIVE(p_is_exact_integer) { return boolean(is_exact(argv[0])); }
PRIMITIVE(p_is_exact) { return boolean(is_exact(check_number(vm, argv[0]))); }
PRIMITIVE(p_is_inexact) { return boolean(is_flonum(check_number(vm, argv[0]))); }
/* An exact integer as 0, which is neither infinite nor not a number. */
static double check_double(struct vm *vm, value v)
{
    return is_flonum(check_number(vm, v)) ? flonum_of(v) : 0;
}

PRIMITIVE(p_is_finite) { return boolean(isfinite(check_double(vm, argv[0]))); }
PRIMITIVE(p_is_infinite) { return boolean(isinf(check_double(vm, argv[0]))); }
PRIMITIVE(p_is_nan) { return boolean(isnan(check_double(vm, argv[0]))); }
PRIMITIVE(p_is_zero) { return boolean(number_compare(vm, argv[0], fixnum(0)) == EQUAL); }
PRIMITIVE(p_is_positive) { return boolean(number_compare(vm, argv[0], fixnum(0)) == GREATER); }
PRIMITIVE(p_is_negative) { return boolean(number_compare(vm, argv[0], fixnum(0)) == LESS); }

static bool is_odd(struct vm *vm, value v)
{
    check_integer(vm, v);
    if (is_flonum(v))
        return fmod(flonum_of(v), 2) != 0;
    struct integer x;
    bool odd = mpz_odd_p(integer_view(v, &x));
    keep(v);
    return odd;
}

PRIMITIVE(p_is_odd) { return boolean(is_odd(vm, argv[0])); }
PRIMITIVE(p_is_even) { return boolean(!is_odd(vm, argv[0])); }

/* ---- + - * / and what is made of them ---------------------------------------------------------------- */

PRIMITIVE(p_add)
{
    value sum = argc == 0 ? fixnum(0) : check_number(vm, argv[0]);
    for (int i = 1; i < argc; i++)
        sum = number_add(vm, sum, argv[i]);
    return sum;
}

PRIMITIVE(p_multiply)
{
    value product = argc == 0 ? fixnum(1) : check_number(vm, argv[0]);
    for (int i = 1; i < argc; i++)
        product = number_multiply(vm, product, argv[i]);
    return product;
}

static value negate(struct vm *vm, value v)
{
    return is_flonum(v) ? flonum(vm, -flonum_of(v)) : number_subtract(vm, fixnum(0), v);
}

PRIMITIVE(p_subtract)
{
    if (argc == 1)
        return negate(vm, argv[0]);
    value rest = argv[0];
    for (int i = 1; i < argc; i++)
        rest = number_subtract(vm, rest, argv[i]);
    return rest;
}

PRIMITIVE(p_divide)
{
    if (argc == 1)
        return number_divide(vm, fixnum(1), argv[0]);
    value quotient = argv[0];
    for (int i = 1; i < argc; i++)
        quotient = number_divide(vm, quotient, argv[i]);
    return quotient;
}

PRIMITIVE(p_abs)
{
    if (is_flonum(argv[0]))
        return flonum(vm, fabs(flonum_of(argv[0])));
    return number_compare(vm, argv[0], fixnum(0)) == LESS ? negate(vm, argv[0]) : argv[0];
}

PRIMITIVE(p_square) { return number_multiply(vm, argv[0], argv[0]); }

/* gcd and lcm. Flonums go through exact integers and back. */
static value common(struct vm *vm, int argc, value *argv, integer_fn *fn, intptr_t first)
{
    value result = fixnum(first);
    bool inexact = false;
    for (int i = 0; i < argc; i++) {
        value v = check_integer(vm, argv[i]);
        inexact |= is_flonum(v);
        result = integer_compute(vm, fn, result, is_flonum(v) ? number_exact(vm, flonum_of(v)) : v);
    }
    return inexact ? flonum(vm, number_to_double(result)) : result;
}

PRIMITIVE(p_gcd) { return common(vm, argc, argv, mpz_gcd, 0); }
PRIMITIVE(p_lcm) { return common(vm, argc, argv, mpz_lcm, 1); }

/* ---- division of integers ---------------------------------------------------------------------------- */

PRIMITIVE(p_floor_quotient) { return number_division(vm, FLOOR_QUOTIENT, argv[0], argv[1]); }
PRIMITIVE(p_quotient) { return number_division(vm, TRUNCATE_QUOTIENT, argv[0], argv[1]); }
PRIMITIVE(p_remainder) { return number_division(vm, TRUNCATE_REMAINDER, argv[0], argv[1]); }
PRIMITIVE(p_modulo) { return number_division(vm, FLOOR_REMAINDER, argv[0], argv[1]); }

PRIMITIVE(p_floor_slash)
{
    value quotient = number_division(vm, FLOOR_QUOTIENT, argv[0], argv[1]);
    return values_2(vm, quotient, number_division(vm, FLOOR_REMAINDER, argv[0], argv[1]));
}

PRIMITIVE(p_truncate_slash)
{
    value quotient = number_division(vm, TRUNCATE_QUOTIENT, argv[0], argv[1]);
    return values_2(vm, quotient, number_division(vm, TRUNCATE_REMAINDER, argv[0], argv[1]));
}

/* ---- from flonums to integers, and back -------------------------------------------------------------- */

static value rounded(struct vm *vm, value v, double (*fn)(double))
{
    check_number(vm, v);
    return is_flonum(v) ? flonum(vm, fn(flonum_of(v))) : v;
}

PRIMITIVE(p_floor) { return rounded(vm, argv[0], floor); }
PRIMITIVE(p_ceiling) { return rounded(vm, argv[0], ceil); }
PRIMITIVE(p_truncate) { return rounded(vm, argv[0], trunc); }

PRIMITIVE(p_round)
{
    return rounded(vm, argv[0], nearbyint); /* ties to even, as the processor does unless told otherwise */
}

PRIMITIVE(p_inexact)
{
    check_number(vm, argv[0]);
    return is_flonum(argv[0]) ? argv[0] : flonum(vm, number_to_double(argv[0]));
}

PRIMITIVE(p_exact)
{
    check_number(vm, argv[0]);
    if (!is_flonum(argv[0]))
        return argv[0];
    if (!is_integer(argv[0]))
        fail(vm, CONDITION_RANGE, list(vm, 1, argv[0]), "no exact number is like this one");
    return number_exact(vm, flonum_of(argv[0]));
}

/* A double is m * 2^-e: the denominator is the power of two that makes it whole. */
PRIMITIVE(p_denominator)
{
    check_number(vm, argv[0]);
    if (!is_flonum(argv[0]))
        return fixnum(1);
    double d = flonum_of(argv[0]), power = 1;
    while (isfinite(d) && isfinite(power) && d * power != trunc(d * power))
        power *= 2;
    return flonum(vm, power);
}

PRIMITIVE(p_numerator)
{
    value denominator = p_denominator(vm, argc, argv);
    return is_flonum(argv[0]) ? flonum(vm, flonum_of(argv[0]) * flonum_of(denominator)) : argv[0];
}

/* The simplest fraction in [low, high], both positive: by continued fractions. */
static double simplest(double low, double high, int depth)
{
    double whole = floor(low);
    if (whole == low || depth == 0)
        return low;
    if (whole < floor(high))
        return whole + 1;
    return whole + 1 / simplest(1 / (high - whole), 1 / (low - whole), depth - 1);
}

PRIMITIVE(p_rationalize)
{
    double x = number_to_double(check_number(vm, argv[0]));
    double near = fabs(number_to_double(check_number(vm, argv[1])));
    double low = x - near, high = x + near, d;
    if (isnan(x) || isnan(near) || isinf(x) || isinf(near))
        d = isinf(near) ? (isfinite(x) ? 0 : NAN) : x + near - near;
    else
        d = low > 0 ? simplest(low, high, 60) : high < 0 ? -simplest(-high, -low, 60) : 0;
    bool exact = !is_flonum(argv[0]) && !is_flonum(argv[1]) && d == trunc(d);
    return exact ? number_exact(vm, d) : flonum(vm, d);
}

/* ---- roots, powers, functions of real numbers -------------------------------------------------------- */

PRIMITIVE(p_exact_integer_sqrt)
{
    check_exact(vm, argv[0]);
    if (number_compare(vm, argv[0], fixnum(0)) == LESS)
        out_of_range(vm, argv[0]);
    integer_begin(vm);
    struct integer x;
    mpz_t root, rest;
    mpz_init(root);
    mpz_init(rest);
    mpz_sqrtrem(root, rest, integer_view(argv[0], &x));
    value r = integer_end(vm, root);
    return values_2(vm, r, integer_end(vm, rest));
}

PRIMITIVE(p_sqrt)
{
    check_number(vm, argv[0]);
    struct integer x;
    if (is_exact(argv[0]) && mpz_perfect_square_p(integer_view(argv[0], &x)))
        return load(&((struct values *)p_exact_integer_sqrt(vm, argc, argv))->item[0]);
    return flonum(vm, sqrt(number_to_double(argv[0]))); /* there are no complex numbers: not a number */
}

static value power_exact(struct vm *vm, value base, uintptr_t exponent)
{
    intptr_t small = 1;
    uintptr_t left = is_fixnum(base) && exponent < 64 ? exponent + 1 : 0;
    while (left > 1 && !__builtin_mul_overflow(small, fixnum_of(base), &small))
        left--;
    if (left == 1)
        return integer_value(vm, small);
    integer_begin(vm);
    struct integer x;
    mpz_srcptr b = integer_view(base, &x);
    if (mpz_cmpabs_ui(b, 1) > 0)
        integer_check_limbs(vm, (double)mpz_sizeinbase(b, 2) / 64 * (double)exponent);
    mpz_t to;
    mpz_init(to);
    if (mpz_cmpabs_ui(b, 1) <= 0)
        exponent = exponent == 0 ? 0 : 2 - exponent % 2;
    mpz_pow_ui(to, b, exponent);
    keep(base);
    return integer_end(vm, to);
}

PRIMITIVE(p_expt)
{
    value base = check_number(vm, argv[0]), exponent = check_number(vm, argv[1]);
    if (!is_exact(base) || !is_exact(exponent))
        return flonum(vm, pow(number_to_double(base), number_to_double(exponent)));
    if (is_bignum(exponent)) {
        if (base != fixnum(0) && base != fixnum(1) && base != fixnum(-1))
            integer_check_limbs(vm, INFINITY);
        exponent = fixnum(is_odd(vm, exponent) ? 1 : 2); /* as good as any of its sort */
    }
    intptr_t n = fixnum_of(exponent);
    if (n >= 0)
        return power_exact(vm, base, (uintptr_t)n);
    if (base == fixnum(0))
        division_by_zero(vm);
    if (base == fixnum(1) || base == fixnum(-1))
        return power_exact(vm, base, -(uintptr_t)n);
    return flonum(vm, pow(number_to_double(base), (double)n));
}

/* fn of a number; exact `at` has the exact result `exact`. */
static value real(struct vm *vm, value v, double (*fn)(double), intptr_t at, intptr_t exact)
{
    check_number(vm, v);
    return v == fixnum(at) ? fixnum(exact) : flonum(vm, fn(number_to_double(v)));
}

PRIMITIVE(p_exp) { return real(vm, argv[0], exp, 0, 1); }

/* Of integers beyond all doubles, too. */
static double logarithm(struct vm *vm, value v)
{
    double d = number_to_double(check_number(vm, v));
    if (!isinf(d) || !is_bignum(v))
        return log(d);
    struct integer x;
    long exponent;
    double fraction = mpz_get_d_2exp(&exponent, integer_view(v, &x));
    keep(v);
    return log(fraction) + (double)exponent * 0.693147180559945309417;
}

PRIMITIVE(p_log)
{
    double d = logarithm(vm, argv[0]);
    if (argc == 2) {
        double base = number_to_double(check_number(vm, argv[1]));
        return flonum(vm, base == 2 && isfinite(d) ? log2(number_to_double(argv[0]))
                          : base == 10 && isfinite(d) ? log10(number_to_double(argv[0]))
                                                      : d / logarithm(vm, argv[1]));
    }
    return argv[0] == fixnum(1) ? fixnum(0) : flonum(vm, d);
}

PRIMITIVE(p_sin) { return real(vm, argv[0], sin, 0, 0); }
PRIMITIVE(p_cos) { return real(vm, argv[0], cos, 0, 1); }
PRIMITIVE(p_tan) { return real(vm, argv[0], tan, 0, 0); }
PRIMITIVE(p_asin) { return real(vm, argv[0], asin, 0, 0); }
PRIMITIVE(p_acos) { return real(vm, argv[0], acos, 1, 0); }

PRIMITIVE(p_atan)
{
    if (argc == 1)
        return real(vm, argv[0], atan, 0, 0);
    double y = number_to_double(check_number(vm, argv[0])), x = number_to_double(check_number(vm, argv[1]));
    return argv[0] == fixnum(0) && is_exact(argv[1]) && x > 0 ? fixnum(0) : flonum(vm, atan2(y, x));
}

/* ---- text -------------------------------------------------------------------------------------------- */

static int radix_of(struct vm *vm, int argc, value *argv)
{
    if (argc < 2)
        return 10;
    size_t radix = index_of(vm, argv[1], 36);
    if (radix < 2)
        out_of_range(vm, argv[1]);
    return (int)radix;
}

static value string_of_digits(struct vm *vm, const char *digits)
{
    return string_new(vm, digits, strlen(digits));
}

PRIMITIVE(p_number_to_string)
{
    char digits[FIXNUM_DIGITS];
    int radix = radix_of(vm, argc, argv);
    if (is_fixnum(check_number(vm, argv[0])) && radix == 10)
        return string_of_digits(vm, fixnum_digits(digits, fixnum_of(argv[0])));
    char *text = number_format(argv[0], radix);
    if (text == NULL)
        out_of_memory(vm);
    struct builder b = { .vm = vm };
    build_string(&b, text);
    free(text);
    return build_end(&b);
}

PRIMITIVE(p_string_to_number)
{
    const struct text *t = check_text(vm, argv[0]);
    return number_parse(vm, t->byte, t->head.count, radix_of(vm, argc, argv));
}

const struct primitive_info number_primitives[] = {
    { "number?", p_is_number, 1, 1 },                    { "complex?", p_is_number, 1, 1 },
    { "real?", p_is_number, 1, 1 },                      { "rational?", p_is_rational, 1, 1 },
    { "integer?", p_is_integer, 1, 1 },                  { "exact?", p_is_exact, 1, 1 },
    { "inexact?", p_is_inexact, 1, 1 },                  { "exact-integer?", p_is_exact_integer, 1, 1 },
    { "finite?", p_is_finite, 1, 1 },
    { "infinite?", p_is_infinite, 1, 1 },                { "nan?", p_is_nan, 1, 1 },
    COMPARISON_ROWS(chain, "", ""),
    { "zero?", p_is_zero, 1, 1 },
    { "positive?", p_is_positive, 1, 1 },                { "negative?", p_is_negative, 1, 1 },
    { "odd?", p_is_odd, 1, 1 },                          { "even?", p_is_even, 1, 1 },
    { "max", p_max, 1, -1 },                             { "min", p_min, 1, -1 },
    { "+", p_add, 0, -1 },                               { "*", p_multiply, 0, -1 },
    { "-", p_subtract, 1, -1 },                          { "/", p_divide, 1, -1 },
    { "abs", p_abs, 1, 1 },
    { "square", p_square, 1, 1 },                        { "floor/", p_floor_slash, 2, 2 },
    { "floor-quotient", p_floor_quotient, 2, 2 },        { "floor-remainder", p_modulo, 2, 2 },
    { "truncate/", p_truncate_slash, 2, 2 },             { "truncate-quotient", p_quotient, 2, 2 },
    { "truncate-remainder", p_remainder, 2, 2 },         { "quotient", p_quotient, 2, 2 },
    { "remainder", p_remainder, 2, 2 },                  { "modulo", p_modulo, 2, 2 },
    { "gcd", p_gcd, 0, -1 },                             { "lcm", p_lcm, 0, -1 },
    { "numerator", p_numerator, 1, 1 },                  { "denominator", p_denominator, 1, 1 },
    { "floor", p_floor, 1, 1 },                          { "ceiling", p_ceiling, 1, 1 },
    { "truncate", p_truncate, 1, 1 },                    { "round", p_round, 1, 1 },
    { "rationalize", p_rationalize, 2, 2 },              { "exp", p_exp, 1, 1 },
    { "log", p_log, 1, 2 },                              { "sin", p_sin, 1, 1 },
    { "cos", p_cos, 1, 1 },                              { "tan", p_tan, 1, 1 },
    { "asin", p_asin, 1, 1 },                            { "acos", p_acos, 1, 1 },
    { "atan", p_atan, 1, 2 },                            { "sqrt", p_sqrt, 1, 1 },
    { "exact-integer-sqrt", p_exact_integer_sqrt, 1, 1 },
    { "expt", p_expt, 2, 2 },                            { "inexact", p_inexact, 1, 1 },
    { "exact", p_exact, 1, 1 },                          { "exact->inexact", p_inexact, 1, 1 },
    { "inexact->exact", p_exact, 1, 1 },                 { "number->string", p_number_to_string, 1, 2 },
    { "string->number", p_string_to_number, 1, 2 },
    { NULL, NULL, 0, 0 },
};
