/* From forms to nodes: names, calls, bodies and definitions. macro.c expands macros on the way, forms.c has the
 * special forms that define nothing. */
#include "expand.h"

/* ---- the arena --------------------------------------------------------------------------------------- */

enum { ARENA_BYTES = 30000 };
struct arena {
    struct arena *next; /* older and full */
    size_t used;
    char byte[ARENA_BYTES];
};

void *arena_alloc(struct vm *vm, size_t bytes)
{
    bytes = (bytes + 15) / 16 * 16;
    if (vm->arena == NULL || vm->arena->used + bytes > ARENA_BYTES) {
        size_t more = bytes > ARENA_BYTES ? bytes - ARENA_BYTES : 0; /* one that is full at once */
        struct arena *a = mem_root_block(sizeof *a + more);
        if (a == NULL)
            out_of_memory(vm);
        a->next = vm->arena;
        vm->arena = a;
    }
    void *p = vm->arena->byte + vm->arena->used;
    vm->arena->used += bytes;
    return p;
}

/* Keeps one for the next form. */
void arena_reset(struct vm *vm)
{
    while (vm->arena != NULL && (vm->arena->next != NULL || vm->arena->used > ARENA_BYTES)) {
        struct arena *a = vm->arena;
        vm->arena = a->next;
        mem_root_free(a);
    }
    if (vm->arena != NULL) {
        memset(vm->arena->byte, 0, vm->arena->used);
        vm->arena->used = 0;
    }
}

void arena_free(struct vm *vm)
{
    while (vm->arena != NULL) {
        struct arena *a = vm->arena;
        vm->arena = a->next;
        mem_root_free(a);
    }
}

/* ---- nodes ------------------------------------------------------------------------------------------- */

_Noreturn void bad_syntax(struct context *x, value form, const char *message)
{
    struct vm *vm = x->vm;
    value irritants = form == VOID ? NIL : cons(vm, strip(x, form), NIL);
    if (x->line > 0 && vm->source != FALSE) {
        size_t n;
        const char *name = string_bytes(vm->source, &n);
        value where = string_format(vm, "%.*s:%d", (int)n, name, x->line);
        value v = condition_new(vm, CONDITION_SYNTAX, string_format(vm, "syntax: %s", message), irritants);
        mem_write(&condition_of(v)->where, where);
        vm_raise(vm, v);
    }
    vm->running = NULL;
    fail(vm, CONDITION_SYNTAX, irritants, "syntax: %s", message);
}

struct node *node_new(struct context *x, enum node_type type)
{
    struct node *n = arena_alloc(x->vm, sizeof *n);
    n->type = type;
    n->line = x->line;
    n->label = -1;
    return n;
}

struct node *constant(struct context *x, value v)
{
    struct node *n = node_new(x, NODE_CONSTANT);
    n->constant = v;
    return n;
}

struct node *local(struct context *x, struct variable *v)
{
    struct node *n = node_new(x, NODE_LOCAL);
    n->variable = v;
    v->uses++;
    return n;
}

struct node *with_items(struct context *x, enum node_type type, int count)
{
    struct node *n = node_new(x, type);
    n->count = count;
    n->item = arena_alloc(x->vm, (size_t)(count + 1) * sizeof *n->item);
    n->variables = arena_alloc(x->vm, (size_t)(count + 1) * sizeof *n->variables);
    return n;
}

struct node *branch(struct context *x, struct node *test, struct node *then, struct node *otherwise)
{
    struct node *n = with_items(x, NODE_IF, 3);
    n->item[0] = test;
    n->item[1] = then;
    n->item[2] = otherwise;
    return n;
}

/* What forms expand into calls of, whatever the program has defined since. */
enum { BUILTINS = 6 };
static const char *const builtin_name[BUILTINS] = { "cons", "append", "list->vector", "eq?", "eqv?",
                                                    "%apply-values" };
static value builtin[BUILTINS];

struct node *call_primitive(struct context *x, const char *name, int count, struct node **operands)
{
    struct node *n = with_items(x, NODE_CALL, count + 1);
    int which = 0;
    while (strcmp(builtin_name[which], name) != 0)
        which++;
    n->item[0] = constant(x, builtin[which]);
    for (int i = 0; i < count; i++)
        n->item[i + 1] = operands[i];
    return n;
}

struct variable *variable_new(struct context *x, value name)
{
    struct variable *v = arena_alloc(x->vm, sizeof *v);
    v->name = name;
    return v;
}

struct variable *bind_variable(struct context *x, struct scope *scope, value id)
{
    if (!is_identifier(id))
        bad_syntax(x, id, "not a name");
    for (struct binding *b = scope->bindings; b != NULL; b = b->next)
        if (b->id == id)
            bad_syntax(x, id, "a name is bound twice");
    struct binding *b = bind(x, scope, id);
    b->variable = variable_new(x, identifier_symbol(id));
    return b->variable;
}

struct scope *scope_new(struct context *x, struct scope *outer)
{
    struct scope *s = arena_alloc(x->vm, sizeof *s);
    s->outer = outer;
    return s;
}

/* The i-th of a form's parts, which must be there. */
value part(struct context *x, value form, int i)
{
    value v = form;
    for (; i > 0 && is_pair(v); i--)
        v = cdr(v);
    if (!is_pair(v))
        bad_syntax(x, form, "something is missing");
    return car(v);
}

value parts_from(struct context *x, value form, int i)
{
    value v = form;
    for (; i > 0 && is_pair(v); i--)
        v = cdr(v);
    if (i > 0 || list_length(v) < 0)
        bad_syntax(x, form, "not a proper list of enough parts");
    return v;
}

int length_of(struct context *x, value form, value v)
{
    intptr_t n = list_length(v);
    if (n < 0 || n > INT32_MAX / 2)
        bad_syntax(x, form, "not a proper list");
    return (int)n;
}

void exactly(struct context *x, value form, int parts)
{
    if (list_length(form) != parts)
        bad_syntax(x, form, "too few or too many parts");
}

struct node *sequence(struct context *x, value forms, struct scope *scope)
{
    int count = length_of(x, forms, forms);
    if (count == 1)
        return expand(x, car(forms), scope);
    struct node *n = with_items(x, NODE_SEQUENCE, count);
    for (int i = 0; i < count; i++, forms = cdr(forms))
        n->item[i] = expand(x, car(forms), scope);
    return count == 0 ? constant(x, VOID) : n;
}

/* Whether v is the keyword, as nobody has bound it anew. */
bool is_keyword(value v, enum known keyword, struct scope *scope)
{
    return is_identifier(v) && same_meaning(v, scope, known[keyword], NULL);
}

/* ---- lambda ------------------------------------------------------------------------------------------ */

struct node *lambda_node(struct context *x, value name, value formals, value body, struct scope *outer,
                                value form)
{
    struct scope *scope = scope_new(x, outer);
    struct lambda *l = arena_alloc(x->vm, sizeof *l);
    struct node *n = node_new(x, NODE_LAMBDA);
    int count = 0;
    for (value f = formals; f != NIL; f = is_pair(f) ? cdr(f) : NIL)
        count++;
    *l = (struct lambda){ .name = name, .count = count, .line = x->line };
    l->parameters = arena_alloc(x->vm, (size_t)(count + 1) * sizeof *l->parameters);
    for (int i = 0; i < count; i++, formals = is_pair(formals) ? cdr(formals) : NIL) {
        l->rest = !is_pair(formals);
        value id = l->rest ? formals : car(formals);
        l->parameters[i] = bind_variable(x, scope, id);
    }
    n->lambda = l;
    l->body = expand_body(x, body, scope, form);
    return n;
}

/* The value of a definition or a binding: a procedure gets its name. */
struct node *expand_named(struct context *x, value name, value form, struct scope *scope)
{
    struct node *n = expand(x, form, scope);
    if (n->type == NODE_LAMBDA && n->lambda->name == FALSE)
        n->lambda->name = identifier_symbol(name);
    return n;
}

/* ---- what defines something -------------------------------------------------------------------------- */

/* Special forms that a body has to know. Those of forms.c follow. */
enum { FORM_DEFINE, FORM_VALUES, FORM_RECORD, FORM_SYNTAX, FORM_BEGIN, FORM_COND_EXPAND, FORM_INCLUDE, FORM_IMPORT,
       FORM_SET, FORM_RULES, FORM_OTHERS };
static const char *const defining[FORM_OTHERS] = { "define", "define-values", "define-record-type", "define-syntax",
                                                   "begin", "cond-expand", "include", "import", "set!",
                                                   "syntax-rules" };

/* (define (name . formals) body ...), also curried, as (define name (lambda formals body ...)). */
static value plain_definition(struct context *x, value form)
{
    struct vm *vm = x->vm;
    value target = part(x, form, 1), body = parts_from(x, form, 2);
    while (is_pair(target)) {
        value lambda = cons(vm, global_name(x, known[SYM_LAMBDA]), cons(vm, cdr(target), body));
        body = cons(vm, lambda, NIL);
        target = car(target);
    }
    if (!is_identifier(target) || (body != NIL && cdr(body) != NIL))
        bad_syntax(x, form, "a definition is not (define name value)");
    return list(vm, 3, car(form), target, body == NIL ? VOID : car(body));
}

/* (name part ...), name meaning what it means at toplevel. */
static value global_form(struct context *x, const char *name, int count, const value *parts)
{
    value v = NIL;
    for (int i = count; i-- > 0;)
        v = cons(x->vm, parts[i], v);
    return cons(x->vm, global_name(x, symbol(x->vm, name)), v);
}
#define FORM(x, name, ...) \
    global_form(x, name, (int)(sizeof((value[]){ __VA_ARGS__ }) / sizeof(value)), (value[]){ __VA_ARGS__ })

/* (define-values formals value) as definitions: of a list of the values, then of its parts. */
static value values_definitions(struct context *x, value form)
{
    struct vm *vm = x->vm;
    exactly(x, form, 3);
    value all = global_name(x, symbol(vm, "values of a definition")), formals = car(cdr(form));
    value forms = list(vm, 1, FORM(x, "define", all, FORM(x, "%values->list", car(cdr(cdr(form))))));
    intptr_t i = 0;
    for (; is_pair(formals); formals = cdr(formals), i++)
        forms = cons(vm, FORM(x, "define", car(formals), FORM(x, "list-ref", all, fixnum(i))), forms);
    if (formals != NIL)
        forms = cons(vm, FORM(x, "define", formals, FORM(x, "list-tail", all, fixnum(i))), forms);
    return list_reverse(vm, forms);
}

static intptr_t field_index(struct context *x, value fields, value name, value form)
{
    intptr_t i = 0;
    for (; is_pair(fields); fields = cdr(fields), i++)
        if (car(fields) == name)
            return i;
    bad_syntax(x, form, "the constructor names no field of the record");
}

static value quoted(struct context *x, value v)
{
    return FORM(x, "quote", v);
}

/* (define-record-type name (make field ...) test? (field get [set!]) ...) as definitions. */
static value record_definitions(struct context *x, value form)
{
    struct vm *vm = x->vm;
    value name = part(x, form, 1), maker = part(x, form, 2), test = part(x, form, 3), specs = parts_from(x, form, 4);
    value fields = NIL, forms = NIL, type = is_pair(name) ? car(name) : name;
    for (value s = specs; s != NIL; s = cdr(s))
        fields = cons(vm, is_pair(car(s)) ? car(car(s)) : car(s), fields);
    fields = list_reverse(vm, fields);
    value made = FORM(x, "%make-record-type", quoted(x, type), quoted(x, fields));
    forms = cons(vm, FORM(x, "define", type, made), forms);
    if (maker != FALSE) {
        value indices = NIL, names = is_pair(maker) ? cdr(maker) : fields;
        for (value f = names; is_pair(f); f = cdr(f))
            indices = cons(vm, fixnum(field_index(x, fields, car(f), form)), indices);
        value id = is_pair(maker) ? car(maker) : maker;
        value list_of = quoted(x, list_reverse(vm, indices));
        forms = cons(vm, FORM(x, "define", id, FORM(x, "%record-maker", type, quoted(x, id), list_of)), forms);
    }
    if (test != FALSE)
        forms = cons(vm, FORM(x, "define", test, FORM(x, "%record-test", type, quoted(x, test))), forms);
    for (intptr_t i = 0; specs != NIL; specs = cdr(specs), i++) {
        value spec = is_pair(car(specs)) ? cdr(car(specs)) : NIL;
        const char *const access[] = { "%record-getter", "%record-setter" };
        for (int j = 0; j < 2 && is_pair(spec); j++, spec = cdr(spec)) {
            value accessor = FORM(x, access[j], type, quoted(x, car(spec)), fixnum(i));
            forms = cons(vm, FORM(x, "define", car(spec), accessor), forms);
        }
    }
    return list_reverse(vm, forms);
}

/* What define-syntax and let-syntax bind a name to: a macro, or what another keyword means. */
value syntax_value(struct context *x, value spec, struct scope *scope)
{
    for (;;) {
        value head = is_pair(spec) ? car(spec) : spec;
        if (!is_identifier(head))
            break;
        value meaning = resolve(head, scope).syntax;
        if (!is_pair(spec) && meaning != FALSE)
            return meaning;
        if (meaning == fixnum(FORM_RULES))
            return macro_make(x, spec, scope);
        if (!is_macro(meaning))
            break;
        spec = macro_expand(x, meaning, spec, scope);
    }
    bad_syntax(x, spec, "not a syntax-rules");
}

static void define_syntax(struct context *x, value form, struct scope *scope)
{
    exactly(x, form, 3);
    value id = car(cdr(form));
    if (!is_identifier(id))
        bad_syntax(x, form, "not a name");
    if (scope != NULL) {
        struct binding *b = bind(x, scope, id);
        b->syntax = syntax_value(x, car(cdr(cdr(form))), scope);
        return;
    }
    value v = syntax_value(x, car(cdr(cdr(form))), NULL), name = identifier_symbol(id);
    global_keep(x->vm, name);
    symbol_of(name)->head.flags = 0;
    mem_write(&symbol_of(name)->syntax, v);
}

/* The forms that a defining form stands for, or ABSENT. */
static value spliced(struct context *x, value form, intptr_t which)
{
    switch (which) {
    case FORM_BEGIN: return parts_from(x, form, 1);
    case FORM_VALUES: return values_definitions(x, form);
    case FORM_RECORD: return record_definitions(x, form);
    case FORM_COND_EXPAND: return cond_expand(x, form);
    case FORM_INCLUDE: return include_forms(x, form);
    case FORM_IMPORT: import_check(x, form); return NIL;
    default: return ABSENT;
    }
}

/* ---- bodies ------------------------------------------------------------------------------------------ */

struct item { /* of a body: a definition, or (variable NULL) an expression */
    struct item *next;
    struct variable *variable;
    value id, form;
    int line;
};

/* What a form is once macros that stand at its head are expanded; *which is the special form it begins with. */
static value expand_head(struct context *x, value form, struct scope *scope, intptr_t *which)
{
    *which = -1;
    while (is_pair(form) && is_identifier(car(form))) {
        value meaning = resolve(car(form), scope).syntax;
        if (is_fixnum(meaning))
            *which = fixnum_of(meaning);
        if (!is_macro(meaning))
            break;
        form = macro_expand(x, meaning, form, scope);
    }
    return form;
}

static void note_line(struct context *x, value form)
{
    int line = is_pair(form) ? position_of(x->vm, form) : 0;
    if (line > 0)
        x->line = line;
}

/* Finds the definitions among the forms; expands nothing else, for a definition further down may give a name
 * another meaning. */
static struct item **scan(struct context *x, value forms, struct scope *scope, struct item **end, bool *any)
{
    depth_check(x->vm);
    for (; is_pair(forms); forms = cdr(forms)) {
        intptr_t which;
        note_line(x, car(forms));
        value form = expand_head(x, car(forms), scope, &which);
        value inner = spliced(x, form, which);
        if (inner != ABSENT) {
            end = scan(x, inner, scope, end, any);
        } else if (which == FORM_SYNTAX) {
            define_syntax(x, form, scope);
        } else {
            struct item *i = *end = arena_alloc(x->vm, sizeof *i);
            *i = (struct item){ .form = form, .line = x->line };
            if (which == FORM_DEFINE) {
                form = plain_definition(x, form);
                i->id = car(cdr(form));
                i->form = car(cdr(cdr(form)));
                i->variable = bind_variable(x, scope, i->id);
                *any = true;
            }
            end = &i->next;
        }
    }
    return end;
}

struct node *expand_body(struct context *x, value forms, struct scope *outer, value whole)
{
    struct item *first = NULL;
    bool any = false;
    int line = x->line, count = 0;
    struct scope *scope = scope_new(x, outer);
    scan(x, forms, scope, &first, &any);
    for (struct item *i = first; i != NULL; i = i->next)
        count++;
    if (count == 0)
        bad_syntax(x, whole, "a body without expressions");
    struct node *n = with_items(x, any ? NODE_LETREC : NODE_SEQUENCE, count);
    for (int k = 0; k < count; k++, first = first->next) {
        x->line = first->line;
        n->variables[k] = first->variable;
        n->item[k] = first->variable == NULL ? expand(x, first->form, scope)
                                             : expand_named(x, first->id, first->form, scope);
    }
    x->line = line;
    if (!any)
        return count == 1 ? n->item[0] : n;
    bool value_last = n->variables[count - 1] == NULL;
    n->body = value_last ? n->item[--n->count] : constant(x, VOID);
    return n;
}

/* ---- any form ---------------------------------------------------------------------------------------- */

static struct node *reference(struct context *x, value id, struct scope *scope)
{
    struct meaning m = resolve(id, scope);
    if (m.variable != NULL)
        return local(x, m.variable);
    if (m.syntax != FALSE)
        bad_syntax(x, id, "a keyword is no value");
    struct node *n = node_new(x, NODE_GLOBAL);
    n->constant = m.global;
    return n;
}

static struct node *assignment(struct context *x, value form, struct scope *scope)
{
    exactly(x, form, 3);
    value id = car(cdr(form));
    if (!is_identifier(id))
        bad_syntax(x, form, "not a name");
    struct meaning m = resolve(id, scope);
    if (m.syntax != FALSE)
        bad_syntax(x, id, "a keyword cannot be assigned");
    struct node *n = with_items(x, m.variable != NULL ? NODE_SET : NODE_SET_GLOBAL, 1);
    n->variable = m.variable;
    n->constant = m.global;
    if (m.variable != NULL)
        m.variable->sets++;
    n->item[0] = expand_named(x, id, car(cdr(cdr(form))), scope);
    return n;
}

static struct node *definition(struct context *x, value form, struct scope *scope)
{
    if (scope != NULL)
        bad_syntax(x, form, "a definition where an expression should be");
    form = plain_definition(x, form);
    value name = identifier_symbol(car(cdr(form)));
    global_keep(x->vm, name);
    if (symbol_of(name)->syntax != FALSE)
        mem_write(&symbol_of(name)->syntax, FALSE);
    symbol_of(name)->head.flags = 0; /* the forms behind this one call it */
    struct node *n = with_items(x, NODE_DEFINE, 1);
    n->constant = name;
    n->item[0] = expand_named(x, name, car(cdr(cdr(form))), scope);
    return n;
}

static struct node *special(struct context *x, value form, intptr_t which, struct scope *scope)
{
    if (which >= FORM_OTHERS)
        return special_forms[which - FORM_OTHERS].expand(x, form, scope);
    value inner = spliced(x, form, which);
    if (inner != ABSENT)
        return sequence(x, inner, scope);
    if (which == FORM_SET)
        return assignment(x, form, scope);
    if (which == FORM_DEFINE)
        return definition(x, form, scope);
    if (which == FORM_RULES || scope != NULL)
        bad_syntax(x, form, "a definition where an expression should be");
    define_syntax(x, form, NULL);
    return constant(x, VOID);
}

/* An immediate call of a lambda is a let. */
static struct node *let_of_call(struct context *x, struct node *call)
{
    struct lambda *l = call->item[0]->lambda;
    struct node *n = with_items(x, NODE_LET, l->count);
    for (int i = 0; i < l->count; i++) {
        n->variables[i] = l->parameters[i];
        n->item[i] = call->item[i + 1];
    }
    n->body = l->body;
    return n;
}

static struct node *call(struct context *x, value form, struct scope *scope)
{
    int count = length_of(x, form, form), line = x->line;
    struct node *n = with_items(x, NODE_CALL, count);
    for (int i = 0; i < count; i++, form = cdr(form))
        n->item[i] = expand(x, car(form), scope);
    x->line = line;
    struct node *f = n->item[0];
    return f->type == NODE_LAMBDA && !f->lambda->rest && f->lambda->count == count - 1 ? let_of_call(x, n) : n;
}

struct node *expand(struct context *x, value form, struct scope *scope)
{
    depth_check(x->vm);
    if (is_identifier(form))
        return reference(x, form, scope);
    if (!is_pair(form)) {
        if (form == NIL)
            bad_syntax(x, form, "() is no expression");
        return constant(x, is_vector(form) ? strip(x, form) : form);
    }
    int line = x->line;
    intptr_t which;
    note_line(x, form);
    form = expand_head(x, form, scope, &which);
    struct node *n = !is_pair(form) ? expand(x, form, scope)
                     : which >= 0   ? special(x, form, which, scope)
                                    : call(x, form, scope);
    x->line = line;
    return n;
}

struct lambda *expand_toplevel(struct vm *vm, value form)
{
    struct context x = { .vm = vm };
    note_line(&x, form);
    struct lambda *l = arena_alloc(vm, sizeof *l);
    *l = (struct lambda){ .name = FALSE, .line = x.line };
    l->body = expand(&x, form, NULL);
    return l;
}

static void keyword_begin(struct vm *vm, const char *name, intptr_t which)
{
    value s = symbol(vm, name);
    global_keep(vm, s);
    mem_write(&symbol_of(s)->syntax, fixnum(which));
}

void expand_begin(struct vm *vm)
{
    mem_root_slots(builtin, BUILTINS);
    for (int i = 0; i < BUILTINS; i++)
        mem_write(&builtin[i], symbol_of(symbol(vm, builtin_name[i]))->global);
    for (intptr_t i = 0; i < FORM_OTHERS; i++)
        keyword_begin(vm, defining[i], i);
    for (intptr_t i = 0; special_forms[i].name != NULL; i++)
        keyword_begin(vm, special_forms[i].name, FORM_OTHERS + i);
}
