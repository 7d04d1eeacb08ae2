/* Ephemerons as an object's properties, from several threads while collections run: a property is there as
   long as its object, and not much longer. */
#include "api.h"
#include "blocking.h"

enum { THREADS = 3, OBJECTS = 400, STEPS = 20000 };

struct property {
    uint64_t of; /* the owner's number */
    void *owner; /* the value refers to its key: a table of strong references would never let go */
};

struct object {
    uint64_t number;
    void *filler[3];
};

static _Atomic uint64_t next_number;
static _Atomic int wrong, missing, cleared, whole;

static grey_ephemeron *give_property(struct object *o)
{
    struct property *p = grey_alloc(GREY_CONSERVATIVE, sizeof *p);
    p->of = o->number;
    grey_write(&p->owner, o);
    return grey_ephemeron_create(o, p);
}

/* One thread's objects, and the ephemerons of objects it dropped. */
struct table {
    void *object[OBJECTS], *property[OBJECTS], *orphan[OBJECTS];
};

static void look(struct table *t, size_t i)
{
    struct object *o = t->object[i];
    struct property *p = grey_ephemeron_value(t->property[i]);
    if (p == NULL || grey_ephemeron_key(t->property[i]) != o)
        missing++;
    else
        wrong += p->of != o->number || p->owner != o;
    grey_keep(o);
}

static void look_at_orphan(struct table *t, size_t i)
{
    struct object *o = grey_ephemeron_key(t->orphan[i]);
    struct property *p = grey_ephemeron_value(t->orphan[i]);
    if (p == NULL || o == NULL) {
        cleared++;
    } else {
        whole++;
        wrong += p->of != o->number || p->owner != o;
    }
}

static void *work(void *unused)
{
    grey_handle *h = grey_handle_create(grey_alloc(GREY_CONSERVATIVE, sizeof(struct table)));
    struct table *t = grey_handle_get(h);
    uint64_t seed = (uintptr_t)&seed;
    for (int n = 0; n < STEPS; n++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        size_t i = (size_t)(seed >> 33) % OBJECTS;
        if (t->object[i] != NULL)
            look(t, i);
        if (t->orphan[i] != NULL)
            look_at_orphan(t, i);
        if (t->object[i] == NULL || seed >> 61 == 0) {
            struct object *o = grey_alloc(GREY_CONSERVATIVE, sizeof *o);
            o->number = ++next_number;
            grey_write(&t->orphan[i], t->property[i]);
            grey_write(&t->property[i], give_property(o));
            grey_write(&t->object[i], o);
        } else if (seed >> 61 == 1) {
            struct property *p = grey_alloc(GREY_CONSERVATIVE, sizeof *p);
            p->of = ((struct object *)t->object[i])->number;
            grey_write(&p->owner, t->object[i]);
            grey_ephemeron_set(t->property[i], p);
        }
        if (n % 2000 == 1999)
            grey_collect();
    }
    grey_handle_release(h);
    return unused;
}

int main(void)
{
    pthread_t t[THREADS];
    for (int i = 0; i < THREADS; i++)
        pthread_create(&t[i], NULL, work, NULL);
    for (int i = 0; i < THREADS; i++)
        join(t[i]);
    CHECK(missing == 0, "%d properties of living objects were missing", missing);
    CHECK(wrong == 0, "%d were another's", wrong);
    CHECK(cleared > 1000, "those of dead objects go: %d were gone, %d still there", cleared, whole);
    return result();
}
