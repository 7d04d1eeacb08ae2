/* dump: every root and object as text. docs/debugging.md describes the format. */
#include "gc/verify.h"

#include "gc/collector.h"
#include "gc/kind.h"

#include <errno.h>
#include <string.h>

/* ---- text ---- */

#define TEXT_BYTES KIB(256)

struct text_chunk {
    struct text_chunk *next;
    size_t used;
    char text[];
};

static void write_out(struct text_out *t, const char *s, size_t n)
{
    if (t->error == 0)
        t->error = os_write(t->fd, s, n);
}

/* Writes all chunks, and gives back those behind the first. */
static void write_chunks(struct text_out *t)
{
    for (struct text_chunk *c = t->first, *next; c != NULL; c = next) {
        next = c->next;
        write_out(t, c->text, c->used);
        c->used = 0;
        if (c != t->first)
            os_release(c, TEXT_BYTES);
    }
    if (t->first != NULL)
        t->first->next = NULL;
    t->last = t->first;
}

/* When the system gives no memory, text is written although threads are stopped: a reader that is one
   of them would be waited for in vain, but the alternative is to say nothing. */
static struct text_chunk *text_room(struct text_out *t)
{
    struct text_chunk *c = os_map(TEXT_BYTES);
    if (c == NULL) {
        write_chunks(t);
        return t->last;
    }
    if (t->last != NULL)
        t->last->next = c;
    else
        t->first = c;
    return t->last = c;
}

static void put_bytes(struct text_out *t, const char *s, size_t n)
{
    struct text_chunk *c = t->last;
    if (c == NULL || n > TEXT_BYTES - sizeof *c - c->used)
        c = text_room(t);
    if (c == NULL) {
        write_out(t, s, n);
        return;
    }
    memcpy(c->text + c->used, s, n);
    c->used += n;
}

void text_put(struct text_out *t, const char *fmt, ...)
{
    char piece[REPORT_LINE_MAX];
    va_list args;
    va_start(args, fmt);
    size_t n = report_format_list(piece, sizeof piece, fmt, args);
    va_end(args);
    put_bytes(t, piece, n);
}

void text_put_name(struct text_out *t, const char *name)
{
    if (name == NULL || *name == '\0')
        name = "-";
    for (; *name != '\0'; name++) {
        unsigned char c = (unsigned char)*name;
        if (c > ' ' && c < 0x7f && c != '%')
            put_bytes(t, name, 1);
        else
            text_put(t, "%%%c%c", "0123456789abcdef"[c / 16], "0123456789abcdef"[c % 16]);
    }
}

/* Whoever reads what is written, if it goes into a pipe, may collect meanwhile. */
void text_flush(struct text_out *t)
{
    grey_blocking_enter();
    write_chunks(t);
    grey_blocking_leave();
    if (t->first != NULL)
        os_release(t->first, TEXT_BYTES);
    t->first = t->last = NULL;
}

/* ---- lines ---- */

void text_put_root(struct text_out *t, const struct walk_edge *e)
{
    text_put(t, "root %s ", walk_class_name(e->class));
    text_put_name(t, e->name);
    if (e->slot != 0)
        text_put(t, " %p", (void *)e->slot);
    else
        text_put(t, " -");
}

static const char *type_name(const struct object *o)
{
    if (o->span->trace != TRACE_TYPE)
        return NULL;
    const struct grey_type *type = *(const struct grey_type *const *)(o->base + o->size - sizeof(void *));
    return type == NULL ? NULL : type->name;
}

void text_put_object(struct text_out *t, const struct object *o)
{
    text_put(t, "object %p %zu ", (void *)o->base, o->size);
    text_put_name(t, kind_name(o->span->kind));
    text_put(t, " ");
    text_put_name(t, type_name(o));
}

struct dump {
    struct walk walk; /* first */
    struct text_out out;
    bool walked;      /* is it known who lives? */
    size_t roots, objects, edges;
};

static void put_target(struct text_out *t, const struct walk_edge *e, const struct object *to)
{
    text_put(t, "%p", (void *)to->base);
    if (e->value != to->base)
        text_put(t, "+%zu", (size_t)(e->value - to->base));
}

static bool root_found(struct walk *w, const struct walk_edge *e, const struct object *to)
{
    struct dump *d = (struct dump *)w;
    text_put_root(&d->out, e);
    text_put(&d->out, " ");
    put_target(&d->out, e, to);
    text_put(&d->out, "\n");
    d->roots++;
    return false;
}

static bool edge_found(struct walk *w, const struct walk_edge *e, const struct object *to)
{
    static const char *const strengths[] = { "", "key:", "value:" };
    struct dump *d = (struct dump *)w;
    text_put(&d->out, " %s", strengths[e->strength]);
    if (e->slot == 0)
        text_put(&d->out, "-");
    else if (e->slot - e->from->base < e->from->size)
        text_put(&d->out, "%zu", (size_t)(e->slot - e->from->base));
    else
        text_put(&d->out, "%p", (void *)e->slot);
    text_put(&d->out, ">");
    put_target(&d->out, e, to);
    d->edges++;
    return false;
}

static void dump_object(const struct object *o, void *dump)
{
    struct dump *d = dump;
    if (walk_is_spare_stopped(o))
        return;
    text_put_object(&d->out, o);
    text_put(&d->out, " %s", !d->walked ? "unknown" : walk_has_reached(&d->walk, o) ? "live" : "dead");
    walk_object_stopped(&d->walk, o);
    text_put(&d->out, "\n");
    d->objects++;
}

static void dump_stopped(void *dump)
{
    struct dump *d = dump;
    text_put(&d->out, "greyspan-dump 1\n");
    d->walk.found = root_found;
    walk_roots_stopped(&d->walk);
    d->walk.found = NULL;
    d->walked = walk_open(&d->walk) && walk_all_stopped(&d->walk);
    d->walk.found = edge_found;
    object_each_stopped(dump_object, d);
    walk_close(&d->walk);
    text_put(&d->out, "end %zu roots %zu objects %zu edges\n", d->roots, d->objects, d->edges);
}

bool grey_dump(int fd)
{
    struct dump d = { .out = { .fd = fd } };
    struct mutator *m = mutator_enter("grey_dump");
    if (m == NULL)
        return false;
    mutator_leave(m);
    if (!collector_with_world_stopped(m, dump_stopped, &d))
        d.out.error = ENOMEM;
    text_flush(&d.out);
    if (d.out.error != 0)
        errno = d.out.error;
    return d.out.error == 0;
}
