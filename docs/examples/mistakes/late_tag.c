// with: GREY_STRESS=1000000
// says: many: [0-9]+ of 200 lost
/* Objects whose first word is still zero have references already when a collection comes. */
#include "mistake.h"

struct box {
    long tag;
    struct thing *thing;
};

static void trace_box(void *object, struct grey_tracer *t)
{
    grey_trace(t, &((struct box *)object)->thing);
}

__attribute__((noinline)) static void fill(grey_kind kind, struct box **boxes)
{
    for (int i = 0; i < MANY; i++) {
        boxes[i] = grey_alloc(kind, sizeof **boxes); /* right: boxes[i]->tag = 1 here */
        grey_write(&boxes[i]->thing, thing_new());
    }
}

int main(void)
{
    static struct box *boxes[MANY];
    int lost = 0;
    fill(grey_kind_create(&(struct grey_kind_info){ "box", trace_box }), boxes);
    collect();
    for (int i = 0; i < MANY; i++) {
        boxes[i]->tag = 1;
        lost += boxes[i]->thing->alive != ALIVE;
    }
    return judge(lost);
}
