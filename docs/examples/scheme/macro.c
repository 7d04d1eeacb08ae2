/* Names and macros: what an identifier means, syntax-rules.
 *
 * Hygiene by renaming. Every symbol that a template brings in becomes an alias, new for each expansion, that
 * remembers the scope of the macro's definition. A binding form binds the alias itself, so it captures nothing
 * of the user's; an alias that nothing binds means what its symbol means in that scope. */
#include "expand.h"

/* ---- names ------------------------------------------------------------------------------------------- */

struct meaning resolve(value id, struct scope *scope)
{
    for (;;) {
        for (struct scope *s = scope; s != NULL; s = s->outer)
            for (struct binding *b = s->bindings; b != NULL; b = b->next)
                if (b->id == id)
                    return (struct meaning){ b->variable, b->variable != NULL ? FALSE : b->syntax, FALSE, b };
        if (!is_alias(id))
            return (struct meaning){ NULL, symbol_of(id)->syntax, id, NULL };
        scope = alias_of(id)->scope;
        id = alias_of(id)->id;
    }
}

bool same_meaning(value a, struct scope *in_a, value b, struct scope *in_b)
{
    struct meaning left = resolve(a, in_a), right = resolve(b, in_b);
    return left.binding == right.binding && left.global == right.global;
}

value identifier_symbol(value id)
{
    while (is_alias(id))
        id = alias_of(id)->id;
    return id;
}

static value alias_new(struct context *x, value id, struct scope *scope)
{
    struct alias *a = object_new(x->vm, TYPE_ALIAS, 1, sizeof a->scope);
    mem_init(&a->id, id);
    a->scope = scope;
    x->aliases = true;
    return (value)a;
}

value global_name(struct context *x, value name)
{
    return alias_new(x, name, NULL);
}

struct binding *bind(struct context *x, struct scope *scope, value id)
{
    struct binding *b = arena_alloc(x->vm, sizeof *b);
    *b = (struct binding){ .next = scope->bindings, .id = id, .syntax = FALSE };
    scope->bindings = b;
    return b;
}

/* Data of this size that has no end is a cycle, which no macro can have made: it has no aliases. */
enum { STRIP_MAX = 1 << 24 };

static bool has_alias(struct vm *vm, value v, int *budget)
{
    depth_check(vm);
    for (; is_pair(v) && --*budget > 0; v = cdr(v))
        if (has_alias(vm, car(v), budget))
            return true;
    if (is_vector(v))
        for (uint32_t i = 0; i < object_of(v)->count && --*budget > 0; i++)
            if (has_alias(vm, vector_of(v)->item[i], budget))
                return true;
    return is_alias(v);
}

static value strip_copy(struct vm *vm, value v)
{
    depth_check(vm);
    if (is_alias(v))
        return identifier_symbol(v);
    if (is_pair(v)) {
        value first = NIL, last = NIL;
        for (; is_pair(v); v = cdr(v)) {
            value p = cons(vm, strip_copy(vm, car(v)), NIL);
            if (first == NIL)
                first = p;
            else
                set_cdr(last, p);
            last = p;
        }
        set_cdr(last, strip_copy(vm, v));
        return first;
    }
    if (!is_vector(v))
        return v;
    value copy = vector_new(vm, object_of(v)->count, FALSE);
    for (uint32_t i = 0; i < object_of(v)->count; i++)
        mem_write(&vector_of(copy)->item[i], strip_copy(vm, vector_of(v)->item[i]));
    return copy;
}

value strip(struct context *x, value v)
{
    int budget = STRIP_MAX;
    return x->aliases && has_alias(x->vm, v, &budget) ? strip_copy(x->vm, v) : v;
}

/* ---- syntax-rules: matching -------------------------------------------------------------------------- */

value macro_make(struct context *x, value spec, struct scope *scope)
{
    value ellipsis = known[SYM_ELLIPSIS], rest = cdr(spec);
    if (is_pair(rest) && is_identifier(car(rest))) {
        ellipsis = car(rest);
        rest = cdr(rest);
    }
    if (!is_pair(rest) || list_length(car(rest)) < 0 || list_length(cdr(rest)) < 0)
        bad_syntax(x, spec, "bad syntax-rules");
    for (value r = cdr(rest); r != NIL; r = cdr(r))
        if (list_length(car(r)) != 2 || !is_pair(car(car(r))))
            bad_syntax(x, spec, "a rule is not (pattern template)");
    struct macro *m = object_new(x->vm, TYPE_MACRO, 3, sizeof m->scope);
    mem_init(&m->literals, car(rest));
    mem_init(&m->rules, cdr(rest));
    mem_init(&m->ellipsis, ellipsis);
    m->scope = scope;
    return (value)m;
}

struct match {
    struct context *x;
    struct macro *macro;
    struct scope *scope; /* of the macro's use */
    value found;         /* list of (variable depth . what), where depth counts ellipses: what is a list then */
    value aliases;       /* list of (symbol . alias) of this expansion */
};

static bool is_ellipsis(const struct match *m, value v)
{
    return is_identifier(v) && identifier_symbol(v) == identifier_symbol(m->macro->ellipsis);
}

static bool is_member(value v, value items)
{
    for (; is_pair(items); items = cdr(items))
        if (car(items) == v)
            return true;
    return false;
}

static void note(struct match *m, value variable, intptr_t depth, value what)
{
    struct vm *vm = m->x->vm;
    m->found = cons(vm, cons(vm, variable, cons(vm, fixnum(depth), what)), m->found);
}

/* The variables of a pattern, in front of `names`: list of (variable . depth). */
static value pattern_variables(struct match *m, value pattern, intptr_t depth, value names)
{
    struct vm *vm = m->x->vm;
    depth_check(vm);
    if (is_identifier(pattern)) {
        bool plain = !is_ellipsis(m, pattern) && !is_member(pattern, m->macro->literals);
        return plain ? cons(vm, cons(vm, pattern, fixnum(depth)), names) : names;
    }
    for (; is_pair(pattern); pattern = cdr(pattern)) {
        bool many = is_pair(cdr(pattern)) && is_ellipsis(m, car(cdr(pattern)));
        names = pattern_variables(m, car(pattern), depth + many, names);
    }
    if (is_vector(pattern))
        for (uint32_t i = 0; i < object_of(pattern)->count; i++) {
            bool many = i + 1 < object_of(pattern)->count && is_ellipsis(m, vector_of(pattern)->item[i + 1]);
            names = pattern_variables(m, vector_of(pattern)->item[i], depth + many, names);
        }
    return pattern == NIL || is_vector(pattern) || !is_identifier(pattern)
               ? names
               : pattern_variables(m, pattern, depth, names);
}

static bool match(struct match *m, value pattern, value form);

/* What a variable matched in one of an ellipsis' items. */
static value found_in(value found, value variable)
{
    for (; found != NIL; found = cdr(found))
        if (car(car(found)) == variable)
            return cdr(cdr(car(found)));
    return NIL;
}

/* (sub ... rest) against a form: as many as leave enough for the rest. */
static bool match_ellipsis(struct match *m, value sub, value rest, value form)
{
    struct vm *vm = m->x->vm;
    intptr_t length = 0, needed = 0;
    for (value f = form; is_pair(f); f = cdr(f))
        length++;
    for (value r = rest; is_pair(r); r = cdr(r))
        needed++;
    if (length < needed)
        return false;
    value outside = m->found, each = NIL; /* what the items found, last first */
    for (intptr_t i = length - needed; i > 0; i--, form = cdr(form)) {
        m->found = NIL;
        if (!match(m, sub, car(form)))
            return false;
        each = cons(vm, m->found, each);
    }
    m->found = outside;
    for (value v = pattern_variables(m, sub, 1, NIL); v != NIL; v = cdr(v)) {
        value all = NIL;
        for (value e = each; e != NIL; e = cdr(e))
            all = cons(vm, found_in(car(e), car(car(v))), all);
        note(m, car(car(v)), fixnum_of(cdr(car(v))), all);
    }
    return match(m, rest, form);
}

static value vector_list(struct vm *vm, value v)
{
    value l = NIL;
    for (uint32_t i = object_of(v)->count; i-- > 0;)
        l = cons(vm, vector_of(v)->item[i], l);
    return l;
}

static bool match(struct match *m, value pattern, value form)
{
    struct vm *vm = m->x->vm;
    depth_check(vm);
    if (is_identifier(pattern)) {
        if (is_member(pattern, m->macro->literals))
            return is_identifier(form) && same_meaning(form, m->scope, pattern, m->macro->scope);
        if (identifier_symbol(pattern) != known[SYM_UNDERSCORE])
            note(m, pattern, 0, form);
        return true;
    }
    if (is_pair(pattern)) {
        if (is_pair(cdr(pattern)) && is_ellipsis(m, car(cdr(pattern))))
            return match_ellipsis(m, car(pattern), cdr(cdr(pattern)), form);
        return is_pair(form) && match(m, car(pattern), car(form)) && match(m, cdr(pattern), cdr(form));
    }
    if (is_vector(pattern))
        return is_vector(form) && match(m, vector_list(vm, pattern), vector_list(vm, form));
    return pattern == NIL ? form == NIL : is_equal(vm, pattern, strip(m->x, form));
}

/* ---- syntax-rules: templates ------------------------------------------------------------------------- */

static value lookup(value found, value id)
{
    for (; found != NIL; found = cdr(found))
        if (car(car(found)) == id)
            return cdr(car(found));
    return FALSE;
}

static value renamed(struct match *m, value id)
{
    for (value a = m->aliases; a != NIL; a = cdr(a))
        if (car(car(a)) == id)
            return cdr(car(a));
    value alias = alias_new(m->x, id, m->macro->scope);
    m->aliases = cons(m->x->vm, cons(m->x->vm, id, alias), m->aliases);
    return alias;
}

static value fill(struct match *m, value template, value found, bool escaped);

/* The variables of a template that an ellipsis behind it repeats. */
static value repeated(struct match *m, value template, value found, value names)
{
    depth_check(m->x->vm);
    if (is_identifier(template)) {
        value what = lookup(found, template);
        return what != FALSE && fixnum_of(car(what)) > 0 ? cons(m->x->vm, template, names) : names;
    }
    if (is_vector(template))
        template = vector_list(m->x->vm, template);
    for (; is_pair(template); template = cdr(template))
        names = repeated(m, car(template), found, names);
    return is_identifier(template) ? repeated(m, template, found, names) : names;
}

/* (sub ...), with what follows in `rest` (filled already) behind it; depth ellipses. */
static value fill_many(struct match *m, value sub, value found, int depth, value rest)
{
    struct vm *vm = m->x->vm;
    value names = repeated(m, sub, found, NIL);
    if (names == NIL)
        bad_syntax(m->x, sub, "nothing to repeat before ...");
    value rows = NIL, left = NIL; /* what is left of each variable: (variable depth . items) */
    for (; names != NIL; names = cdr(names)) {
        value what = lookup(found, car(names));
        left = cons(vm, cons(vm, car(names), cons(vm, fixnum(fixnum_of(car(what)) - 1), cdr(what))), left);
    }
    for (;;) { /* with the next item of each, until one has none */
        value inner = found, next = NIL;
        for (; left != NIL && is_pair(cdr(cdr(car(left)))); left = cdr(left)) {
            value name = car(car(left)), level = car(cdr(car(left))), items = cdr(cdr(car(left)));
            inner = cons(vm, cons(vm, name, cons(vm, level, car(items))), inner);
            next = cons(vm, cons(vm, name, cons(vm, level, cdr(items))), next);
        }
        if (left != NIL)
            break;
        left = next;
        rows = cons(vm, depth > 1 ? fill_many(m, sub, inner, depth - 1, NIL) : fill(m, sub, inner, false), rows);
    }
    for (; rows != NIL; rows = cdr(rows)) {
        if (depth == 1) {
            rest = cons(vm, car(rows), rest);
            continue;
        }
        for (value row = list_reverse(vm, car(rows)); row != NIL; row = cdr(row))
            rest = cons(vm, car(row), rest);
    }
    return rest;
}

static value fill(struct match *m, value template, value found, bool escaped)
{
    struct vm *vm = m->x->vm;
    depth_check(vm);
    if (is_identifier(template)) {
        value what = lookup(found, template);
        return what != FALSE ? cdr(what) : renamed(m, template);
    }
    if (is_vector(template)) {
        value items = fill(m, vector_list(vm, template), found, escaped);
        intptr_t n = list_length(items);
        value v = vector_new(vm, n < 0 ? 0 : (size_t)n, FALSE);
        for (intptr_t i = 0; i < n; i++, items = cdr(items))
            mem_write(&vector_of(v)->item[i], car(items));
        return v;
    }
    if (!is_pair(template))
        return template;
    if (!escaped && is_ellipsis(m, car(template)) && is_pair(cdr(template)))
        return fill(m, car(cdr(template)), found, true);
    int depth = 0;
    value rest = cdr(template);
    for (; !escaped && is_pair(rest) && is_ellipsis(m, car(rest)); rest = cdr(rest))
        depth++;
    value tail = fill(m, rest, found, escaped);
    if (depth > 0)
        return fill_many(m, car(template), found, depth, tail);
    return cons(vm, fill(m, car(template), found, escaped), tail);
}

value macro_expand(struct context *x, value macro, value form, struct scope *scope)
{
    struct match m = { .x = x, .macro = macro_of(macro), .scope = scope, .aliases = NIL };
    for (value r = m.macro->rules; r != NIL; r = cdr(r)) {
        m.found = NIL;
        if (match(&m, cdr(car(car(r))), cdr(form)))
            return fill(&m, car(cdr(car(r))), m.found, false);
    }
    bad_syntax(x, form, "no rule of the macro matches");
}
