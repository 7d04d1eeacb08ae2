/* why: a shortest path from a root to an object. docs/debugging.md describes the lines. */
#include "gc/verify.h"

#include "gc/collector.h"

/* An object that was reached, and how. Steps stand in the order in which objects were reached, which
   is that in which a walk in breadth reads them. */
struct step {
    uintptr_t object;
    const struct step *parent; /* NULL: from a root */
    uintptr_t slot;
    const char *name;          /* of the root */
    enum root_class class;
};

struct why {
    struct walk walk; /* first */
    struct text_out out;
    uintptr_t hidden; /* the complement of what was asked for: our own frames are scanned, too */
    uintptr_t frame;  /* of grey_why_live(): this stack's words below it are ours */
    struct pile steps;
    struct pile_cursor next;
    const struct step *reading; /* the step of walk.now */
    const struct step *end;     /* the step of what was asked for */
    struct step direct;         /* a thread's own word that names it */
    bool found;
};

static struct step step_of(const struct walk_edge *e, const struct object *to)
{
    return (struct step){ .object = to->base, .slot = e->slot, .name = e->name, .class = e->class };
}

/* Whoever asks why an object lives holds its address in a variable. A thread's own word is therefore an
   answer only when there is no other. */
static bool found(struct walk *w, const struct walk_edge *e, const struct object *to)
{
    struct why *y = (struct why *)w;
    if (to->base != ~y->hidden || e->from != NULL || !root_is_private(e->class))
        return true;
    bool ours = e->slot >= (uintptr_t)__builtin_frame_address(0) && e->slot < y->frame;
    if (!ours && y->direct.object == 0)
        y->direct = step_of(e, to);
    return false;
}

static void reached(struct walk *w, const struct walk_edge *e, const struct object *to)
{
    struct why *y = (struct why *)w;
    while (e->from != NULL && (y->reading == NULL || y->reading->object != e->from->base))
        y->reading = pile_next(&y->steps, &y->next);
    struct step *s = pile_add(&y->steps);
    if (s == NULL) {
        w->failed = w->stop = true;
        return;
    }
    *s = step_of(e, to);
    s->parent = e->from == NULL ? NULL : y->reading;
    if (to->base == ~y->hidden) {
        y->end = s;
        w->stop = true;
    }
}

/* ---- the path as text ---- */

/* Steps know where they came from; lines go the other way. Turned round, parent is what follows. */
static struct step *turned(const struct step *end)
{
    struct step *s = (struct step *)end, *after = NULL; /* in a pile of our own */
    while (s != NULL) {
        struct step *before = (struct step *)s->parent;
        s->parent = after;
        after = s;
        s = before;
    }
    return after;
}

static void put_path(struct text_out *t, const struct step *s)
{
    struct walk_edge root = { .class = s->class, .name = s->name, .slot = s->slot };
    text_put_root(t, &root);
    text_put(t, " %p\n", (void *)s->object);
    for (; s != NULL; s = s->parent) {
        struct object o;
        if (!object_find(s->object, &o))
            return;
        text_put_object(t, &o);
        if (s->parent != NULL && s->parent->slot - o.base < o.size)
            text_put(t, " %zu>%p", (size_t)(s->parent->slot - o.base), (void *)s->parent->object);
        else if (s->parent != NULL)
            text_put(t, " ->%p", (void *)s->parent->object);
        text_put(t, "\n");
    }
}

static void why_stopped(void *why)
{
    struct why *y = why;
    struct object o;
    if (!object_find(~y->hidden, &o))
        return;
    y->hidden = ~o.base;
    if (!walk_open(&y->walk) || !walk_all_stopped(&y->walk))
        report_line("grey_why_live: no memory");
    else if (y->end != NULL)
        put_path(&y->out, turned(y->end));
    else if (y->direct.object != 0)
        put_path(&y->out, &y->direct);
    y->found = y->end != NULL || y->direct.object != 0;
    walk_close(&y->walk);
    pile_release(&y->steps);
}

/* p is forgotten before threads are stopped. */
static bool GREY_NOINLINE why_live(uintptr_t hidden, int fd, uintptr_t frame)
{
    struct why y = { .walk = { .found = found, .reached = reached, .breadth_first = true },
                     .out = { .fd = fd }, .hidden = hidden, .frame = frame,
                     .steps = { .size = sizeof(struct step) } };
    struct mutator *m = mutator_enter("grey_why_live");
    if (m == NULL)
        return false;
    mutator_leave(m);
    if (!collector_with_world_stopped(m, why_stopped, &y))
        report_line("grey_why_live: no memory");
    text_flush(&y.out);
    return y.found;
}

bool grey_why_live(const void *p, int fd)
{
    uintptr_t hidden = ~(uintptr_t)p;
    p = NULL;
    __asm__ __volatile__("" : "+r"(hidden), "+m"(p)); /* the place of p, if it has one, no longer has it */
    return why_live(hidden, fd, (uintptr_t)__builtin_frame_address(0));
}
