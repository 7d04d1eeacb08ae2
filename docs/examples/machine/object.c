/* Objects of the stack machine: kinds, trace callbacks, barriers, a weak table, a finalizer. */
#include "object.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static grey_kind vector_kind, closure_kind;
static const grey_type *pair_type, *symbol_type;

/* ---- trace callbacks: which words are references ------------------------------------------------- */

static void trace_vector(void *object, struct grey_tracer *t)
{
    struct vector *v = object;
    size_t count = v->head.count; /* read once: what follows relies on it */
    for (size_t i = 0; i < count; i++)
        grey_trace(t, &v->item[i]);
}

static void trace_closure(void *object, struct grey_tracer *t)
{
    struct closure *c = object;
    grey_trace(t, &c->code);
    grey_trace(t, &c->frame);
}

/* ---- objects ------------------------------------------------------------------------------------- */

/* The tag goes in first. */
static void *tagged(void *object, enum tag tag, size_t count)
{
    if (object != NULL)
        *(struct object *)object = (struct object){ .tag = tag, .count = (uint32_t)count };
    return object;
}

value pair_new(value first, value rest)
{
    struct pair *p = tagged(grey_alloc_typed(pair_type), TAG_PAIR, 2);
    if (p == NULL)
        return NIL;
    grey_init(&p->first, first); /* grey_init: nobody else has seen p, and nothing was allocated since */
    grey_init(&p->rest, rest);
    return &p->head;
}

value string_new(const char *text, size_t bytes)
{
    struct string *s = tagged(grey_alloc(GREY_NOSCAN, sizeof *s + bytes + 1), TAG_STRING, bytes);
    if (s == NULL)
        return NIL;
    memcpy(s->text, text, bytes); /* no references: no barrier. The byte behind them is 0 already */
    return &s->head;
}

value string_join(value a, value b)
{
    const struct string *left = (struct string *)a, *right = (struct string *)b;
    size_t n = left->head.count, bytes = n + right->head.count;
    struct string *s = tagged(grey_alloc(GREY_NOSCAN, sizeof *s + bytes + 1), TAG_STRING, bytes);
    if (s == NULL)
        return NIL;
    memcpy(s->text, left->text, n); /* left and right are on our stack: the allocation kept them */
    memcpy(s->text + n, right->text, right->head.count);
    return &s->head;
}

value vector_new(enum tag tag, size_t count, value fill)
{
    struct vector *v = tagged(grey_alloc(vector_kind, sizeof *v + count * sizeof(value)), tag, count);
    if (v == NULL)
        return NIL;
    for (size_t i = 0; i < count && fill != NIL; i++) /* NIL is 0, as all of a new object */
        grey_init(&v->item[i], fill);
    return &v->head;
}

value closure_new(value code, value frame)
{
    struct closure *c = tagged(grey_alloc(closure_kind, sizeof *c), TAG_CLOSURE, 0);
    if (c == NULL)
        return NIL;
    c->parameters = (size_t)integer(((struct vector *)code)->item[CODE_PARAMETERS]);
    grey_init(&c->code, code);
    grey_init(&c->frame, frame);
    return &c->head;
}

/* ---- buffers: memory outside the heap, freed by a finalizer -------------------------------------- */

static atomic_size_t made, freed;

/* Runs on a thread of the library's. */
static void buffer_gone(void *object, void *data)
{
    struct buffer *b = object;
    (void)data;
    free(b->bytes);
    b->bytes = NULL;
    grey_external(-(ptrdiff_t)b->head.count);
    atomic_fetch_add(&freed, 1);
}

value buffer_new(size_t bytes)
{
    struct buffer *b = tagged(grey_alloc(GREY_NOSCAN, sizeof *b), TAG_BUFFER, bytes);
    if (b == NULL)
        return NIL;
    b->bytes = malloc(bytes);
    if (b->bytes == NULL || !grey_finalizer_set(b, buffer_gone, NULL)) {
        free(b->bytes);
        return NIL;
    }
    atomic_fetch_add(&made, 1);
    grey_external((ptrdiff_t)bytes); /* so that cycles come in time for it */
    return &b->head;
}

size_t buffers_made(void)
{
    return atomic_load(&made);
}

size_t buffers_freed(void)
{
    return atomic_load(&freed);
}

/* ---- symbols: a weak table from names to symbols ------------------------------------------------- */

/* The table is a managed object; a handle holds it wherever static variables are no roots. */
static grey_handle *symbols;
static pthread_mutex_t symbols_lock = PTHREAD_MUTEX_INITIALIZER;

/* Who holds the lock may allocate, so a collection may wait for who waits for the lock: the wait is a
 * blocking region. */
static void lock_symbols(void)
{
    if (pthread_mutex_trylock(&symbols_lock) == 0)
        return;
    grey_blocking_enter();
    pthread_mutex_lock(&symbols_lock);
    grey_blocking_leave();
}

static uint64_t hash_name(const void *key)
{
    const struct string *s = key;
    uint64_t h = 1469598103934665603u; /* FNV-1a */
    for (size_t i = 0; i < s->head.count; i++)
        h = (h ^ (unsigned char)s->text[i]) * 1099511628211u;
    return h;
}

static bool same_name(const void *a, const void *b)
{
    const struct string *left = a, *right = b;
    return left->head.count == right->head.count && memcmp(left->text, right->text, left->head.count) == 0;
}

static value symbol_new(value name)
{
    struct symbol *s = tagged(grey_alloc_typed(symbol_type), TAG_SYMBOL, 0);
    if (s == NULL)
        return NIL;
    grey_init(&s->name, name);
    return &s->head;
}

/* The key is the name, the value the symbol, which refers to its name: so an entry lives exactly as long
 * as anybody has the symbol (or that very name). */
value symbol_named(value name)
{
    lock_symbols();
    grey_weak_table *table = grey_handle_get(symbols);
    value s = grey_weak_table_get(table, name);
    if (s == NIL) {
        s = symbol_new(name);
        if (s != NIL && !grey_weak_table_put(table, name, s))
            s = NIL;
    }
    pthread_mutex_unlock(&symbols_lock);
    return s;
}

/* The table alone would let a symbol go that no code mentions, and its global value with it. */
bool symbol_define(value symbol, value v)
{
    struct symbol *s = (struct symbol *)symbol;
    lock_symbols();
    if (s->defined == NULL)
        s->defined = grey_handle_create(s);
    bool kept = s->defined != NULL;
    pthread_mutex_unlock(&symbols_lock);
    if (kept)
        grey_write(&s->global, v); /* others have seen s: a barrier */
    return kept;
}

size_t symbols_count(void)
{
    return grey_weak_table_count(grey_handle_get(symbols));
}

/* ---- the beginning ------------------------------------------------------------------------------- */

void objects_begin(void)
{
    const uint64_t second_and_third = 6; /* bit i: the word at byte 8 * i is a reference */
    pair_type = grey_type_create(&(struct grey_type_info){ "pair", sizeof(struct pair), &second_and_third });
    symbol_type =
        grey_type_create(&(struct grey_type_info){ "symbol", sizeof(struct symbol), &second_and_third });
    vector_kind = grey_kind_create(&(struct grey_kind_info){ "vector", trace_vector });
    closure_kind = grey_kind_create(&(struct grey_kind_info){ "closure", trace_closure });
    symbols = grey_handle_create(
        grey_weak_table_create(&(struct grey_weak_table_info){ .hash = hash_name, .equal = same_name }));
    bool all = pair_type != NULL && symbol_type != NULL && vector_kind != 0 && closure_kind != 0;
    if (!all || symbols == NULL || grey_handle_get(symbols) == NULL)
        abort();
}
