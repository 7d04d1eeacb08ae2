/* Special forms: from a form to its node. */
#include "expand.h"

static struct node *form_lambda(struct context *x, value form, struct scope *scope)
{
    return lambda_node(x, FALSE, part(x, form, 1), parts_from(x, form, 2), scope, form);
}

/* ---- let and its kin --------------------------------------------------------------------------------- */

/* The name or initial form of a binding (name form), (name) for VOID's. */
static value binding_name(struct context *x, value b)
{
    return is_pair(b) ? car(b) : (bad_syntax(x, b, "a binding is not (name value)"), FALSE);
}

static value binding_form(struct context *x, value b)
{
    exactly(x, b, 2);
    return car(cdr(b));
}

/* (let loop ((name value) ...) body ...): a letrec of one procedure, and a call of it. */
static struct node *named_let(struct context *x, value form, struct scope *scope)
{
    value name = part(x, form, 1), bindings = part(x, form, 2), formals = NIL;
    int count = length_of(x, form, bindings);
    struct node *call = with_items(x, NODE_CALL, count + 1);
    for (int i = 0; i < count; i++, bindings = cdr(bindings)) {
        formals = cons(x->vm, binding_name(x, car(bindings)), formals);
        call->item[i + 1] = expand_named(x, car(formals), binding_form(x, car(bindings)), scope);
    }
    struct scope *inner = scope_new(x, scope);
    struct node *n = with_items(x, NODE_LETREC, 1);
    n->variables[0] = bind_variable(x, inner, name);
    n->item[0] = lambda_node(x, identifier_symbol(name), list_reverse(x->vm, formals), parts_from(x, form, 3), inner,
                             form);
    call->item[0] = local(x, n->variables[0]);
    n->body = call;
    return n;
}

static struct node *form_let(struct context *x, value form, struct scope *scope)
{
    if (is_identifier(part(x, form, 1)))
        return named_let(x, form, scope);
    value bindings = part(x, form, 1);
    int count = length_of(x, form, bindings);
    struct scope *inner = scope_new(x, scope);
    struct node *n = with_items(x, NODE_LET, count);
    value b = bindings;
    for (int i = 0; i < count; i++, b = cdr(b))
        n->item[i] = expand_named(x, binding_name(x, car(b)), binding_form(x, car(b)), scope);
    for (int i = 0; i < count; i++, bindings = cdr(bindings))
        n->variables[i] = bind_variable(x, inner, car(car(bindings)));
    n->body = expand_body(x, parts_from(x, form, 2), inner, form);
    return n;
}

static struct node *form_let_star(struct context *x, value form, struct scope *scope)
{
    value bindings = part(x, form, 1);
    struct node *first = NULL, *last = NULL;
    for (length_of(x, form, bindings); bindings != NIL; bindings = cdr(bindings)) {
        struct node *n = with_items(x, NODE_LET, 1);
        value b = car(bindings);
        n->item[0] = expand_named(x, binding_name(x, b), binding_form(x, b), scope);
        scope = scope_new(x, scope);
        n->variables[0] = bind_variable(x, scope, car(b));
        if (first == NULL)
            first = n;
        else
            last->body = n;
        last = n;
    }
    struct node *body = expand_body(x, parts_from(x, form, 2), scope_new(x, scope), form);
    if (first == NULL)
        return body;
    last->body = body;
    return first;
}

static struct node *form_letrec(struct context *x, value form, struct scope *scope)
{
    value bindings = part(x, form, 1);
    int count = length_of(x, form, bindings);
    struct scope *inner = scope_new(x, scope);
    struct node *n = with_items(x, NODE_LETREC, count);
    value b = bindings;
    for (int i = 0; i < count; i++, b = cdr(b))
        n->variables[i] = bind_variable(x, inner, binding_name(x, car(b)));
    for (int i = 0; i < count; i++, bindings = cdr(bindings))
        n->item[i] = expand_named(x, car(car(bindings)), binding_form(x, car(bindings)), inner);
    n->body = expand_body(x, parts_from(x, form, 2), inner, form);
    return n;
}

/* (do ((name value step) ...) (test result ...) body ...): as a named let whose name nobody can say. */
static struct node *form_do(struct context *x, value form, struct scope *scope)
{
    value bindings = part(x, form, 1), end = part(x, form, 2), b = bindings;
    int count = length_of(x, form, bindings);
    struct node *enter = with_items(x, NODE_CALL, count + 1), *again = with_items(x, NODE_CALL, count + 1);
    for (int i = 0; i < count; i++, b = cdr(b))
        enter->item[i + 1] = expand(x, part(x, car(b), 1), scope);
    struct node *n = with_items(x, NODE_LETREC, 1);
    n->variables[0] = variable_new(x, symbol(x->vm, "do"));
    enter->item[0] = local(x, n->variables[0]);
    again->item[0] = local(x, n->variables[0]);
    struct scope *inner = scope_new(x, scope);
    struct lambda *l = arena_alloc(x->vm, sizeof *l);
    *l = (struct lambda){ .name = n->variables[0]->name, .count = count, .line = x->line };
    l->parameters = arena_alloc(x->vm, (size_t)(count + 1) * sizeof *l->parameters);
    b = bindings;
    for (int i = 0; i < count; i++, b = cdr(b))
        l->parameters[i] = bind_variable(x, inner, binding_name(x, car(b)));
    b = bindings;
    for (int i = 0; i < count; i++, b = cdr(b)) {
        value step = cdr(cdr(car(b)));
        again->item[i + 1] = is_pair(step) ? expand(x, car(step), inner) : local(x, l->parameters[i]);
    }
    struct node *test = expand(x, part(x, end, 0), inner), *loop = with_items(x, NODE_SEQUENCE, 2);
    loop->item[0] = sequence(x, parts_from(x, form, 3), inner);
    loop->item[1] = again;
    l->body = branch(x, test, sequence(x, parts_from(x, end, 1), inner), loop);
    n->item[0] = node_new(x, NODE_LAMBDA);
    n->item[0]->lambda = l;
    n->body = enter;
    return n;
}

/* ---- conditionals ------------------------------------------------------------------------------------ */

static struct node *form_if(struct context *x, value form, struct scope *scope)
{
    if (list_length(form) != 3)
        exactly(x, form, 4);
    struct node *test = expand(x, car(cdr(form)), scope), *then = expand(x, part(x, form, 2), scope);
    value otherwise = cdr(cdr(cdr(form)));
    return branch(x, test, then, otherwise == NIL ? constant(x, VOID) : expand(x, car(otherwise), scope));
}

static struct node *form_when(struct context *x, value form, struct scope *scope)
{
    struct node *test = expand(x, part(x, form, 1), scope);
    return branch(x, test, sequence(x, parts_from(x, form, 2), scope), constant(x, VOID));
}

static struct node *form_unless(struct context *x, value form, struct scope *scope)
{
    struct node *test = expand(x, part(x, form, 1), scope);
    return branch(x, test, constant(x, VOID), sequence(x, parts_from(x, form, 2), scope));
}

static struct node *logic(struct context *x, value form, struct scope *scope, enum node_type type, value empty)
{
    value items = parts_from(x, form, 1);
    int count = length_of(x, form, items);
    if (count == 0)
        return constant(x, empty);
    struct node *n = with_items(x, type, count);
    for (int i = 0; i < count; i++, items = cdr(items))
        n->item[i] = expand(x, car(items), scope);
    return count == 1 ? n->item[0] : n;
}

static struct node *form_and(struct context *x, value form, struct scope *scope)
{
    return logic(x, form, scope, NODE_AND, TRUE);
}

static struct node *form_or(struct context *x, value form, struct scope *scope)
{
    return logic(x, form, scope, NODE_OR, FALSE);
}

static struct node *let_one(struct context *x, struct variable *v, struct node *init, struct node *body)
{
    struct node *n = with_items(x, NODE_LET, 1);
    n->variables[0] = v;
    n->item[0] = init;
    n->body = body;
    return n;
}

/* (=> f): f of the variable. */
static struct node *send(struct context *x, value clause, struct variable *v, struct scope *scope)
{
    struct node *call = with_items(x, NODE_CALL, 2);
    call->item[0] = expand(x, part(x, clause, 1), scope);
    call->item[1] = local(x, v);
    return call;
}

static struct node *cond_clauses(struct context *x, value clauses, struct scope *scope)
{
    if (!is_pair(clauses))
        return constant(x, VOID);
    value clause = car(clauses), test = part(x, clause, 0), then = cdr(clause);
    if (is_keyword(test, SYM_ELSE, scope))
        return sequence(x, then, scope);
    struct node *n = expand(x, test, scope);
    if (then == NIL) {
        struct node *or = with_items(x, NODE_OR, 2);
        or->item[0] = n;
        or->item[1] = cond_clauses(x, cdr(clauses), scope);
        return or;
    }
    if (is_pair(then) && is_keyword(car(then), SYM_ARROW, scope)) {
        struct variable *v = variable_new(x, known[SYM_ARROW]);
        struct node *b = branch(x, local(x, v), send(x, then, v, scope), cond_clauses(x, cdr(clauses), scope));
        return let_one(x, v, n, b);
    }
    struct node *yes = sequence(x, then, scope);
    return branch(x, n, yes, cond_clauses(x, cdr(clauses), scope));
}

static struct node *form_cond(struct context *x, value form, struct scope *scope)
{
    return cond_clauses(x, parts_from(x, form, 1), scope);
}

static struct node *case_test(struct context *x, value data, struct variable *key)
{
    int count = length_of(x, data, data);
    struct node *n = with_items(x, NODE_OR, count);
    for (int i = 0; i < count; i++, data = cdr(data)) {
        value v = strip(x, car(data));
        const char *same = is_flonum(v) || is_bignum(v) ? "eqv?" : "eq?";
        n->item[i] = call_primitive(x, same, 2, (struct node *[]){ local(x, key), constant(x, v) });
    }
    return count == 0 ? constant(x, FALSE) : count == 1 ? n->item[0] : n;
}

static struct node *case_clauses(struct context *x, value clauses, struct variable *key, struct scope *scope)
{
    if (!is_pair(clauses))
        return constant(x, VOID);
    value clause = car(clauses), then = parts_from(x, clause, 1);
    bool arrow = is_pair(then) && is_keyword(car(then), SYM_ARROW, scope);
    struct node *test = is_keyword(car(clause), SYM_ELSE, scope) ? NULL : case_test(x, car(clause), key);
    struct node *yes = arrow ? send(x, then, key, scope) : sequence(x, then, scope);
    return test == NULL ? yes : branch(x, test, yes, case_clauses(x, cdr(clauses), key, scope));
}

static struct node *form_case(struct context *x, value form, struct scope *scope)
{
    struct node *key = expand(x, part(x, form, 1), scope);
    struct variable *v = variable_new(x, identifier_symbol(car(form)));
    return let_one(x, v, key, case_clauses(x, parts_from(x, form, 2), v, scope));
}

/* ---- quotation --------------------------------------------------------------------------------------- */

static struct node *form_quote(struct context *x, value form, struct scope *scope)
{
    (void)scope;
    exactly(x, form, 2);
    return constant(x, strip(x, car(cdr(form))));
}

static struct node *quasi(struct context *x, value v, int level, struct scope *scope);

static bool is_quasi(value v, enum known keyword, struct scope *scope)
{
    return is_pair(v) && is_keyword(car(v), keyword, scope) && is_pair(cdr(v)) && cdr(cdr(v)) == NIL;
}

static struct node *quasi_cons(struct context *x, struct node *first, struct node *rest, value v)
{
    if (first->type == NODE_CONSTANT && rest->type == NODE_CONSTANT) {
        bool same = first->constant == car(v) && rest->constant == cdr(v);
        return constant(x, same ? v : cons(x->vm, first->constant, rest->constant));
    }
    return call_primitive(x, "cons", 2, (struct node *[]){ first, rest });
}

/* (keyword v) again, its contents at another level. */
static struct node *quasi_again(struct context *x, value v, int level, struct scope *scope)
{
    struct node *rest = quasi(x, cdr(v), level, scope);
    return quasi_cons(x, constant(x, strip(x, car(v))), rest, v);
}

static struct node *quasi(struct context *x, value v, int level, struct scope *scope)
{
    depth_check(x->vm);
    if (is_vector(v)) {
        value items = NIL;
        for (uint32_t i = object_of(v)->count; i-- > 0;)
            items = cons(x->vm, vector_of(v)->item[i], items);
        struct node *n = quasi(x, items, level, scope);
        if (n->type == NODE_CONSTANT && n->constant == items)
            return constant(x, v);
        return call_primitive(x, "list->vector", 1, &n);
    }
    if (!is_pair(v))
        return constant(x, strip(x, v));
    if (is_quasi(v, SYM_UNQUOTE, scope))
        return level == 1 ? expand(x, car(cdr(v)), scope) : quasi_again(x, v, level - 1, scope);
    if (is_quasi(v, SYM_QUASIQUOTE, scope))
        return quasi_again(x, v, level + 1, scope);
    value first = car(v);
    if (is_quasi(first, SYM_UNQUOTE_SPLICING, scope)) {
        struct node *rest = quasi(x, cdr(v), level, scope);
        if (level > 1)
            return quasi_cons(x, quasi_again(x, first, level - 1, scope), rest, v);
        struct node *many = expand(x, car(cdr(first)), scope);
        if (rest->type == NODE_CONSTANT && rest->constant == NIL)
            return many;
        return call_primitive(x, "append", 2, (struct node *[]){ many, rest });
    }
    struct node *n = quasi(x, first, level, scope);
    return quasi_cons(x, n, quasi(x, cdr(v), level, scope), v);
}

static struct node *form_quasiquote(struct context *x, value form, struct scope *scope)
{
    exactly(x, form, 2);
    return quasi(x, car(cdr(form)), 1, scope);
}

/* ---- several values ---------------------------------------------------------------------------------- */

/* (formals value), then a body: the body as a procedure, applied to the values. */
static struct node *bind_values(struct context *x, value clause, value formals, value body, struct scope *scope)
{
    exactly(x, clause, 2);
    struct node *values = expand(x, car(cdr(clause)), scope);
    struct node *n = lambda_node(x, FALSE, formals, body, scope, clause);
    return call_primitive(x, "%apply-values", 2, (struct node *[]){ n, values });
}

static value let_form(struct context *x, const char *keyword, value bindings, value body)
{
    return cons(x->vm, global_name(x, symbol(x->vm, keyword)), cons(x->vm, bindings, body));
}

static struct node *form_let_star_values(struct context *x, value form, struct scope *scope)
{
    value clauses = part(x, form, 1), body = parts_from(x, form, 2);
    if (length_of(x, form, clauses) == 0)
        return expand_body(x, body, scope, form);
    if (cdr(clauses) != NIL)
        body = cons(x->vm, let_form(x, "let*-values", cdr(clauses), body), NIL);
    return bind_values(x, car(clauses), part(x, car(clauses), 0), body, scope);
}

/* Each clause binds other names, that no value can mention, and a let around the body the right ones. */
static struct node *form_let_values(struct context *x, value form, struct scope *scope)
{
    struct vm *vm = x->vm;
    value clauses = part(x, form, 1), body = parts_from(x, form, 2), bindings = NIL, renamed = NIL;
    if (length_of(x, form, clauses) < 2)
        return form_let_star_values(x, form, scope);
    for (; clauses != NIL; clauses = cdr(clauses)) {
        value formals = part(x, car(clauses), 0), names = NIL;
        for (; is_pair(formals); formals = cdr(formals)) {
            value other = global_name(x, identifier_symbol(car(formals)));
            bindings = cons(vm, list(vm, 2, car(formals), other), bindings);
            names = cons(vm, other, names);
        }
        value all = NIL;
        if (formals != NIL) {
            all = global_name(x, identifier_symbol(formals));
            bindings = cons(vm, list(vm, 2, formals, all), bindings);
        }
        for (; names != NIL; names = cdr(names))
            all = cons(vm, car(names), all);
        renamed = cons(vm, cons(vm, all, cdr(car(clauses))), renamed);
    }
    value inner = let_form(x, "let", bindings, body);
    return expand(x, let_form(x, "let*-values", list_reverse(vm, renamed), cons(vm, inner, NIL)), scope);
}

/* (receive formals value body ...), SRFI 8. */
static struct node *form_receive(struct context *x, value form, struct scope *scope)
{
    value clause = list(x->vm, 2, part(x, form, 1), part(x, form, 2));
    return bind_values(x, clause, car(clause), parts_from(x, form, 3), scope);
}

/* ---- local macros ------------------------------------------------------------------------------------ */

static struct node *local_syntax(struct context *x, value form, struct scope *scope, bool recursive)
{
    struct scope *inner = scope_new(x, scope);
    value bindings = part(x, form, 1);
    for (length_of(x, form, bindings); bindings != NIL; bindings = cdr(bindings)) {
        exactly(x, car(bindings), 2);
        value spec = car(cdr(car(bindings)));
        if (!is_identifier(car(car(bindings))))
            bad_syntax(x, form, "not a name");
        value v = syntax_value(x, spec, recursive ? inner : scope);
        bind(x, inner, car(car(bindings)))->syntax = v;
    }
    return expand_body(x, parts_from(x, form, 2), inner, form);
}

static struct node *form_let_syntax(struct context *x, value form, struct scope *scope)
{
    return local_syntax(x, form, scope, false);
}

static struct node *form_letrec_syntax(struct context *x, value form, struct scope *scope)
{
    return local_syntax(x, form, scope, true);
}

static struct node *form_syntax_error(struct context *x, value form, struct scope *scope)
{
    (void)scope;
    value message = part(x, form, 1);
    size_t n;
    if (!is_string(message))
        bad_syntax(x, form, "syntax-error");
    const char *text = string_bytes(message, &n);
    char buffer[200];
    snprintf(buffer, sizeof buffer, "%.*s", (int)n, text);
    bad_syntax(x, cdr(cdr(form)) == NIL ? VOID : cdr(cdr(form)), buffer);
}

/* ---- libraries: all there is is always there --------------------------------------------------------- */

static const char *const libraries[] = {
    "scheme base", "scheme case-lambda", "scheme char", "scheme complex", "scheme cxr", "scheme eval",
    "scheme file", "scheme inexact", "scheme lazy", "scheme load", "scheme process-context", "scheme read",
    "scheme repl", "scheme r5rs", "scheme time", "scheme write", "srfi 0", "srfi 6", "srfi 8", "srfi 9", "srfi 18",
    "srfi 23", "srfi 30", "srfi 39", "srfi 46", "srfi 62", "srfi 69", "srfi 87", NULL
};
const char *const scheme_features[] = { "r7rs", "exact-closed", "ieee-float", "full-unicode", "scheme",
                                        "srfi-0", "srfi-8", "srfi-9", "srfi-18", "srfi-23", "srfi-39", "srfi-69",
#ifdef SCHEME_LIBGC
                                        "libgc",
#else
                                        "greyspan",
#endif
                                        "linux", "unix", NULL };

static bool is_among(const char *const *names, const char *name, size_t size)
{
    for (; *names != NULL; names++)
        if (strlen(*names) == size && memcmp(*names, name, size) == 0)
            return true;
    return false;
}

static bool is_library(struct context *x, value name)
{
    size_t n;
    value text = value_to_string(x->vm, strip(x, name), PRINT_DISPLAY);
    const char *bytes = string_bytes(text, &n);
    return is_pair(name) && n > 2 && is_among(libraries, bytes + 1, n - 2);
}

static bool is_named(value v, const char *name)
{
    struct text *t = is_identifier(v) ? symbol_text(identifier_symbol(v)) : NULL;
    return t != NULL && strlen(name) == t->head.count && memcmp(name, t->byte, t->head.count) == 0;
}

/* (import set ...), a set being a library, or (only set name ...), (prefix set p) and so on. */
void import_check(struct context *x, value form)
{
    for (value sets = parts_from(x, form, 1); sets != NIL; sets = cdr(sets)) {
        value set = car(sets);
        while (is_pair(set) && is_pair(cdr(set)) && is_pair(car(cdr(set))))
            set = car(cdr(set));
        if (!is_library(x, set))
            bad_syntax(x, set, "no such library");
    }
}

static bool is_feature(struct context *x, value test)
{
    depth_check(x->vm);
    if (is_identifier(test)) {
        struct text *t = symbol_text(identifier_symbol(test));
        return is_named(test, "else") || is_among(scheme_features, t->byte, t->head.count);
    }
    value operands = parts_from(x, test, 1);
    bool all = is_named(car(test), "and");
    if (is_named(car(test), "not"))
        return !is_feature(x, part(x, test, 1));
    if (is_named(car(test), "library"))
        return is_library(x, part(x, test, 1));
    if (!all && !is_named(car(test), "or"))
        bad_syntax(x, test, "not a requirement of cond-expand");
    for (; operands != NIL; operands = cdr(operands))
        if (is_feature(x, car(operands)) != all)
            return !all;
    return all;
}

value cond_expand(struct context *x, value form)
{
    for (value clauses = parts_from(x, form, 1); clauses != NIL; clauses = cdr(clauses))
        if (is_feature(x, part(x, car(clauses), 0)))
            return parts_from(x, car(clauses), 1);
    return NIL;
}

value include_forms(struct context *x, value form)
{
    struct vm *vm = x->vm;
    value forms_read = NIL, names = parts_from(x, form, 1);
    for (; names != NIL; names = cdr(names)) {
        if (!is_string(car(names)))
            bad_syntax(x, form, "not a file's name");
        size_t n;
        value port = port_open_file(vm, string_bytes(car(names), &n), true, false), v;
        while ((v = read_datum(vm, port, false)) != END_OF_FILE)
            forms_read = cons(vm, v, forms_read);
    }
    return list_reverse(vm, forms_read);
}

/* ---- the table --------------------------------------------------------------------------------------- */

const struct form special_forms[] = {
    { "quote", form_quote },
    { "quasiquote", form_quasiquote },
    { "lambda", form_lambda },
    { "let", form_let },
    { "let*", form_let_star },
    { "letrec", form_letrec },
    { "letrec*", form_letrec },
    { "do", form_do },
    { "if", form_if },
    { "when", form_when },
    { "unless", form_unless },
    { "and", form_and },
    { "or", form_or },
    { "cond", form_cond },
    { "case", form_case },
    { "let-values", form_let_values },
    { "let*-values", form_let_star_values },
    { "receive", form_receive },
    { "let-syntax", form_let_syntax },
    { "letrec-syntax", form_letrec_syntax },
    { "syntax-error", form_syntax_error },
    { NULL, NULL },
};
