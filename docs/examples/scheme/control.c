/* Code, continuations, conditions, records, parameters, and the process. */
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "expand.h"

extern char **environ;

/* ---- code -------------------------------------------------------------------------------------------- */

value code_new(struct vm *vm, const union insn *insn, size_t count, unsigned parameters, bool rest,
               unsigned registers, value name, value lines)
{
    size_t fixed = offsetof(struct code, insn) / sizeof(value) - 1;
    struct code *c = object_new(vm, TYPE_CODE, fixed + count + 2, 0);
    mem_init(&c->name, name);
    mem_init(&c->file, vm->source);
    mem_init(&c->lines, lines);
    c->parameters = (uint16_t)parameters;
    c->rest = rest;
    c->registers = (uint16_t)registers;
    mem_copy(&c->insn[0].word, &insn->word, count);
    c->insn[count].i = (struct operands){ OP_CALL, (uint16_t)(registers - 1), 1, (uint16_t)registers };
    c->insn[count + 1].i = (struct operands){ OP_BAD_RETURN, 0, 0, 0 };
    return (value)c;
}

size_t code_length(const struct code *c)
{
    return c->head.count - (offsetof(struct code, insn) / sizeof(value) - 1);
}

value closure_new(struct vm *vm, value code, size_t free_count)
{
    struct closure *c = object_new(vm, TYPE_CLOSURE, 1 + free_count, 0);
    c->head.extra = code_of(code)->rest != 0 ? ARITY_ANY : code_of(code)->parameters;
    mem_init(&c->code, code);
    for (size_t i = 0; i < free_count; i++)
        mem_init(&c->item[i], FALSE);
    return (value)c;
}

static int line_at(const struct code *c, const union insn *pc)
{
    size_t at = (size_t)(pc - c->insn);
    if (c->lines == FALSE || at >= code_length(c))
        return 0;
    const struct line *l = (const struct line *)bytevector_of(c->lines)->byte;
    size_t count = object_of(c->lines)->count / sizeof *l, i = 0;
    while (i + 1 < count && l[i + 1].at <= at)
        i++;
    return (int)l[i].line;
}

/* Writes "file:line" of the innermost frame whose code is of a file: what boot.scm's procedures were called for.
 * Calls in tail position leave none; then it is the form that was read last. */
static bool position_text(struct vm *vm, char *out, size_t size)
{
    const value *fp = vm->fp;
    const union insn *pc = vm->pc;
    value file = vm->source;
    int line = vm->form_line;
    for (int depth = 0; fp != NULL && depth < 100; depth++) {
        const struct code *c = code_of(closure_of(fp[-1])->code);
        if (c->file != FALSE) {
            file = c->file;
            line = line_at(c, pc);
            break;
        }
        const union insn *back = (const union insn *)fp[-2];
        if (back == &underflow_code[1])
            break;
        pc = back - 1;
        fp -= pc->i.a;
    }
    if (file == FALSE)
        return false;
    size_t n;
    const char *name = string_bytes(file, &n);
    snprintf(out, size, "%.*s:%d", (int)n, name, line);
    return true;
}

value source_position(struct vm *vm)
{
    char text[500];
    return vm->fp != NULL && position_text(vm, text, sizeof text) ? string_new(vm, text, strlen(text)) : FALSE;
}

/* ---- continuations -----------------------------------------------------------------------------------------
 *
 * Capturing moves the stack's words into an object and leaves the stack empty: its lowest frame returns to
 * what vm->underflow says. So frames are copied once however often continuations are captured above them, and
 * come back one at a time, when they are returned to. */

value continuation_capture(struct vm *vm, value *end, const union insn *pc)
{
    size_t words = (size_t)(end - vm->base), fixed = offsetof(struct continuation, word) / sizeof(value) - 1;
    struct continuation *k = object_new(vm, TYPE_CONTINUATION, fixed + words, 0);
    mem_init(&k->below, vm->underflow);
    mem_init(&k->winders, vm->winders);
    mem_init(&k->handlers, vm->handlers);
    mem_init(&k->parameters, vm->parameters);
    mem_init(&k->thread, vm->thread);
    mem_init(&k->below_pc, (value)vm->underflow_pc); /* addresses in code are references, too */
    k->below_words = vm->underflow_words;
    mem_init(&k->pc, (value)pc);
    k->words = words;
    mem_copy(k->word, vm->base, words);
    if (words > 0) { /* else all that is below is below already */
        vm->underflow = (value)k;
        vm->underflow_words = words;
        vm->underflow_pc = pc;
    }
    return (value)k;
}

const union insn *continuation_underflow(struct vm *vm, value **end)
{
    while (vm->underflow != FALSE && vm->underflow_words == 0) {
        const struct continuation *k = continuation_of(vm->underflow);
        vm->underflow = k->below;
        vm->underflow_words = k->below_words;
        vm->underflow_pc = (const union insn *)k->below_pc;
    }
    if (vm->underflow == FALSE)
        return NULL;
    const struct continuation *k = continuation_of(vm->underflow);
    const union insn *pc = vm->underflow_pc;
    size_t frame = pc[-1].i.a, rest = vm->underflow_words - frame;
    if (vm->top < vm->base + frame)
        vm->top = vm->base + frame;
    __asm__ __volatile__("" ::: "memory"); /* the top first: vm.c, F1 */
    memcpy(vm->base, k->word + rest, frame * sizeof(value));
    *end = vm->base + frame;
    vm->underflow_pc = (const union insn *)vm->base[0];
    vm->underflow_words = rest;
    if (rest == 0) {
        vm->underflow = k->below;
        vm->underflow_words = k->below_words;
        vm->underflow_pc = (const union insn *)k->below_pc;
    }
    vm->base[0] = (value)&underflow_code[1];
    return pc;
}

/* ---- conditions -------------------------------------------------------------------------------------- */

value condition_new(struct vm *vm, enum condition_kind kind, value message, value irritants)
{
    value where = source_position(vm);
    struct condition *c = object_new(vm, TYPE_CONDITION, 4, 0);
    c->head.extra = (uint16_t)kind;
    mem_init(&c->message, message);
    mem_init(&c->irritants, irritants);
    mem_init(&c->where, where);
    mem_init(&c->payload, FALSE);
    return (value)c;
}

_Noreturn void fail(struct vm *vm, enum condition_kind kind, value irritants, const char *format, ...)
{
    char text[400];
    int n = vm->running != NULL ? snprintf(text, 100, "%s: ", vm->running->name) : 0;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + n, sizeof text - (size_t)n, format, arguments);
    va_end(arguments);
    vm_raise(vm, condition_new(vm, kind, string_new(vm, text, strlen(text)), irritants));
}

_Noreturn void wrong_type(struct vm *vm, value got, const char *what)
{
    fail(vm, CONDITION_TYPE, cons(vm, got, NIL), "not %s", what);
}

_Noreturn void out_of_range(struct vm *vm, value got)
{
    fail(vm, CONDITION_RANGE, cons(vm, got, NIL), "out of range");
}

_Noreturn void too_deep(struct vm *vm)
{
    char *limit = vm->c_limit;
    vm->c_limit = NULL; /* what makes the condition has the last tenth */
    value text = string_format(vm, "stack overflow: the recursion is too deep");
    value c = condition_new(vm, CONDITION_DEPTH, text, NIL);
    vm->c_limit = limit;
    vm_raise(vm, c);
}

/* What is raised when there is not even memory for a condition; then vm->memory_where says where. And what is
 * given back so that there is: handlers need some. */
static value memory_condition;
static value memory_reserve;
enum { RESERVE_BYTES = 256 << 10 };

static void reserve_drop(void)
{
    value old = memory_reserve;
    if (old != FALSE && mem_compare_exchange(&memory_reserve, &old, FALSE))
        mem_free((void *)old);
}

void memory_reserve_make(struct vm *vm)
{
    if (memory_reserve != FALSE)
        return;
    struct object *o = mem_bytes(&vm->memory, RESERVE_BYTES);
    value none = FALSE;
    if (o != NULL) {
        *o = (struct object){ .type = TYPE_BYTEVECTOR };
        mem_compare_exchange(&memory_reserve, &none, (value)o);
    }
}

_Noreturn void out_of_memory(struct vm *vm)
{
    bool again = vm->no_memory;
    vm->no_memory = true;
    if (!again) {
        reserve_drop();
        if (vm->fp != NULL && !position_text(vm, vm->memory_where, sizeof vm->memory_where))
            vm->memory_where[0] = '\0';
        value c = condition_new(vm, CONDITION_MEMORY, string_new(vm, "out of memory", 13), NIL);
        vm->no_memory = false;
        vm_raise(vm, c);
    }
    vm->no_memory = false;
    vm_raise(vm, memory_condition);
}

value condition_text(struct vm *vm, value raised)
{
    value port = port_open_output_string(vm);
    value where = is_condition(raised) ? condition_of(raised)->where : vm->uncaught_where;
    if (where == FALSE && raised == memory_condition)
        port_write(vm, port, vm->memory_where, strlen(vm->memory_where));
    else if (where != FALSE)
        print_value(vm, port, where, PRINT_DISPLAY);
    if (where != FALSE || raised == memory_condition)
        port_write(vm, port, ": ", 2);
    if (!is_condition(raised)) {
        static const char text[] = "uncaught exception: ";
        port_write(vm, port, text, sizeof text - 1);
        print_value(vm, port, raised, PRINT_WRITE);
        return port_output_string(vm, port);
    }
    struct condition *c = condition_of(raised);
    print_value(vm, port, c->message, PRINT_DISPLAY);
    for (value i = c->irritants, first = i; is_pair(i); i = cdr(i)) {
        size_t n, limit = 500;
        value text = value_to_string(vm, car(i), PRINT_WRITE);
        const char *bytes = string_bytes(text, &n);
        port_write(vm, port, i == first ? ": " : " ", i == first ? 2 : 1);
        while (n > limit && ((unsigned char)bytes[limit] & 0xc0) == 0x80)
            limit--; /* whole characters */
        port_write(vm, port, bytes, n > limit ? limit : n);
        if (n > limit)
            port_write(vm, port, "...", 3);
    }
    return port_output_string(vm, port);
}

/* (error message irritant ...) */
static value p_error(struct vm *vm, int argc, value *argv)
{
    value irritants = NIL;
    for (int i = argc; i-- > 1;)
        irritants = cons(vm, argv[i], irritants);
    vm_raise(vm, condition_new(vm, CONDITION_ERROR, argv[0], irritants));
}

static value p_is_condition(struct vm *vm, int argc, value *argv)
{
    (void)vm, (void)argc;
    return boolean(is_condition(argv[0]));
}

static struct condition *condition_argument(struct vm *vm, value v)
{
    if (!is_condition(v))
        wrong_type(vm, v, "an error object");
    return condition_of(v);
}

static value p_condition_message(struct vm *vm, int argc, value *argv)
{
    (void)argc;
    return condition_argument(vm, argv[0])->message;
}

static value p_condition_irritants(struct vm *vm, int argc, value *argv)
{
    (void)argc;
    return condition_argument(vm, argv[0])->irritants;
}

static value p_condition_text(struct vm *vm, int argc, value *argv)
{
    (void)argc;
    return condition_text(vm, argv[0]);
}

static bool is_kind(value v, enum condition_kind kind)
{
    return is_condition(v) && object_of(v)->extra == kind;
}

static value p_is_memory_error(struct vm *vm, int argc, value *argv)
{
    (void)vm, (void)argc;
    return boolean(is_kind(argv[0], CONDITION_MEMORY));
}

static value p_is_file_error(struct vm *vm, int argc, value *argv)
{
    (void)vm, (void)argc;
    return boolean(is_kind(argv[0], CONDITION_FILE));
}

static value p_is_read_error(struct vm *vm, int argc, value *argv)
{
    (void)vm, (void)argc;
    return boolean(is_kind(argv[0], CONDITION_READ));
}

/* ---- the dynamic state: handlers, winders, parameters ------------------------------------------------ */

#define STATE(field)                                                                                  \
    static value p_##field(struct vm *vm, int argc, value *argv)                                      \
    {                                                                                                 \
        if (argc == 1)                                                                                \
            vm->field = argv[0];                                                                      \
        return vm->field;                                                                             \
    }
STATE(handlers)
STATE(winders)
STATE(parameters)

value parameter_value(struct vm *vm, value parameter)
{
    for (value p = vm->parameters; p != NIL; p = cdr(p))
        if (car(car(p)) == parameter)
            return cdr(car(p));
    return parameter_of(parameter)->global;
}

static value p_make_parameter(struct vm *vm, int argc, value *argv)
{
    (void)argc;
    struct parameter *p = object_new(vm, TYPE_PARAMETER, 2, 0);
    mem_init(&p->global, argv[0]);
    mem_init(&p->converter, argv[1]);
    return (value)p;
}

static value p_parameter_converter(struct vm *vm, int argc, value *argv)
{
    (void)argc;
    if (!is_parameter(argv[0]))
        wrong_type(vm, argv[0], "a parameter");
    return parameter_of(argv[0])->converter;
}

/* ---- procedures and values --------------------------------------------------------------------------- */

static value p_is_procedure(struct vm *vm, int argc, value *argv)
{
    (void)vm, (void)argc;
    value v = argv[0];
    return boolean(is_closure(v) || is_primitive(v) || is_continuation(v) || is_parameter(v));
}

static value p_values_list(struct vm *vm, int argc, value *argv)
{
    (void)argc;
    if (!is_values(argv[0]))
        return cons(vm, argv[0], NIL);
    value l = NIL;
    for (uint32_t i = object_of(argv[0])->count; i-- > 0;)
        l = cons(vm, values_of(argv[0])->item[i], l);
    return l;
}

static value p_continuation_winders(struct vm *vm, int argc, value *argv)
{
    (void)argc;
    if (!is_continuation(argv[0]))
        wrong_type(vm, argv[0], "a continuation");
    return continuation_of(argv[0])->winders;
}

/* (least . most) arguments that a procedure takes; most #f: any number */
static value p_arity(struct vm *vm, int argc, value *argv)
{
    (void)argc;
    intptr_t min = 0, max = -1;
    if (is_closure(argv[0])) {
        const struct code *c = code_of(closure_of(argv[0])->code);
        min = c->parameters - c->rest;
        max = c->rest != 0 ? -1 : min;
    } else if (is_primitive(argv[0])) {
        min = primitive_of(argv[0])->info->min;
        max = primitive_of(argv[0])->info->max;
    }
    return cons(vm, fixnum(min), max < 0 ? FALSE : fixnum(max));
}

/* ---- records: procedures of one instruction ---------------------------------------------------------- */

static value p_make_record_type(struct vm *vm, int argc, value *argv)
{
    (void)argc;
    intptr_t n = list_length(argv[1]);
    if (n < 0)
        wrong_type(vm, argv[1], "a list");
    value fields = vector_new(vm, (size_t)n, FALSE), f = argv[1];
    for (intptr_t i = 0; i < n; i++, f = cdr(f))
        mem_write(&vector_of(fields)->item[i], car(f));
    struct record_type *t = object_new(vm, TYPE_RECORD_TYPE, 2, 0);
    mem_init(&t->name, argv[0]);
    mem_init(&t->fields, fields);
    return (value)t;
}

static value record_procedure(struct vm *vm, value type, value name, unsigned parameters, struct operands what)
{
    if (!is_record_type(type))
        wrong_type(vm, type, "a record type");
    union insn code[] = { { .i = what } };
    value source = vm->source;
    vm->source = FALSE; /* errors are those of whoever calls it */
    value c = code_new(vm, code, 1, parameters, false, parameters + 3, name, FALSE);
    vm->source = source;
    value f = closure_new(vm, c, 2);
    mem_write(&closure_of(f)->item[0], type);
    return f;
}

/* (%record-maker type name (index of each argument's field ...)) */
static value p_record_maker(struct vm *vm, int argc, value *argv)
{
    (void)argc;
    intptr_t n = list_length(argv[2]), i = 0;
    if (n < 0 || n > 1000)
        wrong_type(vm, argv[2], "a short list");
    value f = record_procedure(vm, argv[0], argv[1], (unsigned)n,
                               (struct operands){ OP_RECORD_MAKE, 0, (uint16_t)n, 0 });
    value order = vector_new(vm, (size_t)n, FALSE);
    bool plain = true;
    for (value l = argv[2]; l != NIL; l = cdr(l), i++) {
        mem_write(&vector_of(order)->item[i], car(l));
        plain = plain && car(l) == fixnum(i);
    }
    if (!plain)
        mem_write(&closure_of(f)->item[1], order);
    return f;
}

static value p_record_test(struct vm *vm, int argc, value *argv)
{
    (void)argc;
    return record_procedure(vm, argv[0], argv[1], 1, (struct operands){ OP_RECORD_TEST, 0, 0, 0 });
}

static value p_record_getter(struct vm *vm, int argc, value *argv)
{
    (void)argc;
    uint16_t field = (uint16_t)index_of(vm, argv[2], 10000);
    return record_procedure(vm, argv[0], argv[1], 1, (struct operands){ OP_RECORD_REF, 0, 0, field });
}

static value p_record_setter(struct vm *vm, int argc, value *argv)
{
    (void)argc;
    uint16_t field = (uint16_t)index_of(vm, argv[2], 10000);
    return record_procedure(vm, argv[0], argv[1], 2, (struct operands){ OP_RECORD_SET, 0, 0, field });
}

/* ---- the process ------------------------------------------------------------------------------------- */

static value p_exit(struct vm *vm, int argc, value *argv)
{
    (void)vm;
    value v = argc == 0 ? TRUE : argv[0];
    exit(v == TRUE ? 0 : is_fixnum(v) ? (int)(fixnum_of(v) & 255) : 1);
}

static value p_emergency_exit(struct vm *vm, int argc, value *argv)
{
    (void)vm;
    value v = argc == 0 ? TRUE : argv[0];
    _exit(v == TRUE ? 0 : is_fixnum(v) ? (int)(fixnum_of(v) & 255) : 1);
}

static int command_count;
static char **command;

void command_line_set(int argc, char **argv)
{
    command_count = argc;
    command = argv;
}

static value p_command_line(struct vm *vm, int argc, value *argv)
{
    (void)argc, (void)argv;
    value l = NIL;
    for (int i = command_count; i-- > 0;)
        l = cons(vm, string_new(vm, command[i], strlen(command[i])), l);
    return l;
}

static value p_getenv(struct vm *vm, int argc, value *argv)
{
    (void)argc;
    size_t n;
    if (!is_string(argv[0]))
        wrong_type(vm, argv[0], "a string");
    const char *v = getenv(string_bytes(argv[0], &n));
    return v == NULL ? FALSE : string_new(vm, v, strlen(v));
}

static value p_environment(struct vm *vm, int argc, value *argv)
{
    (void)argc, (void)argv;
    value l = NIL;
    for (char **e = environ; *e != NULL; e++) {
        const char *is = strchr(*e, '=');
        if (is == NULL)
            continue;
        value name = string_new(vm, *e, (size_t)(is - *e));
        l = cons(vm, cons(vm, name, string_new(vm, is + 1, strlen(is + 1))), l);
    }
    return l;
}

static int64_t nanoseconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static value p_current_second(struct vm *vm, int argc, value *argv)
{
    (void)argc, (void)argv;
    return flonum(vm, (double)nanoseconds(CLOCK_REALTIME) / 1e9);
}

static value p_current_jiffy(struct vm *vm, int argc, value *argv)
{
    (void)argc, (void)argv;
    return integer_value(vm, nanoseconds(CLOCK_MONOTONIC));
}

static value p_jiffies_per_second(struct vm *vm, int argc, value *argv)
{
    (void)vm, (void)argc, (void)argv;
    return fixnum(1000000000);
}

static value p_features(struct vm *vm, int argc, value *argv)
{
    (void)argc, (void)argv;
    value l = NIL;
    for (int i = 0; scheme_features[i] != NULL; i++)
        l = cons(vm, symbol(vm, scheme_features[i]), l);
    return list_reverse(vm, l);
}

static value p_gc(struct vm *vm, int argc, value *argv)
{
    (void)vm, (void)argc, (void)argv;
    mem_collect();
    return VOID;
}

/* What a file that is being loaded is called in errors: (%source [string or #f]) */
static value p_source(struct vm *vm, int argc, value *argv)
{
    value old = vm->source;
    if (argc == 1)
        vm->source = argv[0];
    return old;
}

static value p_read_noted(struct vm *vm, int argc, value *argv)
{
    (void)argc;
    if (!is_port(argv[0]))
        wrong_type(vm, argv[0], "a port");
    return read_datum(vm, argv[0], true);
}

static value p_open_source(struct vm *vm, int argc, value *argv)
{
    (void)argc;
    size_t n;
    if (!is_string(argv[0]))
        wrong_type(vm, argv[0], "a string");
    return port_open_file(vm, string_bytes(argv[0], &n), true, false);
}

/* boot.scm tells of a procedure that the loop calls. */
static value p_known(struct vm *vm, int argc, value *argv)
{
    (void)vm, (void)argc;
    mem_write(&known[argv[0] == fixnum(0) ? KNOWN_RAISE : KNOWN_REWIND], argv[1]);
    return VOID;
}

/* ---- the tables -------------------------------------------------------------------------------------- */

const struct primitive_info control_primitives[] = {
    { "error", p_error, 1, -1 },
    { "error-object?", p_is_condition, 1, 1 },
    { "error-object-message", p_condition_message, 1, 1 },
    { "error-object-irritants", p_condition_irritants, 1, 1 },
    { "error-object->string", p_condition_text, 1, 1 },
    { "%memory-error?", p_is_memory_error, 1, 1 },
    { "file-error?", p_is_file_error, 1, 1 },
    { "read-error?", p_is_read_error, 1, 1 },
    { "%handlers", p_handlers, 0, 1 },
    { "%winders", p_winders, 0, 1 },
    { "%parameters", p_parameters, 0, 1 },
    { "%make-parameter", p_make_parameter, 2, 2 },
    { "%parameter-converter", p_parameter_converter, 1, 1 },
    { "procedure?", p_is_procedure, 1, 1 },
    { "%values->list", p_values_list, 1, 1 },
    { "%continuation-winders", p_continuation_winders, 1, 1 },
    { "%arity", p_arity, 1, 1 },
    { "%make-record-type", p_make_record_type, 2, 2 },
    { "%record-maker", p_record_maker, 3, 3 },
    { "%record-test", p_record_test, 2, 2 },
    { "%record-getter", p_record_getter, 3, 3 },
    { "%record-setter", p_record_setter, 3, 3 },
    { "%exit", p_exit, 0, 1 },
    { "emergency-exit", p_emergency_exit, 0, 1 },
    { "command-line", p_command_line, 0, 0 },
    { "get-environment-variable", p_getenv, 1, 1 },
    { "get-environment-variables", p_environment, 0, 0 },
    { "current-second", p_current_second, 0, 0 },
    { "current-jiffy", p_current_jiffy, 0, 0 },
    { "jiffies-per-second", p_jiffies_per_second, 0, 0 },
    { "features", p_features, 0, 0 },
    { "gc", p_gc, 0, 0 },
    { "%source", p_source, 0, 1 },
    { "%read-noted", p_read_noted, 1, 1 },
    { "load", p_open_source, 1, 1 }, /* boot.scm makes the whole of it */
    { "%known!", p_known, 2, 2 },
    { NULL, NULL, 0, 0 },
};

/* What the loop does itself. */
static const struct {
    struct primitive_info info;
    enum special special;
} specials[] = {
    { { "apply", NULL, 2, -1 }, SPECIAL_APPLY },
    { { "call-with-current-continuation", NULL, 1, 1 }, SPECIAL_CALLCC },
    { { "call/cc", NULL, 1, 1 }, SPECIAL_CALLCC },
    { { "values", NULL, 0, -1 }, SPECIAL_VALUES },
    { { "%apply-values", NULL, 2, 2 }, SPECIAL_APPLY_VALUES },
    { { "%throw", NULL, 1, -1 }, SPECIAL_THROW },
    { { "eval", NULL, 1, 2 }, SPECIAL_EVAL },
    { { "%uncaught", NULL, 1, 1 }, SPECIAL_UNCAUGHT },
};

void control_begin(struct vm *vm)
{
    mem_root_slots(&memory_condition, 1);
    mem_root_slots(&memory_reserve, 1);
    mem_write(&memory_condition, FALSE);
    mem_write(&memory_reserve, FALSE);
    memory_reserve_make(vm);
    mem_write(&memory_condition,
              condition_new(vm, CONDITION_MEMORY, string_new(vm, "out of memory", 13), NIL));
    primitives_define(vm, control_primitives);
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++)
        global_define(vm, symbol(vm, specials[i].info.name),
                      primitive_new(vm, &specials[i].info, (int)specials[i].special));
}
