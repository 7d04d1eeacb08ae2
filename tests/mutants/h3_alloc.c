/* A stale word that leads to a free slot: nobody traces what the object left there. */
#include "mutants.h"

enum { DEAD = 1 << 30, OBJECTS = 500 };

struct traced {
    uint64_t tag;
    struct traced *next;
};

static int traced_dead;

static void trace(void *object, struct grey_tracer *t)
{
    struct traced *o = (struct traced *)object;
    uint64_t tag = __atomic_load_n(&o->tag, __ATOMIC_RELAXED);
    if (tag == DEAD)
        __atomic_store_n(&traced_dead, 1, __ATOMIC_RELAXED);
    else
        grey_trace(t, &o->next);
}

static struct traced *stale[OBJECTS];

int main(int argc, char **argv)
{
    mutants_begin(argc, argv);
    grey_kind kind = grey_kind_create(&(struct grey_kind_info){ "traced", trace });
    for (size_t i = 0; i < OBJECTS; i++) {
        stale[i] = (struct traced *)grey_alloc(kind, sizeof *stale[i]);
        REQUIRE(stale[i] != NULL, "there is memory");
        stale[i]->tag = 1;
    }
    for (size_t i = 0; i < OBJECTS; i += 2) {
        stale[i]->tag = DEAD;
        grey_free(stale[i]);
    }
    grey_collect();
    if (traced_dead)
        seen("a freed object was traced");
    for (size_t i = 1; i < OBJECTS; i += 2)
        CHECK(stale[i]->tag == 1, "its neighbours live");
    return front_result();
}
