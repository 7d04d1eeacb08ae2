// with: GREY_STRESS=1000000
// says: many: [0-9]+ of 200 lost
/* A trace callback that leaves a field out. */
#include "mistake.h"

struct pair {
    long tag;
    struct thing *first, *second;
};

static void trace_pair(void *object, struct grey_tracer *t)
{
    struct pair *p = object;
    grey_trace(t, &p->first); /* right: grey_trace(t, &p->second), too */
}

__attribute__((noinline)) static void fill(grey_kind kind, struct pair **pairs)
{
    for (int i = 0; i < MANY; i++) {
        pairs[i] = grey_alloc(kind, sizeof **pairs);
        pairs[i]->tag = 1;
        grey_write(&pairs[i]->first, thing_new());
        grey_write(&pairs[i]->second, thing_new());
    }
}

int main(void)
{
    static struct pair *pairs[MANY];
    int lost = 0;
    fill(grey_kind_create(&(struct grey_kind_info){ "pair", trace_pair }), pairs);
    collect();
    for (int i = 0; i < MANY; i++)
        lost += pairs[i]->second->alive != ALIVE;
    return judge(lost);
}
