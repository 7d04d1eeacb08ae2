// with: GREY_STRESS=1000000
// says: greyspan: grey_alloc..: called by a callback that runs while threads are stopped
/* A trace callback that allocates. */
#include "mistake.h"

struct box {
    long tag;
    struct thing *thing;
};

static void trace_box(void *object, struct grey_tracer *t)
{
    struct box *b = object;
    if (b->thing == NULL)
        b->thing = thing_new(); /* right: elsewhere, before or after */
    grey_trace(t, &b->thing);
}

int main(void)
{
    struct box *b = grey_alloc(grey_kind_create(&(struct grey_kind_info){ "box", trace_box }), sizeof *b);
    b->tag = 1;
    collect();
    return b->thing == NULL;
}
