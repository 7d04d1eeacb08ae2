/* Steps about what hangs on reachability: weak references, ephemerons, weak tables, pools. */
#ifndef GC_LIFETIME_H
#define GC_LIFETIME_H

#include "gc_worker.h"

/* An object's weak references, ephemerons and table entries may be cleared only when nobody holds it. */
static void check_may_be_gone(struct worker *w, uint64_t id, const char *what)
{
    if (is_held_for_sure(id))
        stress_failed(step_now, "%s of object %#llx was cleared while %s holds it", what,
                      (unsigned long long)id, where_is(w, id));
}

static void step_weak(struct worker *w)
{
    size_t i = random_below(&w->random, WEAKS);
    if (w->weak[i].weak == NULL) {
        struct ref r = any_ref(w);
        if (r.p == NULL)
            return;
        w->weak[i].weak = grey_weak_create(r.p);
        w->weak[i].id = r.id;
        if (w->weak[i].weak == NULL)
            stress_failed(step_now, "no weak reference");
        if (grey_weak_get(w->weak[i].weak) != r.p)
            stress_failed(step_now, "a new weak reference does not lead to its object");
        grey_keep(r.p);
        return;
    }
    struct ref r = { grey_weak_get(w->weak[i].weak), w->weak[i].id };
    if (r.p == NULL)
        check_may_be_gone(w, r.id, "a weak reference");
    else
        ref_check(r, random_below(&w->random, 4) == 0);
    if (r.p == NULL || random_below(&w->random, 8) == 0) {
        grey_weak_release(w->weak[i].weak);
        w->weak[i].weak = NULL;
    } else if (random_below(&w->random, 4) == 0) {
        place_store(any_place(w), r, &w->random);
    }
}

static void ephemeron_create(struct worker *w, size_t i)
{
    struct ref key = any_ref(w), value = any_ref(w);
    if (key.p == NULL || value.p == NULL)
        return;
    grey_ephemeron *e = grey_ephemeron_create(key.p, value.p);
    if (e == NULL)
        stress_failed(step_now, "no ephemeron");
    w->ephemeron[i] = (struct pair){ key.id, value.id };
    *(grey_ephemeron * volatile *)&w->range[RANGE_PLACES + i] = e;
    grey_keep(key.p);
    grey_keep(value.p);
}

static void step_ephemeron(struct worker *w)
{
    size_t i = random_below(&w->random, EPHEMERONS);
    grey_ephemeron *e = *(grey_ephemeron * volatile *)&w->range[RANGE_PLACES + i];
    if (e == NULL || random_below(&w->random, 8) == 0) {
        ephemeron_create(w, i);
        return;
    }
    struct ref key = { grey_ephemeron_key(e), w->ephemeron[i].key };
    struct ref value = { grey_ephemeron_value(e), w->ephemeron[i].value };
    if (key.p == NULL) {
        check_may_be_gone(w, key.id, "an ephemeron");
        if (value.p != NULL)
            stress_failed(step_now, "an ephemeron without a key has a value");
        w->range[RANGE_PLACES + i] = NULL;
        return;
    }
    ref_check(key, random_below(&w->random, 4) == 0);
    if (value.p == NULL)
        stress_failed(step_now, "an ephemeron with a key has lost its value");
    ref_check(value, random_below(&w->random, 4) == 0);
    struct ref other = any_ref(w);
    if (other.p != NULL && random_below(&w->random, 2) == 0) {
        grey_ephemeron_set(e, other.p);
        w->ephemeron[i].value = other.id;
    } else if (random_below(&w->random, 2) == 0) {
        place_store(any_place(w), value, &w->random);
    }
    grey_keep(key.p);
}

/* ---- weak tables: one each thread, in the last word of its range ------------------------------- */

struct table_walk {
    struct worker *w;
    bool seen[TABLE_MODEL];
};

static void table_entry(void *key, void *value, void *data)
{
    struct table_walk *t = (struct table_walk *)data;
    struct ref k = { key, *(uint64_t *)key }, v = { value, *(uint64_t *)value };
    size_t i = k.id % TABLE_MODEL;
    ref_check(k, false);
    ref_check(v, false);
    if (t->w->table[i].key != k.id)
        return;
    t->seen[i] = true;
    if (t->w->table[i].value != v.id)
        stress_failed(step_now, "a weak table has another value for object %#llx", (unsigned long long)k.id);
}

static void table_check(struct worker *w, grey_weak_table *table)
{
    struct table_walk t = { w, { false } };
    grey_weak_table_each(table, table_entry, &t);
    for (size_t i = 0; i < TABLE_MODEL; i++)
        if (w->table[i].key != 0 && !t.seen[i]) {
            check_may_be_gone(w, w->table[i].key, "a weak table's entry");
            w->table[i].key = 0;
        }
}

static void table_put(struct worker *w, grey_weak_table *table, struct ref key, struct ref value)
{
    if (!grey_weak_table_put(table, key.p, value.p))
        stress_failed(step_now, "no memory for a weak table's entry");
    w->table[key.id % TABLE_MODEL] = (struct pair){ key.id, value.id };
    if (grey_weak_table_get(table, key.p) != value.p || grey_weak_table_find(table, key.p) != key.p)
        stress_failed(step_now, "a weak table does not find what was put there");
}

static void step_table(struct worker *w)
{
    void **slot = &w->range[RANGE_WORDS - 1];
    if (*slot == NULL || random_below(&w->random, 200) == 0) {
        memset(w->table, 0, sizeof w->table);
        *slot = grey_weak_table_create(NULL);
    }
    grey_weak_table *table = (grey_weak_table *)*slot;
    if (table == NULL)
        stress_failed(step_now, "no weak table");
    struct ref key = any_ref(w), value = any_ref(w);
    size_t what = random_below(&w->random, 8);
    if (what == 0) {
        table_check(w, table);
    } else if (key.p != NULL && what == 1) {
        grey_weak_table_remove(table, key.p);
        if (grey_weak_table_get(table, key.p) != NULL)
            stress_failed(step_now, "a weak table has what was removed");
        if (w->table[key.id % TABLE_MODEL].key == key.id)
            w->table[key.id % TABLE_MODEL].key = 0;
    } else if (key.p != NULL && value.p != NULL) {
        table_put(w, table, key, value);
    }
    grey_keep(key.p);
    grey_keep(value.p);
}

/* ---- pools ----------------------------------------------------------------------------------------- */

/* Nobody knows which object comes out, so it vouches for itself. */
struct pooled {
    uint64_t id;
    uint64_t out; /* somebody has it */
    void *edge;
    uint64_t edge_id;
    uint64_t check;
};

static grey_pool *pool;

static void *pool_make(void *data)
{
    (void)data;
    struct pooled *p = (struct pooled *)grey_alloc(GREY_CONSERVATIVE, sizeof *p);
    if (p == NULL)
        stress_failed(step_now, "no memory for a pool's object");
    *p = (struct pooled){ .id = new_id(0) };
    p->check = pattern_at(p->id, 0);
    return p;
}

static void step_pool(struct worker *w)
{
    struct pooled *p = (struct pooled *)grey_pool_get(pool);
    if (p == NULL)
        stress_failed(step_now, "a pool has nothing to give");
    if (p->check != pattern_at(p->id, 0) || p->id == 0)
        stress_failed(step_now, "an object of the pool is damaged: %p", (void *)p);
    if (__atomic_exchange_n(&p->out, 1, __ATOMIC_ACQ_REL) != 0)
        stress_failed(step_now, "the pool gave an object to two: %p", (void *)p);
    if (p->edge != NULL)
        ref_check((struct ref){ p->edge, p->edge_id }, false);
    struct ref r = any_ref(w);
    grey_write(&p->edge, r.p);
    p->edge_id = r.id;
    __atomic_store_n(&p->out, 0, __ATOMIC_RELEASE);
    if (random_below(&w->random, 8) != 0)
        grey_pool_put(pool, p);
}

#endif
