/* What the files of data share among themselves (number.c, text.c, list.c, hash.c, port.c, reader.c,
 * printer.c); the rest of the interpreter needs scheme.h alone.
 *
 * Several threads may work on one object at a time. So whoever checks a slot and then uses it reads it once,
 * by load(), and what decides how far memory may be touched never changes once an object is seen. */
#ifndef SCHEME_DATA_H
#define SCHEME_DATA_H

#include <sched.h>
#include <time.h>

#include "scheme.h"

/* A slot's value. acquire: pairs with the release in mem_write(), so that what it leads to is complete. */
static inline value load(const value *slot)
{
    return __atomic_load_n(slot, __ATOMIC_ACQUIRE);
}

/* The compiler may drop a reference after its last use; native memory that hangs on it goes then, too. */
static inline void keep(value v)
{
    __asm__ __volatile__("" : : "r"(v) : "memory");
}

/* A primitive of a table; argc is what its row allows. */
#define PRIMITIVE(name)                                                                               \
    static value name(struct vm *vm __attribute__((unused)), int argc __attribute__((unused)),     \
                      value *argv __attribute__((unused)))

/* ---- arguments --------------------------------------------------------------------------------------- */

static inline value check(struct vm *vm, bool right, value v, const char *what)
{
    if (unlikely(!right))
        wrong_type(vm, v, what);
    return v;
}

static inline uint32_t check_char(struct vm *vm, value v)
{
    return char_of(check(vm, is_char(v), v, "a character"));
}

static inline struct bytevector *check_bytes(struct vm *vm, value v)
{
    return bytevector_of(check(vm, is_bytevector(v), v, "a bytevector"));
}

static inline uint8_t check_byte(struct vm *vm, value v)
{
    return (uint8_t)fixnum_of(check(vm, is_fixnum(v) && (uintptr_t)fixnum_of(v) < 256, v, "a byte"));
}

/* The string's text as it is now. */
static inline struct text *check_text(struct vm *vm, value v)
{
    return text_of(load(&string_of(check(vm, is_string(v), v, "a string"))->text));
}

/* The five comparisons of a sort of values, and their rows in a table. `chain` is a primitive with one more
   argument: which orders of neighbours are right. */
enum { BIT_LESS = 1, BIT_EQUAL = 2, BIT_GREATER = 4 };

#define COMPARISONS(chain)                                                                                   \
    PRIMITIVE(chain##_equal) { return chain(vm, argc, argv, BIT_EQUAL); }                                    \
    PRIMITIVE(chain##_less) { return chain(vm, argc, argv, BIT_LESS); }                                      \
    PRIMITIVE(chain##_greater) { return chain(vm, argc, argv, BIT_GREATER); }                                \
    PRIMITIVE(chain##_not_greater) { return chain(vm, argc, argv, BIT_LESS | BIT_EQUAL); }                   \
    PRIMITIVE(chain##_not_less) { return chain(vm, argc, argv, BIT_GREATER | BIT_EQUAL); }

#define COMPARISON_ROWS(chain, before, behind)                                                               \
    { before "=" behind, chain##_equal, 1, -1 }, { before "<" behind, chain##_less, 1, -1 },                 \
    { before ">" behind, chain##_greater, 1, -1 }, { before "<=" behind, chain##_not_greater, 1, -1 },       \
    { before ">=" behind, chain##_not_less, 1, -1 }

static inline value values_2(struct vm *vm, value a, value b)
{
    struct values *v = object_new(vm, TYPE_VALUES, 2, 0);
    mem_init(&v->item[0], a);
    mem_init(&v->item[1], b);
    return (value)v;
}

/* ---- lists ------------------------------------------------------------------------------------------- */

struct items { /* a list that grows at its end; NIL, NIL: empty */
    value first, last;
};

static inline void items_add(struct vm *vm, struct items *l, value v)
{
    value p = cons(vm, v, NIL);
    if (l->first == NIL)
        l->first = p;
    else
        set_cdr(l->last, p);
    l->last = p;
}

/* A list may be circular, also because another thread makes it so while we walk. A turtle stays behind, now
   and then further on; who meets it has gone round. */
struct walk {
    value at, turtle;
    size_t steps, rest;
};

static inline struct walk walk_from(value list)
{
    return (struct walk){ .at = list, .turtle = 0, .rest = 1024 };
}

/* To the next pair, or what stands at the end. False: round in a circle. */
static inline bool walk_on(struct walk *w)
{
    w->at = cdr(w->at);
    if (unlikely(++w->steps == w->rest)) {
        w->turtle = w->at;
        w->rest *= 2;
        mem_safepoint();
        return true;
    }
    return w->at != w->turtle;
}

static inline void walk_step(struct vm *vm, struct walk *w, value list)
{
    if (unlikely(!walk_on(w)))
        wrong_type(vm, list, "a proper list");
}

static inline void walk_end(struct vm *vm, const struct walk *w, value list)
{
    check(vm, w->at == NIL, list, "a proper list");
}

/* ---- numbers ---------------------------------------------------------------------------------------- */

enum { FIXNUM_DIGITS = 24 };
const char *fixnum_digits(char *room, intptr_t n); /* in the room, which has FIXNUM_DIGITS bytes */

/* ---- UTF-8 ------------------------------------------------------------------------------------------- */

enum { UTF8_MAX = 4, CHAR_MAX_CODE = 0x10ffff, CHAR_REPLACEMENT = 0xfffd };

static inline bool is_char_code(uint32_t c)
{
    return c <= CHAR_MAX_CODE && (c < 0xd800 || c > 0xdfff);
}

/* Writes a character and returns how many bytes it took. */
int utf8_put(char *out, uint32_t c);
/* The character at *at, which moves on, but not past end; bytes that are none read as U+FFFD. */
uint32_t utf8_get(const char **at, const char *end);
static inline bool text_is_ascii(const struct text *t)
{
    return t->length == t->head.count;
}

/* A text of so many bytes and characters, to be filled in at once: all zero. */
struct text *text_sized(struct vm *vm, size_t count, size_t length);
/* Where the character of an index begins in a text, as an offset; index is at most the length. */
size_t text_offset(struct text *t, size_t index);

uint32_t char_upcase(uint32_t c);
uint32_t char_downcase(uint32_t c);
uint32_t char_foldcase(uint32_t c);
const char *char_name(uint32_t c); /* reader.c: "space" and the like, or NULL */

value bytevector_copied(struct vm *vm, const void *bytes, size_t count); /* char.c */

/* ---- texts that grow --------------------------------------------------------------------------------- */

/* Lies on the C stack, and begins there; what is longer is managed, so that nothing is lost when an error
   jumps away. */
struct builder {
    struct vm *vm;
    char *bytes;
    size_t room, fill, length; /* bytes, bytes, characters */
    char small[96];
};

void build_bytes(struct builder *b, const char *bytes, size_t count); /* whole characters */
void build_char(struct builder *b, uint32_t c);
void build_string(struct builder *b, const char *s);
struct text *build_text(const struct builder *b); /* of just the right size */
value build_end(const struct builder *b);         /* a string */

/* ---- locks ------------------------------------------------------------------------------------------- */

/* A word in an object. Held for some instructions, in which nothing is allocated, raised or waited for; so a
 * lock that is not free is worth a nap only when its owner has been stopped. */
static inline void spin_lock(uint32_t *lock)
{
    /* acquire: pairs with the release in spin_unlock(). */
    for (int tries = 0; __atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE) != 0; tries++) {
        mem_safepoint();
        if (tries < 100) {
            sched_yield();
            continue;
        }
        mem_blocking_enter();
        nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
        mem_blocking_leave();
    }
}

static inline void spin_unlock(uint32_t *lock)
{
    /* release: pairs with the acquire in spin_lock(). */
    __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

/* ---- numbers for objects: hash.c --------------------------------------------------------------------- */

/* From objects (by address) to numbers that are not negative. Lies on the C stack, its vector in the heap. */
struct numbering {
    struct vm *vm;
    value slots; /* vector of keys and fixnums by turns; 0: none yet */
    size_t count;
};

intptr_t numbering_get(const struct numbering *n, value key); /* -1: not there */
void numbering_set(struct numbering *n, value key, intptr_t number);

/* Both halves of a product: each bit of h has its part in all of the result. */
static inline uint64_t hash_mix(uint64_t h)
{
    const uint64_t odd = UINT64_C(0xd6e8feb86659fd93);
    unsigned __int128 product = (unsigned __int128)(h ^ UINT64_C(0x9e3779b97f4a7c15)) * odd;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* ---- ports ------------------------------------------------------------------------------------------- */

bool *port_folds_case(value port); /* whether #!fold-case was read from it */

#endif
