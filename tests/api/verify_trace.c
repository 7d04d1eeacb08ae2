/* GREY_CHECK_TRACE: trace callbacks that name memory which is not theirs are told; others hear nothing. */
#include "api.h"

struct box {
    void *tag, *slots[3];
};

static void *stray[16];
static struct box *neighbour;

static void trace_right(void *object, struct grey_tracer *t)
{
    struct box *b = object;
    for (int i = 0; i < 3; i++)
        grey_trace(t, &b->slots[i]);
    grey_trace_value(t, b->tag);
    grey_trace_words(t, b->slots, 3);
}

/* Believes that a length was written before. */
static void trace_beyond(void *object, struct grey_tracer *t)
{
    struct box *b = object;
    t->edge(t, &b->slots[3], b->slots[0]);
}

static void trace_words_beyond(void *object, struct grey_tracer *t)
{
    grey_trace_words(t, object, 5);
}

static void trace_variable(void *object, struct grey_tracer *t)
{
    (void)object;
    t->edge(t, &stray[3], stray);
}

static void trace_other_value(void *object, struct grey_tracer *t)
{
    struct box *b = object;
    t->edge(t, &b->slots[0], object);
}

/* Right while the object is zero. */
static void trace_neighbour(void *object, struct grey_tracer *t)
{
    struct box *b = object;
    if (b->tag != NULL)
        t->edge(t, &neighbour->slots[0], neighbour->slots[0]);
}

static void trace_tables(void *object, struct grey_tracer *t)
{
    struct box *b = object;
    if (b->tag != NULL)
        grey_trace_words(t, b->tag, 4);
}

static const struct {
    const char *name;
    void (*trace)(void *object, struct grey_tracer *t);
    const char *says; /* the end of the first line */
} callbacks[] = {
    { "right", trace_right, NULL },
    { "tables", trace_tables, NULL }, /* memory of malloc's that belongs to the object */
    { "beyond", trace_beyond, ": the slot does not lie in the object\n" },
    { "words_beyond", trace_words_beyond, ": the words do not lie in the object\n" },
    { "variable", trace_variable, ": the slot does not lie in the object\n" },
    { "other_value", trace_other_value, ": the slot holds NULL, and the callback says otherwise\n" },
    { "neighbour", trace_neighbour, ": the slot does not lie in the object\n" },
};

static void *volatile kept[64];

static int run_callback(size_t which)
{
    struct grey_kind_info info = { callbacks[which].name, callbacks[which].trace };
    grey_kind kind = grey_kind_create(&info);
    for (int i = 0; i < 5000; i++) {
        struct box *b = grey_alloc(kind, sizeof *b);
        if (neighbour == NULL)
            neighbour = b;
        b->tag = callbacks[which].trace == trace_tables ? (void *)stray : (void *)b;
        grey_init(&b->slots[i % 3], b);
        kept[i % 64] = b;
    }
    grey_collect();
    return 0;
}

int main(int argc, char **argv)
{
    for (size_t i = 0; i < COUNT(callbacks); i++) {
        const char *name = callbacks[i].name, *says = callbacks[i].says;
        if (argc > 1 && strcmp(argv[1], name) == 0)
            return run_callback(i);
        if (argc > 1)
            continue;
        struct outcome *o = run_shell("ulimit -c 0; GREY_CHECK_TRACE=1 exec '%s' %s 2>&1", self_path(),
                                      name);
        char start[128];
        snprintf(start, sizeof start, "greyspan: check_trace: kind \"%s\", object 0x", name);
        if (says == NULL)
            CHECK(succeeded(o) && o->output[0] == '\0', "%s (status %#x) says: %s", name, (unsigned)o->status,
                  o->output);
        else
            CHECK(aborted(o) && strncmp(o->output, start, strlen(start)) == 0 && strstr(o->output, says),
                  "%s (status %#x) says: %s", name, (unsigned)o->status, o->output);
        o = run_shell("'%s' %s 2>&1", self_path(), name);
        CHECK(succeeded(o) && o->output[0] == '\0', "%s, unchecked, says: %s", name, o->output);
    }
    return result();
}
