/* Objects: kinds, constructors, the table of symbols, globals. */
#include <stdarg.h>
#include <stdlib.h>

#include "compile.h"

#ifndef SCHEME_LIBGC
grey_kind mem_slots_kind;

/* One callback does for all objects with references: how many there are is in the header, which was written
 * before the first of them and never changes. Words that are no references are ignored. */
static void trace_slots(void *object, struct grey_tracer *t)
{
    struct slots *o = object;
    grey_trace_words(t, o->item, o->head.count);
}
#else
#define trace_slots NULL
#endif

value known[KNOWN_COUNT];

/* ---- vectors, strings -------------------------------------------------------------------------------- */

value vector_new(struct vm *vm, size_t count, value fill)
{
    struct vector *v = object_new(vm, TYPE_VECTOR, count, 0);
    for (size_t i = 0; i < count; i++)
        mem_init(&v->item[i], fill);
    return (value)v;
}

value bytevector_new(struct vm *vm, size_t count)
{
    return (value)bytes_new(vm, TYPE_BYTEVECTOR, sizeof(struct bytevector) + count, count);
}

size_t utf8_length(const char *bytes, size_t count)
{
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        length += ((unsigned char)bytes[i] & 0xc0) != 0x80; /* all but continuation bytes */
    return length;
}

struct text *text_new(struct vm *vm, const char *bytes, size_t count)
{
    struct text *t = bytes_new(vm, TYPE_TEXT, sizeof *t + count + 1, count);
    if (bytes != NULL) {
        memcpy(t->byte, bytes, count);
        t->length = (uint32_t)utf8_length(bytes, count);
    }
    return t;
}

value string_of_text(struct vm *vm, struct text *t)
{
    struct string *s = object_new(vm, TYPE_STRING, 1, 0);
    mem_init(&s->text, (value)t);
    return (value)s;
}

value string_new(struct vm *vm, const char *bytes, size_t count)
{
    return string_of_text(vm, text_new(vm, bytes, count));
}

value string_format(struct vm *vm, const char *format, ...)
{
    char buffer[512];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(buffer, sizeof buffer, format, arguments);
    va_end(arguments);
    return string_new(vm, buffer, n < 0 ? 0 : (size_t)n < sizeof buffer ? (size_t)n : sizeof buffer - 1);
}

value list(struct vm *vm, int count, ...)
{
    value first = NIL, last = NIL;
    va_list items;
    va_start(items, count);
    for (int i = 0; i < count; i++) {
        value p = cons(vm, va_arg(items, value), NIL);
        if (first == NIL)
            first = p;
        else
            set_cdr(last, p);
        last = p;
    }
    va_end(items);
    return first;
}

/* ---- symbols ----------------------------------------------------------------------------------------- */

/* The table's key is the name, its value the symbol, which refers to its name: an entry lives as long as
 * somebody has the symbol. Globals are kept by a list (global_define). */
static pthread_mutex_t symbols_lock = PTHREAD_MUTEX_INITIALIZER;

static uint64_t name_hash(const void *key)
{
    const struct text *t = key;
    return bytes_hash(t->byte, t->head.count);
}

static bool same_name(const void *a, const void *b)
{
    const struct text *s = a, *t = b;
    return s->head.count == t->head.count && memcmp(s->byte, t->byte, t->head.count) == 0;
}

/* Finding and entering are two steps, so there is a lock; nothing under it raises. */
static value enter_symbol(struct vm *vm, struct symbol *s, struct text *t)
{
    mem_weak_table *table = (mem_weak_table *)known[KNOWN_SYMBOLS];
    mem_lock(&symbols_lock);
    value found = mem_weak_table_get(table, t);
    bool entered = found != 0 || mem_weak_table_put(table, t, (value)s);
    mem_unlock(&symbols_lock);
    if (!entered)
        out_of_memory(vm);
    return found != 0 ? found : (value)s;
}

value symbol_of_text(struct vm *vm, struct text *t)
{
    value found = mem_weak_table_get((mem_weak_table *)known[KNOWN_SYMBOLS], t);
    if (found != 0)
        return found;
    struct symbol *s = object_new(vm, TYPE_SYMBOL, 3, sizeof s->hash);
    mem_init(&s->name, (value)t);
    mem_init(&s->global, UNBOUND);
    mem_init(&s->syntax, FALSE);
    s->hash = name_hash(t);
    return enter_symbol(vm, s, t);
}

value symbol_new(struct vm *vm, const char *bytes, size_t count)
{
    return symbol_of_text(vm, text_new(vm, bytes, count));
}

value symbol(struct vm *vm, const char *name)
{
    return symbol_new(vm, name, strlen(name));
}

/* ---- globals ----------------------------------------------------------------------------------------- */

/* Who puts a symbol's first value or syntax there puts it on the list, too. Racing threads may put it there
 * twice, which does no harm. */
void global_keep(struct vm *vm, value name)
{
    struct symbol *s = symbol_of(name);
    if (s->global != UNBOUND || s->syntax != FALSE)
        return;
    value entry = cons(vm, name, NIL), old = known[KNOWN_GLOBALS];
    do
        set_cdr(entry, old);
    while (!mem_compare_exchange(&known[KNOWN_GLOBALS], &old, entry));
}

void global_define(struct vm *vm, value name, value v)
{
    struct symbol *s = symbol_of(name);
    global_keep(vm, name);
    s->head.flags = 0; /* code that is compiled from now on calls it */
    if (s->syntax != FALSE)
        mem_write(&s->syntax, FALSE);
    mem_write(&s->global, v);
}

value primitive_new(struct vm *vm, const struct primitive_info *info, int special)
{
    struct primitive *p = bytes_new(vm, TYPE_PRIMITIVE, sizeof *p, 0);
    p->head.extra = (uint16_t)special;
    p->fn = info->fn;
    p->info = info;
    return (value)p;
}

void primitives_define(struct vm *vm, const struct primitive_info *table)
{
    for (; table->name != NULL; table++)
        global_define(vm, symbol(vm, table->name), primitive_new(vm, table, 0));
}

/* ---- the beginning ----------------------------------------------------------------------------------- */

void kinds_begin(void)
{
    mem_begin(trace_slots);
}

static const char *const names[] = {
    [SYM_QUOTE] = "quote", [SYM_QUASIQUOTE] = "quasiquote", [SYM_UNQUOTE] = "unquote",
    [SYM_UNQUOTE_SPLICING] = "unquote-splicing", [SYM_DEFINE] = "define", [SYM_LAMBDA] = "lambda",
    [SYM_ELLIPSIS] = "...", [SYM_UNDERSCORE] = "_", [SYM_ELSE] = "else", [SYM_ARROW] = "=>",
    [SYM_BEGIN] = "begin", [SYM_IF] = "if", [SYM_LET] = "let", [SYM_SET] = "set!",
};

bool objects_begin(struct vm *vm)
{
    mem_weak_table *table = mem_weak_table_new(name_hash, same_name);
    if (table == NULL || !mem_root_slots(known, KNOWN_COUNT))
        return false;
    for (int i = 0; i < KNOWN_COUNT; i++)
        mem_write(&known[i], FALSE);
    mem_write(&known[KNOWN_SYMBOLS], (value)table);
    mem_write(&known[KNOWN_GLOBALS], NIL);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        mem_write(&known[i], symbol(vm, names[i]));
    mem_write(&known[KNOWN_EMPTY_TEXT], (value)text_new(vm, "", 0));
    return true;
}
