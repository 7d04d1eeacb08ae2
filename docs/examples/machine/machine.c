/* The machine: stacks, calls, the loop over instructions, primitives. */
#include "machine.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { STACK_WORDS = 1 << 16 };

/* ---- stacks -------------------------------------------------------------------------------------- */

struct machine *machine_new(FILE *out)
{
    struct machine *m = grey_alloc_root(sizeof *m);
    value *stack = calloc(STACK_WORDS, sizeof(value));
    if (m == NULL || stack == NULL)
        goto no_memory;
    m->base = m->top = stack;
    m->limit = m->calls = stack + STACK_WORDS;
    m->out = out;
    if (!grey_stack_attach(stack, (void *const *)&m->top))
        goto no_memory;
    if (grey_stack_attach(stack + STACK_WORDS, (void *const *)&m->calls))
        return m;
    grey_stack_detach(stack);

no_memory:
    free(stack);
    grey_free(m);
    return NULL;
}

void machine_delete(struct machine *m)
{
    grey_stack_detach((void *)m->base); /* first: their memory goes */
    grey_stack_detach((void *)m->limit);
    free((void *)m->base);
    grey_free(m);
}

_Noreturn void machine_fail(struct machine *m, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(m->sentence, sizeof m->sentence, format, arguments);
    va_end(arguments);
    longjmp(m->mistake, 1);
}

value checked(struct machine *m, value v)
{
    if (v == NIL)
        machine_fail(m, "out of memory");
    return v;
}

static void push(struct machine *m, value v)
{
    if (m->top == m->calls)
        machine_fail(m, "too many values or calls");
    m->top++;
    m->top[-1] = v; /* no barrier: a value stack is private */
}

static value pop(struct machine *m)
{
    if (m->top == m->base)
        machine_fail(m, "the stack is empty");
    value v = m->top[-1];
    m->top--;
    return v;
}

static value pop_tagged(struct machine *m, enum tag tag, const char *what)
{
    value v = pop(m);
    if (!has_tag(v, tag))
        machine_fail(m, "not a %s", what);
    return v;
}

static intptr_t pop_integer(struct machine *m)
{
    value v = pop(m);
    if (!is_number(v))
        machine_fail(m, "not a number");
    return integer(v);
}

value machine_result(const struct machine *m)
{
    return m->top == m->base ? NIL : m->top[-1];
}

/* ---- calls --------------------------------------------------------------------------------------- */

enum { CALL_WORDS = 3 };

static void save_call(struct machine *m)
{
    if (m->calls - m->top < CALL_WORDS)
        machine_fail(m, "too many values or calls");
    m->calls -= CALL_WORDS; /* this stack grows down: first its top, then the values */
    m->calls[0] = m->code;
    m->calls[1] = number((intptr_t)m->at);
    m->calls[2] = m->frame;
}

static void restore_call(struct machine *m)
{
    m->code = m->calls[0];
    m->at = (size_t)integer(m->calls[1]);
    m->frame = m->calls[2];
    m->calls += CALL_WORDS;
}

static const struct vector *code_of(const struct machine *m)
{
    return (const struct vector *)m->code;
}

/* The arguments go from the stack into a frame; a function without parameters needs none. */
static value frame_for(struct machine *m, const struct closure *c)
{
    size_t n = c->parameters;
    if (n == 0)
        return c->frame;
    if ((size_t)(m->top - m->base) < n)
        machine_fail(m, "too few arguments");
    struct vector *f = (struct vector *)checked(m, vector_new(TAG_FRAME, FRAME_FIRST + n, NIL));
    grey_init(&f->item[FRAME_OUTER], c->frame);
    for (size_t i = n; i-- > 0;)
        grey_init(&f->item[FRAME_FIRST + i], pop(m));
    return &f->head;
}

static void call(struct machine *m, value v)
{
    if (!has_tag(v, TAG_CLOSURE))
        machine_fail(m, "not a function");
    grey_safepoint(); /* a loop is made of calls: a cooperative thread is stopped here */
    const struct closure *c = (const struct closure *)v;
    value frame = frame_for(m, c);
    if (integer(code_of(m)->item[m->at]) != OP_RETURN) /* else nothing is left to do here */
        save_call(m);
    m->code = c->code;
    m->frame = frame;
    m->at = CODE_FIRST;
}

/* ---- primitives ---------------------------------------------------------------------------------- */

static void push_truth(struct machine *m, bool b)
{
    push(m, b ? TRUE : NIL);
}

static void arithmetic(struct machine *m, char operation)
{
    intptr_t b = pop_integer(m), a = pop_integer(m);
    if ((operation == '/' || operation == '%') && b == 0)
        machine_fail(m, "division by zero");
    switch (operation) {
    case '+': push(m, number(a + b)); break;
    case '-': push(m, number(a - b)); break;
    case '*': push(m, number((intptr_t)((uintptr_t)a * (uintptr_t)b))); break; /* wraps around */
    case '/': push(m, number(a / b)); break;
    case '%': push(m, number(a % b)); break;
    default: push_truth(m, a < b);
    }
}

static void add(struct machine *m) { arithmetic(m, '+'); }
static void subtract(struct machine *m) { arithmetic(m, '-'); }
static void multiply(struct machine *m) { arithmetic(m, '*'); }
static void divide(struct machine *m) { arithmetic(m, '/'); }
static void rest_of(struct machine *m) { arithmetic(m, '%'); }
static void less(struct machine *m) { arithmetic(m, '<'); }

static void same(struct machine *m)
{
    value b = pop(m), a = pop(m);
    push_truth(m, a == b);
}

static void is_nil(struct machine *m)
{
    push_truth(m, pop(m) == NIL);
}

static void either(struct machine *m)
{
    value b = pop(m), a = pop(m);
    push(m, a != NIL ? a : b);
}

static void dup(struct machine *m)
{
    value v = pop(m);
    push(m, v);
    push(m, v);
}

static void drop(struct machine *m)
{
    pop(m);
}

static void cons(struct machine *m)
{
    value rest = pop(m), first = pop(m); /* on the C stack the collector sees them as well */
    push(m, checked(m, pair_new(first, rest)));
}

static void first(struct machine *m)
{
    push(m, ((struct pair *)pop_tagged(m, TAG_PAIR, "pair"))->first);
}

static void rest(struct machine *m)
{
    push(m, ((struct pair *)pop_tagged(m, TAG_PAIR, "pair"))->rest);
}

static void vector(struct machine *m)
{
    value fill = pop(m);
    intptr_t n = pop_integer(m);
    if (n < 0 || n > UINT32_MAX)
        machine_fail(m, "no length for a vector");
    push(m, checked(m, vector_new(TAG_VECTOR, (size_t)n, fill)));
}

static value *pop_slot(struct machine *m)
{
    intptr_t i = pop_integer(m);
    struct vector *v = (struct vector *)pop_tagged(m, TAG_VECTOR, "vector");
    if (i < 0 || i >= v->head.count)
        machine_fail(m, "no such item");
    return &v->item[i];
}

static void at(struct machine *m)
{
    push(m, *pop_slot(m));
}

static void put(struct machine *m)
{
    value v = pop(m);
    grey_write(pop_slot(m), v); /* into an object that others may see: with a barrier */
}

static void length(struct machine *m)
{
    value v = pop(m);
    if (!has_tag(v, TAG_STRING) && !has_tag(v, TAG_VECTOR))
        machine_fail(m, "it has no length");
    push(m, number(v->count));
}

static void text(struct machine *m)
{
    char digits[32];
    int n = snprintf(digits, sizeof digits, "%" PRIdPTR, pop_integer(m));
    push(m, checked(m, string_new(digits, (size_t)n)));
}

static void join(struct machine *m)
{
    value b = pop_tagged(m, TAG_STRING, "string"), a = pop_tagged(m, TAG_STRING, "string");
    push(m, checked(m, string_join(a, b)));
}

static void symbol(struct machine *m)
{
    push(m, checked(m, symbol_named(pop_tagged(m, TAG_STRING, "string"))));
}

static void buffer(struct machine *m)
{
    intptr_t n = pop_integer(m);
    if (n <= 0 || n > UINT32_MAX)
        machine_fail(m, "no size for a buffer");
    push(m, checked(m, buffer_new((size_t)n)));
}

static void collect(struct machine *m)
{
    (void)m;
    grey_collect();
}

static void print_value(FILE *out, value v)
{
    if (is_number(v))
        fprintf(out, "%" PRIdPTR, integer(v));
    else if (v == NIL || v == TRUE)
        fputs(v == NIL ? "nil" : "true", out);
    else if (has_tag(v, TAG_STRING))
        fputs(((struct string *)v)->text, out);
    else if (has_tag(v, TAG_SYMBOL))
        print_value(out, ((struct symbol *)v)->name);
    else if (has_tag(v, TAG_PAIR)) {
        const char *before = "(";
        for (; has_tag(v, TAG_PAIR); v = ((struct pair *)v)->rest, before = " ") {
            fputs(before, out);
            print_value(out, ((struct pair *)v)->first);
        }
        fputs(")", out);
    } else
        fputs("something", out);
}

static void print(struct machine *m)
{
    print_value(m->out, pop(m));
    fputc('\n', m->out);
}

static const struct {
    const char *name;
    void (*run)(struct machine *m);
} primitives[] = {
    { "+", add },         { "-", subtract }, { "*", multiply },   { "/", divide },   { "%", rest_of },
    { "<", less },        { "=", same },     { "nil?", is_nil },  { "or", either },  { "dup", dup },
    { "drop", drop },     { "cons", cons },  { "first", first },  { "rest", rest },  { "vector", vector },
    { "at", at },         { "put", put },    { "length", length }, { "text", text }, { "join", join },
    { "symbol", symbol }, { "print", print }, { "buffer", buffer }, { "collect", collect },
};

int primitive_find(const char *name, size_t bytes)
{
    for (size_t i = 0; i < sizeof primitives / sizeof primitives[0]; i++)
        if (strlen(primitives[i].name) == bytes && memcmp(primitives[i].name, name, bytes) == 0)
            return (int)i;
    return -1;
}

/* ---- instructions -------------------------------------------------------------------------------- */

static value operand(struct machine *m)
{
    return code_of(m)->item[m->at++];
}

static value *local(struct machine *m)
{
    struct vector *f = (struct vector *)m->frame;
    for (intptr_t outwards = integer(operand(m)); outwards > 0; outwards--)
        f = (struct vector *)f->item[FRAME_OUTER];
    return &f->item[integer(operand(m))];
}

static void global(struct machine *m)
{
    const struct symbol *s = (const struct symbol *)operand(m);
    if (s->defined == NULL)
        machine_fail(m, "%s is not defined", ((struct string *)s->name)->text);
    push(m, s->global);
}

static void choose(struct machine *m)
{
    value otherwise = pop(m), then = pop(m), condition = pop(m);
    call(m, condition != NIL ? then : otherwise);
}

static void run(struct machine *m)
{
    for (;;)
        switch ((enum operation)integer(operand(m))) {
        case OP_PUSH: push(m, operand(m)); break;
        case OP_LOCAL: push(m, *local(m)); break;
        case OP_SET_LOCAL: grey_write(local(m), pop(m)); break;
        case OP_GLOBAL: global(m); break;
        case OP_DEFINE: checked(m, symbol_define(operand(m), pop(m)) ? TRUE : NIL); break;
        case OP_CLOSURE: push(m, checked(m, closure_new(operand(m), m->frame))); break;
        case OP_PRIMITIVE: primitives[integer(operand(m))].run(m); break;
        case OP_CALL: call(m, pop(m)); break;
        case OP_IF: choose(m); break;
        case OP_RETURN:
            if (m->calls == m->limit)
                return;
            restore_call(m);
        }
}

bool machine_run(struct machine *m, const char *text)
{
    grey_state_save(&m->state);
    m->sentence[0] = '\0';
    m->top = m->base;
    m->calls = m->limit;
    if (setjmp(m->mistake) == 0) {
        m->code = read_program(m, text);
        m->frame = NIL;
        m->at = CODE_FIRST;
        run(m);
    } else {
        grey_state_restore(&m->state); /* sections that were open at the longjmp are closed */
    }
    return m->sentence[0] == '\0';
}
