/* Numbers from within: number.c has what they are, tower.c their procedures, numtext.c their texts. */
#ifndef SCHEME_NUMBER_H
#define SCHEME_NUMBER_H

#include <gmp.h>

#include "data.h"

/* ---- exact integers ---------------------------------------------------------------------------------- */

/* GMP's view of one, which lies on the C stack. Limbs in malloc's memory go with their object: keep(v) behind
   the last use. */
struct integer {
    mpz_t z;
    mp_limb_t limb;
};
mpz_srcptr integer_view(value v, struct integer *room);

/* Says whose error it is when GMP gets no memory; before any call of GMP's that may allocate. */
void integer_begin(struct vm *vm);
/* The value of z, which is gone afterwards. */
value integer_end(struct vm *vm, mpz_ptr z);
/* Before a result of so many limbs is computed: there is an end to it. */
void integer_check_limbs(struct vm *vm, double limbs);

typedef void integer_fn(mpz_ptr to, mpz_srcptr a, mpz_srcptr b);
value integer_compute(struct vm *vm, integer_fn *fn, value a, value b);
/* The nearest double to a / b. */
double integer_ratio(mpz_srcptr a, mpz_srcptr b);

/* ---- kinds and conversions --------------------------------------------------------------------------- */

static inline bool is_exact(value v)
{
    return is_fixnum(v) || is_bignum(v);
}

bool is_integer(value v); /* exact, or a flonum without a fraction */

static inline value check_number(struct vm *vm, value v)
{
    return check(vm, is_number(v), v, "a number");
}

static inline value check_integer(struct vm *vm, value v)
{
    return check(vm, is_integer(v), v, "an integer");
}

static inline value check_exact(struct vm *vm, value v)
{
    return check(vm, is_exact(v), v, "an exact integer");
}

double number_to_double(value v);               /* the nearest one */
value number_exact(struct vm *vm, double d);    /* of a double without a fraction */

/* ---- division, comparison ---------------------------------------------------------------------------- */

enum division { TRUNCATE_QUOTIENT, TRUNCATE_REMAINDER, FLOOR_QUOTIENT, FLOOR_REMAINDER };
value number_division(struct vm *vm, enum division kind, value a, value b);
_Noreturn void division_by_zero(struct vm *vm);

enum order { LESS = -1, EQUAL, GREATER, UNORDERED };
enum order number_compare(struct vm *vm, value a, value b);

#endif
