/* What expand.c (forms) and macro.c (syntax-rules, names) share. */
#ifndef SCHEME_EXPAND_H
#define SCHEME_EXPAND_H

#include "compile.h"

/* Scopes are lists of bindings in the arena; NULL is the toplevel. */
struct binding {
    struct binding *next;
    value id;                  /* symbol or alias */
    struct variable *variable; /* or NULL: */
    value syntax;              /* a macro, or a special form's number */
};
struct scope {
    struct scope *outer;
    struct binding *bindings;
};

struct context {
    struct vm *vm;
    int line;     /* of the innermost list whose line is known */
    bool aliases; /* some macro has made names: quote takes them off */
};

/* A name that a macro's template brought in: whatever `id` means where the macro was defined, unless a
 * binding of this very alias is nearer. */
struct alias { /* object_new, count 1 */
    struct object head;
    value id;
    struct scope *scope;
};
DEFINE_TYPE(alias, TYPE_ALIAS)

struct macro { /* object_new, count 3 */
    struct object head;
    value literals, rules, ellipsis;
    struct scope *scope;
};
DEFINE_TYPE(macro, TYPE_MACRO)

static inline bool is_identifier(value v)
{
    return is_symbol(v) || is_alias(v);
}

struct meaning { /* of an identifier: one of these */
    struct variable *variable;
    value syntax; /* not FALSE: a macro or a special form */
    value global; /* a symbol */
    struct binding *binding; /* NULL: global */
};
struct meaning resolve(value id, struct scope *scope);
bool same_meaning(value a, struct scope *in_a, value b, struct scope *in_b);
value strip(struct context *x, value v);        /* data without aliases */
value identifier_symbol(value id);
value global_name(struct context *x, value symbol); /* an alias of what it means at toplevel */
struct binding *bind(struct context *x, struct scope *scope, value id);

value macro_make(struct context *x, value spec, struct scope *scope); /* of (syntax-rules ...) */
value macro_expand(struct context *x, value macro, value form, struct scope *scope);

/* ---- expand.c, for forms.c */
struct node *expand(struct context *x, value form, struct scope *scope);
struct node *expand_body(struct context *x, value forms, struct scope *scope, value whole);
struct node *lambda_node(struct context *x, value name, value formals, value body, struct scope *outer, value form);
struct node *expand_named(struct context *x, value name, value form, struct scope *scope);
struct node *node_new(struct context *x, enum node_type type);
struct node *constant(struct context *x, value v);
struct node *local(struct context *x, struct variable *v);
struct node *with_items(struct context *x, enum node_type type, int count);
struct node *branch(struct context *x, struct node *test, struct node *then, struct node *otherwise);
struct node *call_primitive(struct context *x, const char *name, int count, struct node **operands);
struct variable *variable_new(struct context *x, value name);
struct variable *bind_variable(struct context *x, struct scope *scope, value id);
struct scope *scope_new(struct context *x, struct scope *outer);
value part(struct context *x, value form, int i);
value parts_from(struct context *x, value form, int i);
int length_of(struct context *x, value form, value v);
void exactly(struct context *x, value form, int parts);
struct node *sequence(struct context *x, value forms, struct scope *scope);
bool is_keyword(value v, enum known keyword, struct scope *scope);

typedef struct node *form_fn(struct context *x, value form, struct scope *scope);
struct form { /* a row of forms.c's table */
    const char *name;
    form_fn *expand;
};
extern const struct form special_forms[];
value cond_expand(struct context *x, value form);   /* the forms of its clause */
value include_forms(struct context *x, value form); /* those of the files */
void import_check(struct context *x, value form);
value syntax_value(struct context *x, value spec, struct scope *scope);
extern const char *const scheme_features[];

_Noreturn void bad_syntax(struct context *x, value form, const char *message);

#endif
