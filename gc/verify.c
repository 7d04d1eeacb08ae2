/* verify: see verify.h. */
#include "gc/verify.h"

#include "gc/collector.h"
#include "gc/kind.h"

enum { LINES_MAX = 10 }; /* said of one verification; the rest is counted */

struct verify_counts verify_counts;

struct verify {
    struct walk walk; /* first */
    struct verify_counts counts;
    bool marks;       /* are there mark bits to compare with? */
    size_t lines;
};

/* ---- the roots as they were before the mark ---- */

struct root_word {
    uintptr_t slot, value;
};

/* [stopped] */
static struct {
    struct pile words;
    bool made;
} before = { .words = { .size = sizeof(struct root_word) } };

static bool note_root(struct walk *w, const struct walk_edge *e, const struct object *to)
{
    (void)to;
    struct root_word *word = e->exact ? NULL : pile_add(&before.words);
    if (word != NULL)
        *word = (struct root_word){ e->slot, e->value };
    else if (!e->exact)
        w->failed = w->stop = true;
    return false;
}

static void forget_roots(void)
{
    pile_release(&before.words);
    before.made = false;
}

void verify_begin_stopped(void)
{
    struct walk w = { .found = note_root };
    forget_roots();
    walk_roots_stopped(&w);
    before.made = !w.failed;
}

struct search {
    struct root_word word;
    bool found;
};

static void compare_word(void *record, void *search)
{
    struct search *s = search;
    const struct root_word *w = record;
    s->found |= w->slot == s->word.slot && w->value == s->word.value;
}

/* Asked of the few roots that name an object without a mark. */
static bool was_there_before(const struct walk_edge *e)
{
    struct search s = { .word = { e->slot, e->value } };
    if (e->exact || !before.made)
        return true;
    pile_each(&before.words, compare_word, &s);
    return s.found;
}

/* ---- sentences ---- */

enum { WHERE_MAX = 256 };

/* Where a reference was found, for people. */
static const char *where(const struct walk_edge *e, char out[WHERE_MAX])
{
    if (e->from == NULL) {
        size_t n = e->slot == 0 ? report_format(out, WHERE_MAX, "a root")
                                : report_format(out, WHERE_MAX, "the word at %p", (void *)e->slot);
        report_format(out + n, WHERE_MAX - n, " (%s%s%s)", walk_class_name(e->class),
                      e->name == NULL ? "" : " of ", e->name == NULL ? "" : e->name);
    } else if (e->slot - e->from->base < e->from->size) {
        report_format(out, WHERE_MAX, "offset %zu of object %p (kind \"%s\", %zu bytes)",
                      (size_t)(e->slot - e->from->base), (void *)e->from->base,
                      kind_name(e->from->span->kind), e->from->size);
    } else {
        report_format(out, WHERE_MAX, "object %p (kind \"%s\", %zu bytes)", (void *)e->from->base,
                      kind_name(e->from->span->kind), e->from->size);
    }
    return out;
}

static bool may_say(struct verify *v)
{
    return ++v->lines <= LINES_MAX;
}

/* ---- the second mark ---- */

static bool found(struct walk *w, const struct walk_edge *e, const struct object *to)
{
    const struct verify *v = (const struct verify *)w;
    return !v->marks || e->from != NULL || object_is_marked(to) || was_there_before(e);
}

static void reached(struct walk *w, const struct walk_edge *e, const struct object *to)
{
    struct verify *v = (struct verify *)w;
    char from[WHERE_MAX];
    if (!v->marks || object_is_marked(to))
        return;
    v->counts.missed++;
    if (may_say(v))
        report_line("verify: object %p (kind \"%s\", %zu bytes) can be reached but is not marked:"
                    " %s refers to it",
                    (void *)to->base, kind_name(to->span->kind), to->size, where(e, from));
}

static void dangling(struct walk *w, const struct walk_edge *e)
{
    struct verify *v = (struct verify *)w;
    char from[WHERE_MAX];
    v->counts.dangling++;
    if (may_say(v))
        report_line("verify: %s refers to %p, where no object is: it was freed too early", where(e, from),
                    (void *)e->value);
}

static void dead_key(struct walk *w, const struct walk_edge *e, const struct object *key)
{
    struct verify *v = (struct verify *)w;
    char from[WHERE_MAX];
    if (!v->marks || object_is_marked(key))
        return;
    v->counts.dangling++;
    if (may_say(v))
        report_line("verify: %s refers to its key %p, which is dead", where(e, from), (void *)key->base);
}

static void count_floating(const struct object *o, void *verify)
{
    struct verify *v = verify;
    if (object_is_marked(o) && !walk_has_reached(&v->walk, o) && !walk_is_spare_stopped(o))
        v->counts.floating++;
}

static bool verify_stopped(bool marks)
{
    struct verify v = { .walk = { .found = found, .reached = reached, .dangling = dangling,
                                  .dead_key = dead_key },
                        .marks = marks };
    bool walked = walk_open(&v.walk) && walk_all_stopped(&v.walk);
    if (!walked)
        report_line("verify: no memory");
    v.counts.reached = v.walk.objects;
    if (walked && marks)
        object_each_stopped(count_floating, &v);
    walk_close(&v.walk);
    forget_roots();
    if (v.lines != 0)
        report_line("verify: of %zu objects that can be reached %zu are not marked; %zu references dangle",
                    v.counts.reached, v.counts.missed, v.counts.dangling);
    verify_counts = v.counts;
    return space_check_stopped() && v.lines == 0;
}

bool verify_marks_stopped(void)
{
    return verify_stopped(true);
}

static void verify_between_cycles(void *ok)
{
    *(bool *)ok = verify_stopped(false);
}

bool grey_verify(void)
{
    bool ok = false;
    struct mutator *m = mutator_enter("grey_verify");
    if (m == NULL)
        return false;
    mutator_leave(m);
    if (!collector_with_world_stopped(m, verify_between_cycles, &ok))
        report_line("grey_verify: no memory");
    return ok;
}

/* ---- trace callbacks at odd moments ---- */

struct odd {
    struct grey_tracer tracer; /* first */
    const struct object *object;
    bool zero; /* has nobody written to the object yet? */
};

static void odd_report(const struct odd *d, const char *sentence, const void *slot)
{
    report_misuse_args(sentence, "check_trace: kind \"%s\", object %p of %zu bytes%s, slot %p",
                       kind_name(d->object->span->kind), (void *)d->object->base, d->object->size,
                       d->zero ? ", all zero" : "", slot);
}

/* Memory beside the object is none of the callback's business while the object is all zero, and never
   if it belongs to another object. */
static bool is_its_own(const struct odd *d, uintptr_t from, size_t bytes)
{
    struct object other;
    if (from - d->object->base < d->object->size && bytes <= d->object->base + d->object->size - from)
        return true;
    return !d->zero && from >= PAGE_BYTES && !object_find(from, &other);
}

static void odd_edge(struct grey_tracer *t, void *slot, void *value)
{
    const struct odd *d = (const struct odd *)t;
    if (slot == NULL)
        return;
    if (!is_its_own(d, (uintptr_t)slot, sizeof(void *)))
        odd_report(d, "the slot does not lie in the object", slot);
    else if (d->zero && value != NULL)
        odd_report(d, "the slot holds NULL, and the callback says otherwise", slot);
}

static void odd_words(struct grey_tracer *t, void *from, size_t count)
{
    const struct odd *d = (const struct odd *)t;
    if (count != 0 && !is_its_own(d, (uintptr_t)from, count * sizeof(void *)))
        odd_report(d, "the words do not lie in the object", from);
}

static void call_odd(const struct object *o, bool zero)
{
    struct odd d = { .tracer = { .edge = odd_edge, .words = odd_words }, .object = o, .zero = zero };
    /* The collector spares callbacks what has a first word of zero; here they must bear with it. */
    kind_of(o->span->kind)->callback((void *)o->base, &d.tracer);
}

void verify_trace_odd(const struct object *o)
{
    if (o->span->trace == TRACE_CUSTOM)
        call_odd(o, true);
}

static bool is_zero(const struct object *o)
{
    for (const uintptr_t *p = (const uintptr_t *)o->base; p < (const uintptr_t *)(o->base + o->size); p++)
        if (*p != 0)
            return false;
    return true;
}

static void check_traced(const struct object *o, void *unused)
{
    (void)unused;
    if (o->span->trace == TRACE_CUSTOM && object_is_marked(o))
        call_odd(o, is_zero(o));
}

void verify_traces_stopped(void)
{
    object_each_stopped(check_traced, NULL);
}
