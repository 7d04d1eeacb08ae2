// with: GREY_STRESS=1
// says: most are lost
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
    thing_new(); /* collects, for every allocation does */
    b->tag = 1;
    return b;
}

int main(void)
{
    static struct box *boxes[MANY];
    grey_kind kind = grey_kind_create(&(struct grey_kind_info){ "box", trace_box });
    int lost = 0;
    for (int i = 0; i < MANY; i++)
        boxes[i] = box_new(kind);
    for (int i = 0; i < MANY; i++)
        lost += boxes[i]->thing->alive != ALIVE;
    return judge(lost);
}
