/* Numbers: fixnums, exact integers of any size, flonums, and what the loop over instructions needs of them.
 * There are no fractions: what is no integer is a flonum, (/ 1 3) too. tower.c has the procedures.
 *
 * Exact integers that are no fixnums are computed by GMP. Small ones have their limbs in the object; the
 * limbs of others stay where GMP put them, in malloc's memory, of which the collector is told, and which a
 * cleanup frees when the object is gone. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "number.h"

/* ---- bignums ----------------------------------------------------------------------------------------- */

enum { LIMBS_INSIDE = 1024, LIMBS_MAX = 1 << 24 };

enum { FLAG_NEGATIVE = 1, FLAG_NATIVE = 2 };

struct bignum { /* bytes_new; count: bytes behind the header */
    struct object head;
    union {
        mp_limb_t limb[LIMBS_INSIDE]; /* count / 8 of them */
        mpz_ptr native;               /* FLAG_NATIVE: the cleanup's */
    };
};

static __thread struct vm *computing; /* whose error it is when GMP gets no memory */

static void *allocate(size_t bytes)
{
    void *p = malloc(bytes);
    if (p == NULL && computing != NULL)
        out_of_memory(computing); /* GMP loses what it has in hand; it cannot go on without memory */
    return p;
}

static void *reallocate(void *old, size_t old_bytes, size_t bytes)
{
    (void)old_bytes;
    void *p = realloc(old, bytes);
    if (p == NULL && computing != NULL)
        out_of_memory(computing);
    return p;
}

static void release(void *p, size_t bytes)
{
    (void)bytes;
    free(p);
}

__attribute__((constructor)) static void use_own_allocation(void)
{
    mp_set_memory_functions(allocate, reallocate, release);
}

void integer_begin(struct vm *vm)
{
    computing = vm;
}

mpz_srcptr integer_view(value v, struct integer *o)
{
    if (is_fixnum(v)) {
        intptr_t n = fixnum_of(v);
        o->limb = n < 0 ? -(mp_limb_t)n : (mp_limb_t)n;
        return mpz_roinit_n(o->z, &o->limb, n < 0 ? -1 : n != 0);
    }
    const struct bignum *b = (const struct bignum *)v;
    if (b->head.flags & FLAG_NATIVE)
        return b->native;
    mp_size_t n = (mp_size_t)(b->head.count / sizeof(mp_limb_t));
    return mpz_roinit_n(o->z, b->limb, b->head.flags & FLAG_NEGATIVE ? -n : n);
}

static ptrdiff_t native_bytes(mpz_srcptr z)
{
    return (ptrdiff_t)((size_t)z->_mp_alloc * sizeof(mp_limb_t) + sizeof *z);
}

static void native_release(void *z)
{
    mem_external(-native_bytes(z));
    mpz_clear(z);
    free(z);
}

static value native_new(struct vm *vm, mpz_ptr z)
{
    mem_finalizers_run();
    mpz_ptr own = malloc(sizeof *own);
    if (own == NULL) {
        mpz_clear(z);
        out_of_memory(vm);
    }
    *own = *z;
    struct bignum *b = mem_bytes(&vm->memory, sizeof b->head + sizeof(mpz_ptr));
    if (b == NULL || !mem_cleanup(b, native_release, own)) {
        mpz_clear(own);
        free(own);
        out_of_memory(vm);
    }
    b->native = own;
    b->head = (struct object){ .type = TYPE_BIGNUM, .flags = FLAG_NATIVE, .count = sizeof(mpz_ptr) };
    mem_external(native_bytes(own));
    return (value)b;
}

value integer_end(struct vm *vm, mpz_ptr z)
{
    if (mpz_fits_slong_p(z) && fits_fixnum(mpz_get_si(z))) {
        intptr_t n = mpz_get_si(z);
        mpz_clear(z);
        return fixnum(n);
    }
    size_t limbs = mpz_size(z), bytes = limbs * sizeof(mp_limb_t);
    if (limbs > LIMBS_INSIDE)
        return native_new(vm, z);
    struct bignum *b = mem_bytes(&vm->memory, sizeof b->head + bytes);
    if (b == NULL) {
        mpz_clear(z);
        out_of_memory(vm);
    }
    memcpy(b->limb, mpz_limbs_read(z), bytes);
    b->head = (struct object){ .type = TYPE_BIGNUM, .flags = mpz_sgn(z) < 0 ? FLAG_NEGATIVE : 0,
                               .count = (uint32_t)bytes };
    mpz_clear(z);
    return (value)b;
}

void integer_check_limbs(struct vm *vm, double limbs)
{
    if (limbs > LIMBS_MAX)
        out_of_memory(vm);
}

value integer_value(struct vm *vm, int64_t n)
{
    if (fits_fixnum(n))
        return fixnum(n);
    integer_begin(vm);
    mpz_t z;
    mpz_init_set_si(z, n);
    return integer_end(vm, z);
}

/* An integer that is no fixnum as the nearest double, ties to even: mpz_get_d cuts off. */
static double integer_to_double(mpz_srcptr z)
{
    size_t bits = mpz_sizeinbase(z, 2);
    if (bits <= DBL_MANT_DIG)
        return mpz_get_d(z);
    if (bits > DBL_MAX_EXP)
        return mpz_sgn(z) < 0 ? -INFINITY : INFINITY;
    /* The 64 bits at the top, the lowest of which also stands for all that follow. */
    size_t cut = bits > 64 ? bits - 64 : 0;
    mpz_t top;
    mpz_init(top);
    mpz_tdiv_q_2exp(top, z, cut);
    uint64_t m = mpz_get_ui(top) | (mpz_scan1(z, 0) < cut);
    mpz_clear(top);
    double d = ldexp((double)m, (int)cut);
    return mpz_sgn(z) < 0 ? -d : d;
}

double number_to_double(value v)
{
    if (is_fixnum(v))
        return (double)fixnum_of(v);
    if (is_flonum(v))
        return flonum_of(v);
    struct integer o;
    double d = integer_to_double(integer_view(v, &o));
    keep(v);
    return d;
}

value number_exact(struct vm *vm, double d)
{
    if (fabs(d) < 4e18)
        return fixnum((intptr_t)d);
    integer_begin(vm);
    mpz_t z;
    mpz_init_set_d(z, d);
    return integer_end(vm, z);
}

bool bignum_equal(value a, value b)
{
    struct integer x, y;
    bool same = mpz_cmp(integer_view(a, &x), integer_view(b, &y)) == 0;
    keep(a);
    keep(b);
    return same;
}

uint64_t number_hash(value v)
{
    if (is_fixnum(v))
        return hash_mix(v);
    if (is_flonum(v)) {
        uint64_t bits;
        memcpy(&bits, (const char *)v - TAG_FLONUM, sizeof bits);
        return hash_mix(bits + 1);
    }
    struct integer o;
    mpz_srcptr z = integer_view(v, &o);
    uint64_t h = bytes_hash((const char *)mpz_limbs_read(z), mpz_size(z) * sizeof(mp_limb_t));
    keep(v);
    return h;
}

/* ---- what kind of number ----------------------------------------------------------------------------- */

bool is_number(value v)
{
    return is_exact(v) || is_flonum(v);
}

bool is_integer(value v)
{
    return is_exact(v) || (is_flonum(v) && isfinite(flonum_of(v)) && trunc(flonum_of(v)) == flonum_of(v));
}

/* ---- arithmetic -------------------------------------------------------------------------------------- */

value integer_compute(struct vm *vm, integer_fn *fn, value a, value b)
{
    integer_begin(vm);
    struct integer x, y;
    mpz_srcptr i = integer_view(a, &x), j = integer_view(b, &y);
    integer_check_limbs(vm, (double)mpz_size(i) + (double)mpz_size(j));
    mpz_t to;
    mpz_init(to);
    fn(to, i, j);
    keep(a);
    keep(b);
    return integer_end(vm, to);
}

static inline bool both_exact(struct vm *vm, value a, value b)
{
    check_number(vm, a);
    check_number(vm, b);
    return !is_flonum(a) && !is_flonum(b);
}

value number_add(struct vm *vm, value a, value b)
{
    if (are_fixnums(a, b)) /* the sum of two fixnums is no more than an int64_t */
        return integer_value(vm, fixnum_of(a) + fixnum_of(b));
    if (both_exact(vm, a, b))
        return integer_compute(vm, mpz_add, a, b);
    return flonum(vm, number_to_double(a) + number_to_double(b));
}

value number_subtract(struct vm *vm, value a, value b)
{
    if (are_fixnums(a, b))
        return integer_value(vm, fixnum_of(a) - fixnum_of(b));
    if (both_exact(vm, a, b))
        return integer_compute(vm, mpz_sub, a, b);
    return flonum(vm, number_to_double(a) - number_to_double(b));
}

value number_multiply(struct vm *vm, value a, value b)
{
    intptr_t product;
    if (are_fixnums(a, b) && !__builtin_mul_overflow(fixnum_of(a), fixnum_of(b), &product))
        return integer_value(vm, product);
    if (both_exact(vm, a, b))
        return integer_compute(vm, mpz_mul, a, b);
    return flonum(vm, number_to_double(a) * number_to_double(b));
}

/* But for those below the normal ones, which may be rounded twice. A quotient of 66 bits or more, the lowest
   of which is set when something is left. */
double integer_ratio(mpz_srcptr a, mpz_srcptr b)
{
    ptrdiff_t shift = 66 - (ptrdiff_t)mpz_sizeinbase(a, 2) + (ptrdiff_t)mpz_sizeinbase(b, 2);
    mpz_t x, y;
    mpz_init_set(x, a);
    mpz_init_set(y, b);
    if (shift > 0)
        mpz_mul_2exp(x, x, (mp_bitcnt_t)shift);
    else
        mpz_mul_2exp(y, y, (mp_bitcnt_t)-shift);
    mpz_tdiv_qr(x, y, x, y);
    if (mpz_sgn(y) != 0)
        mpz_setbit(x, 0); /* of numbers below 0, too: the lowest bit is the same in their two's complement */
    double d = integer_to_double(x);
    mpz_clear(x);
    mpz_clear(y);
    return ldexp(d, (int)-shift);
}

_Noreturn void division_by_zero(struct vm *vm)
{
    fail(vm, CONDITION_ERROR, NIL, "division by zero");
}

value number_divide(struct vm *vm, value a, value b)
{
    bool exact = both_exact(vm, a, b);
    if (b == fixnum(0))
        division_by_zero(vm);
    if (!exact)
        return flonum(vm, number_to_double(a) / number_to_double(b));
    if (are_fixnums(a, b) && fixnum_of(a) % fixnum_of(b) == 0)
        return integer_value(vm, fixnum_of(a) / fixnum_of(b));
    integer_begin(vm);
    struct integer x, y;
    mpz_srcptr i = integer_view(a, &x), j = integer_view(b, &y);
    bool whole = mpz_divisible_p(i, j);
    double d = whole ? 0 : integer_ratio(i, j);
    keep(a);
    keep(b);
    return whole ? integer_compute(vm, mpz_divexact, a, b) : flonum(vm, d);
}

/* ---- division of integers ---------------------------------------------------------------------------- */

static integer_fn *const division_fn[] = { mpz_tdiv_q, mpz_tdiv_r, mpz_fdiv_q, mpz_fdiv_r };

static double double_division(enum division kind, double a, double b)
{
    double rest = fmod(a, b);
    if ((kind == FLOOR_QUOTIENT || kind == FLOOR_REMAINDER) && rest != 0 && (rest < 0) != (b < 0))
        rest += b;
    return kind == TRUNCATE_REMAINDER || kind == FLOOR_REMAINDER ? rest : nearbyint((a - rest) / b);
}

value number_division(struct vm *vm, enum division kind, value a, value b)
{
    check_integer(vm, a);
    check_integer(vm, b);
    if (is_flonum(a) || is_flonum(b)) {
        if (number_to_double(b) == 0)
            division_by_zero(vm);
        return flonum(vm, double_division(kind, number_to_double(a), number_to_double(b)));
    }
    if (b == fixnum(0))
        division_by_zero(vm);
    if (!are_fixnums(a, b))
        return integer_compute(vm, division_fn[kind], a, b);
    intptr_t x = fixnum_of(a), y = fixnum_of(b), quotient = x / y, rest = x % y;
    if ((kind == FLOOR_QUOTIENT || kind == FLOOR_REMAINDER) && rest != 0 && (rest < 0) != (y < 0)) {
        quotient--;
        rest += y;
    }
    return integer_value(vm, kind == TRUNCATE_REMAINDER || kind == FLOOR_REMAINDER ? rest : quotient);
}

value number_quotient(struct vm *vm, value a, value b)
{
    return number_division(vm, TRUNCATE_QUOTIENT, a, b);
}

value number_remainder(struct vm *vm, value a, value b)
{
    return number_division(vm, TRUNCATE_REMAINDER, a, b);
}

value number_modulo(struct vm *vm, value a, value b)
{
    return number_division(vm, FLOOR_REMAINDER, a, b);
}

/* ---- comparison -------------------------------------------------------------------------------------- */

static enum order order_of(int c)
{
    return c < 0 ? LESS : c > 0 ? GREATER : EQUAL;
}

/* Exactly, also of an integer with a double that is near: a transitive order. */
static enum order integer_with_double(value a, double d)
{
    if (isnan(d))
        return UNORDERED;
    if (is_fixnum(a) && fabs(d) < 4503599627370496.0)
        return (double)fixnum_of(a) < d ? LESS : (double)fixnum_of(a) > d ? GREATER : EQUAL;
    struct integer x;
    enum order o = order_of(mpz_cmp_d(integer_view(a, &x), d));
    keep(a);
    return o;
}

enum order number_compare(struct vm *vm, value a, value b)
{
    check_number(vm, a);
    check_number(vm, b);
    if (are_fixnums(a, b))
        return fixnum_of(a) < fixnum_of(b) ? LESS : a == b ? EQUAL : GREATER;
    if (is_flonum(a) && is_flonum(b)) {
        double x = flonum_of(a), y = flonum_of(b);
        return x < y ? LESS : x == y ? EQUAL : x > y ? GREATER : UNORDERED;
    }
    if (is_flonum(b))
        return integer_with_double(a, flonum_of(b));
    if (is_flonum(a)) {
        enum order o = integer_with_double(b, flonum_of(a));
        return o == UNORDERED ? o : -o;
    }
    struct integer x, y;
    enum order o = order_of(mpz_cmp(integer_view(a, &x), integer_view(b, &y)));
    keep(a);
    keep(b);
    return o;
}

bool number_less(struct vm *vm, value a, value b)
{
    return number_compare(vm, a, b) == LESS;
}

bool number_less_equal(struct vm *vm, value a, value b)
{
    enum order o = number_compare(vm, a, b);
    return o == LESS || o == EQUAL;
}

bool number_equal(struct vm *vm, value a, value b)
{
    return number_compare(vm, a, b) == EQUAL;
}

