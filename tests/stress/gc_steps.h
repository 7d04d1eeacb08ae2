/* What a thread of the collector's stress does, one step at a time. */
#ifndef GC_STEPS_H
#define GC_STEPS_H

#include "gc_lifetime.h"
#include <setjmp.h>

/* ---- the graph ------------------------------------------------------------------------------------- */

/* Cells 0 to 2 have most edges; large objects have some far from their beginning. */
static size_t any_cell(struct worker *w, struct shape s)
{
    size_t cells = cells_of(s);
    return cells < 4 || random_below(&w->random, 3) == 0 ? random_below(&w->random, cells)
                                                        : random_below(&w->random, 3);
}

/* An edge of an object that nobody else has seen. */
static void edge_init(struct worker *w, struct ref from, struct ref to)
{
    struct shape s;
    if (to.p == NULL || !ref_shape(from, &s) || cells_of(s) == 0)
        return;
    uint64_t *edge = edge_of(from.p, s, any_cell(w, s));
    grey_init(edge, (void *)(uintptr_t)edge_word(s, to.p));
    edge[1] = to.id;
}

static struct ref make(struct worker *w)
{
    uint64_t flags = random_below(&w->random, 8) == 0 ? record_take() : 0;
    struct ref r = object_new(&w->random, w->most, flags);
    if (r.p == NULL)
        stress_failed(step_now, "no memory");
    if (flags != 0)
        track_object(r);
    __atomic_fetch_add(&world.made, 1, __ATOMIC_RELAXED);
    return r;
}

static void step_new(struct worker *w)
{
    struct ref r = make(w);
    if (!pruning())
        for (size_t n = random_below(&w->random, 3); n > 0; n--)
            edge_init(w, r, any_ref(w));
    place_store(any_place(w), r, &w->random);
}

static void step_walk(struct worker *w)
{
    struct ref r = any_ref(w);
    if (r.p == NULL)
        return;
    r = walk(r, &w->random, (unsigned)random_below(&w->random, 12));
    if (random_below(&w->random, 2) == 0)
        place_store(any_place(w), r, &w->random);
}

static void step_edge(struct worker *w)
{
    struct ref from = any_ref(w), to = { NULL, 0 };
    struct shape s;
    if (from.p == NULL || !ref_shape(from, &s) || cells_of(s) == 0)
        return;
    if (!pruning() && random_below(&w->random, 9) < 4)
        to = any_ref(w);
    if (random_below(&w->random, 16) == 0)
        edge_move(from, any_cell(w, s), any_cell(w, s));
    else
        edge_set(from, any_cell(w, s), to, &w->random);
    grey_keep(from.p);
    grey_keep(to.p);
}

static void step_clear(struct worker *w)
{
    place_store(any_place(w), (struct ref){ NULL, 0 }, &w->random);
}

/* What this thread has goes to others, what they left comes here. */
static void step_exchange(struct worker *w)
{
    struct place *mine = any_place(w), *theirs = shared_take(&w->random);
    if (theirs == NULL)
        return;
    struct ref a = place_load(mine), b = place_load(theirs);
    if (pruning())
        a = (struct ref){ NULL, 0 };
    place_store(theirs, a, &w->random);
    shared_drop(theirs);
    place_store(mine, b, &w->random);
    grey_keep(a.p);
    grey_keep(b.p);
}

static void step_value(struct worker *w)
{
    if (w->depth == 0 || (w->depth < VALUES && random_below(&w->random, 2) == 0))
        value_push(w, any_ref(w));
    else
        value_pop(w);
}

/* Others may do the same to an object that they hold, too: each has its turn. */
static void step_finalizer(struct worker *w)
{
    struct ref r = own_ref(w);
    size_t what = random_below(&w->random, 8);
    if (r.p != NULL && stripe_take(r.id)) {
        if (what < 6 || track.brings_back)
            finalizer_give(r);
        else
            finalizer_change(r, what == 6);
        stripe_drop(r.id);
    }
    grey_keep(r.p);
    r = resurrected_take(&w->random);
    if (r.p != NULL)
        place_store(any_place(w), r, &w->random);
}

/* A cleanup that is called off does not run; but in a child whose parent forked between the two calls of another
   thread, which the child does not have. */
static void on_cancelled(void *process)
{
    if ((uintptr_t)process == (uintptr_t)getpid())
        stress_failed(0, "a cleanup ran that was cancelled");
}

static void step_cancel(struct worker *w)
{
    struct ref r = own_ref(w);
    if (r.p == NULL || (r.id & ID_TINY) != 0)
        return;
    uint64_t id = grey_cleanup_add(r.p, on_cancelled, (void *)(uintptr_t)getpid());
    if (id == 0 || !grey_cleanup_cancel(id) || grey_cleanup_cancel(id))
        stress_failed(step_now, "a cleanup could not be cancelled just once");
    grey_keep(r.p);
}

/* ---- objects of one owner: early free, realloc, shrink ------------------------------------------ */

/* The shape says fewer bytes before they go, and never more than there are. */
static struct ref resize(struct worker *w, struct ref r, struct shape s, size_t bytes)
{
    struct shape to = { s.kind, s.stride, bytes };
    bool shrinks = bytes < s.bytes;
    if (shrinks)
        __atomic_store_n((uint64_t *)r.p + 1, shape_word(to), __ATOMIC_RELEASE);
    if (shrinks && random_below(&w->random, 2) == 0)
        grey_shrink(r.p, bytes);
    else
        r.p = grey_realloc(r.p, bytes);
    if (r.p == NULL)
        stress_failed(step_now, "no memory to resize from %zu to %zu bytes", s.bytes, bytes);
    if (grey_usable_size(r.p) < bytes)
        stress_failed(step_now, "%p has %zu usable bytes after a resize to %zu", r.p, grey_usable_size(r.p),
                      bytes);
    return r;
}

static void resize_and_check(struct worker *w, struct ref r, struct shape s)
{
    struct ref edge = any_ref(w);
    if (cells_of(s) > 0 && edge.p != NULL)
        edge_set(r, 0, edge, &w->random);
    size_t bytes = size_choose(&w->random, w->most), common = bytes < s.bytes ? bytes : s.bytes;
    r = resize(w, r, s, bytes);
    if (*(uint64_t *)r.p != r.id)
        lost(r, "its first word, resized,", r.id, *(uint64_t *)r.p);
    check_pattern(r, s, 2, common / 8);
    if (cells_of(s) > 0 && common >= 32) {
        struct ref to = edge_target(s, edge_of(r.p, s, 0));
        if (to.p != NULL)
            ref_check(to, false);
    }
    grey_keep(edge.p);
    grey_free(r.p);
}

/* Objects of one owner at a time, which somebody else frees: their span may be another thread's. */
static struct {
    void *p;
    uint64_t id;
    int busy; /* atomic */
} mail[32];

static void step_mail(struct worker *w)
{
    for (int n = 0; n < 4; n++) {
        size_t i = random_below(&w->random, COUNT(mail));
        struct ref r = object_new(&w->random, 200, 0), old;
        if (r.p == NULL)
            stress_failed(step_now, "no memory");
        if (__atomic_exchange_n(&mail[i].busy, 1, __ATOMIC_ACQUIRE) != 0)
            continue;
        old = (struct ref){ mail[i].p, mail[i].id };
        mail[i].p = r.p;
        mail[i].id = r.id;
        __atomic_store_n(&mail[i].busy, 0, __ATOMIC_RELEASE);
        if (old.p == NULL)
            continue;
        ref_check(old, true);
        grey_free(old.p);
    }
}

static void step_private(struct worker *w)
{
    struct ref r = make(w);
    struct shape s;
    struct record *record = record_of(r.id);
    ref_check(r, true);
    if (random_below(&w->random, 4) == 0) {
        if (record != NULL && random_below(&w->random, 2) == 0) {
            finalizer_give(r);
            __atomic_store_n(&record->finalizer, FINALIZER_CHANGING, __ATOMIC_RELEASE);
        }
        grey_free(r.p); /* takes the finalizer with it; the cleanup runs */
        return;
    }
    if (record == NULL && ref_shape(r, &s) && s.kind != SHAPE_TYPED && s.kind != SHAPE_ARRAY)
        resize_and_check(w, r, s);
    else
        place_store(any_place(w), r, &w->random);
}

/* ---- asking, waiting, control -------------------------------------------------------------------- */

static void step_object_at(struct worker *w)
{
    struct ref r = any_ref(w);
    struct shape s;
    struct grey_object o;
    if (r.p == NULL || !ref_shape(r, &s))
        return;
    size_t offset = random_below(&w->random, s.bytes);
    char *inside = (char *)r.p + offset;
    if (!grey_object_at(inside, &o) || o.base != r.p || o.size < s.bytes || grey_base(inside) != r.p)
        stress_failed(step_now, "%p + %zu is not known as an object of %zu bytes", r.p, offset, s.bytes);
    if (s.kind >= SHAPE_EDGES && o.kind != objects.custom[s.kind])
        stress_failed(step_now, "%p is of kind %u, not %u", r.p, o.kind, objects.custom[s.kind]);
    grey_keep(r.p);
}

static void *nap(void *argument)
{
    struct timespec t = { 0, (long)(uintptr_t)argument };
    nanosleep(&t, NULL);
    return argument;
}

static void step_blocking(struct worker *w)
{
    struct ref kept = any_ref(w);
    void *ns = (void *)(uintptr_t)random_below(&w->random, 300000);
    if (random_below(&w->random, 2) == 0) {
        grey_blocking_enter();
        nap(ns);
        grey_blocking_leave();
    } else if (grey_blocking_call(nap, ns) != ns) {
        stress_failed(step_now, "grey_blocking_call lost its result");
    }
    if (kept.p != NULL)
        ref_check(kept, false);
}

static uint64_t cycles_now(void)
{
    struct grey_gc_stats s;
    if (!grey_gc_stats(&s, sizeof s))
        stress_failed(step_now, "no statistics");
    return s.cycles;
}

/* A cycle that was over before the section may be counted a little later. */
static void step_critical(struct worker *w)
{
    grey_critical_enter();
    uint64_t before = cycles_now();
    for (size_t n = random_below(&w->random, 4); n > 0; n--) {
        grey_critical_enter();
        place_store(any_place(w), make(w), &w->random);
        grey_critical_leave();
    }
    if (cycles_now() > before + 1)
        stress_failed(step_now, "a cycle began within a critical section");
    grey_critical_leave();
}

static void critical_then_jump(struct worker *w, jmp_buf *out)
{
    grey_critical_enter();
    place_store(any_place(w), make(w), &w->random);
    if (random_below(&w->random, 2) == 0)
        grey_critical_enter();
    longjmp(*out, 1);
}

/* Out of critical sections by longjmp; they would stop all cycles if they stayed open. */
static __attribute__((noinline)) void step_jump(struct worker *w)
{
    struct grey_state state;
    jmp_buf out;
    grey_state_save(&state);
    if (setjmp(out) == 0)
        critical_then_jump(w, &out);
    grey_state_restore(&state);
}

static void step_collect(struct worker *w)
{
    struct grey_class_stats rows[64];
    switch (random_below(&w->random, 10)) {
    case 0:
        grey_collect();
        break;
    case 1:
        grey_cycle_start();
        break;
    case 2:
        grey_trim();
        break;
    case 3:
        grey_disable();
        step_new(w);
        grey_enable();
        break;
    case 4:
        if (!grey_verify())
            stress_failed(step_now, "grey_verify found something");
        break;
    case 5:
        grey_external(100000);
        step_new(w);
        grey_external(-100000);
        break;
    case 6:
        grey_finalizers_run();
        break;
    case 7:
        grey_class_stats(rows, COUNT(rows));
        break;
    default:
        grey_safepoint();
    }
}

/* Locks of libc that a stopped thread may hold. */
static void step_libc(struct worker *w)
{
    void *block[16];
    if (w->cooperative)
        return;
    for (size_t i = 0; i < COUNT(block); i++)
        block[i] = malloc(random_size(&w->random, 16));
    for (size_t i = 0; i < COUNT(block); i++)
        free(block[i]);
    void *root = grey_alloc_root(64), *manual = grey_malloc(random_size(&w->random, 12));
    if (root == NULL || manual == NULL || !all_zero(root, 64))
        stress_failed(step_now, "no blocks of manual lifetime");
    grey_free(manual);
    struct ref r = any_ref(w);
    *(void **)root = r.p;
    if (r.p != NULL)
        ref_check(r, false);
    grey_free(root);
}

/* ---- one step -------------------------------------------------------------------------------------- */

static const struct {
    void (*step)(struct worker *w);
    unsigned weight;
} steps[] = {
    { step_new, 220 },     { step_walk, 160 },   { step_edge, 140 },      { step_clear, 60 },
    { step_exchange, 90 }, { step_value, 60 },   { step_private, 30 },    { step_finalizer, 30 },
    { step_weak, 40 },     { step_ephemeron, 30 }, { step_table, 20 },    { step_pool, 20 },
    { step_object_at, 30 }, { step_blocking, 2 }, { step_critical, 3 },   { step_jump, 3 },
    { step_collect, 3 },   { step_libc, 10 },   { step_cancel, 10 },
    { step_mail, 30 },
};

static void one_step(struct worker *w)
{
    static unsigned total;
    unsigned sum = __atomic_load_n(&total, __ATOMIC_RELAXED);
    if (sum == 0) {
        for (size_t i = 0; i < COUNT(steps); i++)
            sum += steps[i].weight;
        __atomic_store_n(&total, sum, __ATOMIC_RELAXED);
    }
    size_t r = random_below(&w->random, sum), i = 0;
    while (r >= steps[i].weight)
        r -= steps[i++].weight;
    steps[i].step(w);
    step_now++;
    if (step_now % 64 == 0)
        __atomic_fetch_add(&world.steps_done, 64, __ATOMIC_RELAXED);
    grey_safepoint();
}

#endif
