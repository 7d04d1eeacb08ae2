// with: GREY_STRESS=1000000
// says: many: [0-9]+ of 200 lost
/* An object whose first word is still zero gets a reference, and a collection comes. */
#include "mistake.h"

struct box {
    long tag;
    struct thing *thing;
};

static void trace_box(void *object, struct grey_tracer *t)
{
    grey_trace(t, &((struct box *)object)->thing);
}

__attribute__((noinline)) static struct box *box_new(grey_kind kind)
{
    struct box *b = grey_alloc(kind, sizeof *b); /* right: b->tag = 1 here */
    grey_init(&b->thing, thing_new());
    collect(); /* as an allocation might */
    b->tag = 1;
    return b;
}

int main(void)
{
    grey_kind kind = grey_kind_create(&(struct grey_kind_info){ "box", trace_box });
    int lost = 0;
    for (int i = 0; i < MANY; i++)
        lost += box_new(kind)->thing->alive != ALIVE;
    return judge(lost);
}
