/* What the loop does seldom. Whatever raises here has been told where it is (vm.c, F3). */
#include "loop.h"

/* ---- slow paths -------------------------------------------------------------------------------------- */

const struct primitive_info *general[OP_COUNT];

void vm_general(enum operation op, const struct primitive_info *info)
{
    if (general[op] == NULL)
        general[op] = info;
}

value slowly(struct vm *vm, enum operation op, int count, value a, value b, value c)
{
    value v[3] = { a, b, c };
    vm->running = general[op];
    return general[op]->fn(vm, count, v);
}

_Noreturn void wrong_count(struct vm *vm, value f, int count)
{
    value name = FALSE;
    int min, max;
    if (is_closure(f)) {
        const struct code *c = code_of(closure_of(f)->code);
        name = c->name;
        min = c->parameters - c->rest;
        max = c->rest != 0 ? -1 : min;
    } else {
        const struct primitive_info *info = primitive_of(f)->info;
        name = symbol(vm, info->name);
        min = info->min;
        max = info->max;
    }
    const char *text = is_symbol(name) ? symbol_text(name)->byte : "a procedure";
    vm->running = NULL;
    const char *many = max < 0 ? "at least " : "";
    if (max > min)
        fail(vm, CONDITION_COUNT, NIL, "%s: wants %d to %d arguments, got %d", text, min, max, count);
    fail(vm, CONDITION_COUNT, NIL, "%s: wants %s%d argument%s, got %d arguments", text, many, min, min == 1 ? "" : "s",
         count);
}

void collect_rest(struct vm *vm, value f, value *argv, int count)
{
    const struct code *c = code_of(closure_of(f)->code);
    int required = c->parameters - c->rest;
    if (c->rest == 0 || count < required)
        wrong_count(vm, f, count);
    if (argv + c->registers > vm->limit)
        attend(vm, argv + c->registers);
    value rest = NIL;
    for (int i = count; i-- > required;)
        rest = cons(vm, argv[i], rest);
    if (vm->top < argv + c->registers)
        vm->top = argv + c->registers;
    FENCE();
    argv[required] = rest;
}

void make_room(struct vm *vm, value *argv, size_t count)
{
    if (argv + count + 8 > vm->limit)
        attend(vm, argv + count + 8);
    if (vm->top < argv + count + 8)
        vm->top = argv + count + 8;
    FENCE();
}

int spread(struct vm *vm, value *argv, int count, value items)
{
    intptr_t more = list_length(items);
    if (more < 0)
        wrong_type(vm, items, "a list");
    make_room(vm, argv, (size_t)(count + more));
    for (; is_pair(items); items = cdr(items))
        argv[count++] = car(items);
    return count;
}

value values_new(struct vm *vm, int count, const value *argv)
{
    if (count == 1)
        return argv[0];
    struct values *v = object_new(vm, TYPE_VALUES, (size_t)count, 0);
    for (int i = 0; i < count; i++)
        mem_init(&v->item[i], argv[i]);
    return (value)v;
}

_Noreturn void unbound(struct vm *vm, value name)
{
    vm->running = NULL;
    fail(vm, CONDITION_UNBOUND, NIL, "unbound variable: %s", symbol_text(name)->byte);
}

_Noreturn void uninitialized(struct vm *vm)
{
    vm->running = NULL;
    fail(vm, CONDITION_UNBOUND, NIL, "a variable is used before it has a value");
}

value make_box(struct vm *vm, value v)
{
    struct box *b = object_new(vm, TYPE_BOX, 1, 0);
    mem_init(&b->item, v);
    return (value)b;
}

void set_global(struct vm *vm, value name, value v)
{
    if (symbol_of(name)->global == UNBOUND)
        unbound(vm, name);
    symbol_of(name)->head.flags = 0;
    mem_write(&symbol_of(name)->global, v);
}

/* ---- records: the first free variable of their procedures is the type (control.c) -------------------- */
_Noreturn void not_of_type(struct vm *vm, value closure, value r)
{
    const struct record_type *type = record_type_of(closure_of(closure)->item[0]);
    value name = code_of(closure_of(closure)->code)->name;
    const char *what = is_symbol(type->name) ? symbol_text(type->name)->byte : "record of its type";
    const char *who = is_symbol(name) ? symbol_text(name)->byte : "a field";
    vm->running = NULL;
    fail(vm, CONDITION_TYPE, cons(vm, r, NIL), "%s: not a %s", who, what);
}

/* Fields that are no arguments are #f. The second free variable says where arguments go, if not in order. */
value record_make(struct vm *vm, const struct closure *closure, int count, const value *argv)
{
    const struct record_type *type = record_type_of(closure->item[0]);
    int fields = (int)object_of(type->fields)->count;
    struct record *r = object_new(vm, TYPE_RECORD, 1 + (size_t)fields, 0);
    mem_init(&r->type, (value)type);
    if (closure->item[1] == FALSE) {
        for (int i = 0; i < count; i++)
            mem_init(&r->item[i], argv[i]);
        for (int i = count; i < fields; i++)
            mem_init(&r->item[i], FALSE);
        return (value)r;
    }
    for (int i = 0; i < fields; i++)
        mem_init(&r->item[i], FALSE);
    for (int i = 0; i < count; i++)
        mem_write(&r->item[fixnum_of(vector_of(closure->item[1])->item[i])], argv[i]);
    return (value)r;
}
