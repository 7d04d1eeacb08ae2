/* A thread of the collector's stress: its private places and how they come and go. */
#ifndef GC_WORKER_H
#define GC_WORKER_H

#include "gc_places.h"
#include <ucontext.h>

enum {
    FRAME = 12, /* local variables of each stack */
    TLS_PLACES = 4,
    MODULE_TLS = 8,
    KEY_PLACES = 3,
    RANGE_PLACES = 16,
    EPHEMERONS = 8,
    RANGE_WORDS = RANGE_PLACES + EPHEMERONS + 1, /* and the weak table */
    SLOT_PLACES = 16,
    HANDLE_PLACES = 6,
    OWN_PLACES = TLS_PLACES + MODULE_TLS + KEY_PLACES + RANGE_PLACES + SLOT_PLACES + HANDLE_PLACES,
    VALUES = 96,
    WEAKS = 24,
    FIBERS = 3,
    TABLE_MODEL = 64,
    KEYS = 40, /* so many are made that the last lie outside of the thread's own record */
    FIBER_BYTES = 256 << 10
};

/* The sanitizer of threads would have to be told of each switch. */
#if defined(__SANITIZE_THREAD__)
#define WITH_FIBERS 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WITH_FIBERS 0
#endif
#endif
#ifndef WITH_FIBERS
#define WITH_FIBERS 1
#endif

struct worker;

struct fiber {
    struct worker *worker;
    grey_fiber *fiber;
    ucontext_t context;
    char *stack;
    struct place place[FRAME];
    bool ends, ended;
};

struct pair {
    uint64_t key, value;
};

struct worker {
    uint64_t random;
    uint64_t steps; /* of its life */
    const int *ends; /* atomic: it is wanted no more */
    size_t most;    /* bytes of its largest objects */
    struct place own[OWN_PLACES];
    size_t own_count;
    struct place *frame;      /* of the stack that runs now */
    struct place main[FRAME]; /* of the thread's own stack */

    void **values; /* the value stack, and its end that moves */
    void *volatile top;
    bool down;
    struct place value[VALUES];
    size_t depth;

    void **range, **slots; /* memory of the places of these kinds */
    struct pair ephemeron[EPHEMERONS], table[TABLE_MODEL];
    struct {
        grey_weak *weak;
        uint64_t id;
    } weak[WEAKS];

    struct fiber *fiber[FIBERS];
    grey_fiber *main_fiber;
    ucontext_t main_context;
    bool leaves_keys; /* at its end it is attached until the destructors of its keys have run */
    bool cooperative; /* others, stopped anywhere, may hold libc's locks: it takes none of them */
};

static __thread void *tls_slots[TLS_PLACES];
static pthread_key_t keys[KEYS];

/* What the run is like at the moment: set by the main thread. */
static struct {
    int stop;    /* atomic */
    int prune;   /* atomic: there is too much; make nothing that holds anything */
    size_t most; /* bytes of the largest objects */
    size_t life; /* steps of a thread, at most */
    uint64_t steps_done, made; /* atomic */
} world;

static bool stopping(void)
{
    return __atomic_load_n(&world.stop, __ATOMIC_RELAXED) != 0;
}

static bool pruning(void)
{
    return __atomic_load_n(&world.prune, __ATOMIC_RELAXED) != 0;
}

/* The value of a key whose thread is at its end: still whole, and allocation still works. */
static void key_destructor(void *p)
{
    uint64_t random = *(uint64_t *)p;
    ref_check((struct ref){ p, random }, true);
    for (int i = 0; i < 3; i++)
        if (object_new(&random, 4000, 0).p == NULL)
            stress_failed(0, "no memory in a thread's destructor");
    ref_check((struct ref){ p, *(uint64_t *)p }, true);
}

static void keys_begin(void)
{
    for (int i = 0; i < KEYS; i++)
        if (pthread_key_create(&keys[i], key_destructor) != 0)
            stress_failed(0, "no key %d", i);
}

/* ---- begin and end ----------------------------------------------------------------------------- */

static void worker_places(struct worker *w)
{
    struct place *at = w->own;
    places_of(at, PLACE_TLS, tls_slots, TLS_PLACES);
    at += TLS_PLACES;
    for (int i = 0; i < KEY_PLACES; i++)
        *at++ = (struct place){ .kind = PLACE_KEY, .key = keys[i == 0 ? 0 : KEYS - i] };
    w->range = words_new(RANGE_WORDS);
    w->slots = words_new(SLOT_PLACES);
    if (!grey_root_add(w->range, RANGE_WORDS * 8) || !grey_slots_add(w->slots, SLOT_PLACES))
        stress_failed(0, "no roots for a thread");
    places_of(at, PLACE_RANGE, w->range, RANGE_PLACES);
    at += RANGE_PLACES;
    places_of(at, PLACE_SLOTS, w->slots, SLOT_PLACES);
    at += SLOT_PLACES;
    for (int i = 0; i < HANDLE_PLACES; i++, at++)
        if ((*at = (struct place){ .kind = PLACE_HANDLE, .handle = grey_handle_create(NULL) }).handle == NULL)
            stress_failed(0, "no handle");
    if (module.tls != NULL) {
        places_of(at, PLACE_TLS_MODULE, module.tls(), MODULE_TLS);
        at += MODULE_TLS;
    }
    w->own_count = (size_t)(at - w->own);
}

/* frame: FRAME local variables of the thread's first function. */
static struct worker *worker_begin(uint64_t seed, void **frame)
{
    struct worker *w = (struct worker *)words_new(sizeof *w / 8 + 1);
    w->random = seed;
    w->most = world.most;
    worker_places(w);
    places_of(w->main, PLACE_STACK, frame, FRAME);
    w->frame = w->main;
    w->values = words_new(VALUES);
    w->down = random_below(&w->random, 2) == 0;
    w->top = w->down ? w->values + VALUES : w->values;
    if (!grey_stack_attach(w->top, (void *const *)(uintptr_t)&w->top))
        stress_failed(0, "no value stack");
    return w;
}

static void places_clear(struct place *at, size_t count, uint64_t *random)
{
    for (size_t i = 0; i < count; i++)
        place_store(&at[i], (struct ref){ NULL, 0 }, random);
}

static void value_pop(struct worker *w)
{
    struct place *at = &w->value[--w->depth];
    place_store(at, (struct ref){ NULL, 0 }, &w->random);
    w->top = w->down ? at->slot + 1 : at->slot;
}

static void value_push(struct worker *w, struct ref r)
{
    void **slot = (void **)w->top - (w->down ? 1 : 0);
    struct place *at = &w->value[w->depth++];
    w->top = w->down ? slot : slot + 1;
    *at = (struct place){ .kind = PLACE_VALUE, .slot = slot };
    place_store(at, r, &w->random);
}

/* A key's value may stay: its destructor sees it. Nobody counts it any more. */
static void keys_end(struct worker *w)
{
    if (!w->leaves_keys)
        return;
    for (size_t i = 0; i < w->own_count; i++) {
        struct place *at = &w->own[i];
        if (at->kind == PLACE_KEY && at->id != 0 && random_below(&w->random, 2) == 0) {
            struct ref r = place_load(at);
            unhold(r);
            at->id = 0;
            if (r.id & ID_TINY)
                pthread_setspecific(at->key, NULL);
        }
    }
}

static void worker_end(struct worker *w)
{
    keys_end(w);
    for (size_t i = 0; i < w->own_count; i++)
        if (w->own[i].kind != PLACE_KEY || w->own[i].id != 0)
            place_store(&w->own[i], (struct ref){ NULL, 0 }, &w->random);
    places_clear(w->main, FRAME, &w->random);
    while (w->depth > 0)
        value_pop(w);
    if (!grey_stack_detach(w->down ? w->values + VALUES : w->values))
        stress_failed(step_now, "the value stack could not be detached");
    for (size_t i = 0; i < w->own_count; i++)
        if (w->own[i].kind == PLACE_HANDLE)
            grey_handle_release(w->own[i].handle);
    for (size_t i = 0; i < WEAKS; i++)
        if (w->weak[i].weak != NULL)
            grey_weak_release(w->weak[i].weak);
    if (!grey_root_remove(w->range, RANGE_WORDS * 8) || !grey_slots_remove(w->slots, SLOT_PLACES))
        stress_failed(step_now, "a thread's roots could not be removed");
    munmap(w->range, RANGE_WORDS * 8);
    munmap(w->slots, SLOT_PLACES * 8);
    munmap(w->values, VALUES * 8);
    munmap(w, (sizeof *w / 8 + 1) * 8);
}

/* For messages: which kind of place holds the object, among the thread's own and the shared ones. */
static const char *where_is(struct worker *w, uint64_t id)
{
    static const char *const names[] = { "a local variable", "a value stack", "thread-local storage",
                                         "a module's thread-local storage", "a thread-specific value",
                                         "a range", "a root block", "a variable", "a module's variable",
                                         "registered slots", "a root callback", "a handle" };
    for (size_t i = 0; i < w->own_count; i++)
        if (w->own[i].id == id)
            return names[w->own[i].kind];
    for (size_t i = 0; i < FRAME; i++) {
        if (w->main[i].id == id)
            return w->frame == w->main ? "a local variable" : "a local variable below a fiber";
        for (int f = 0; f < FIBERS; f++)
            if (w->fiber[f] != NULL && w->fiber[f]->place[i].id == id)
                return w->frame == w->fiber[f]->place ? "a fiber's local variable" : "a parked fiber's variable";
    }
    for (size_t i = 0; i < w->depth; i++)
        if (w->value[i].id == id)
            return names[PLACE_VALUE];
    for (size_t i = 0; i < shared.count; i++)
        if (shared.place[i].id == id)
            return names[shared.place[i].kind];
    return "a place of another thread";
}

/* ---- drawing a place --------------------------------------------------------------------------- */

static struct place *any_place(struct worker *w)
{
    size_t r = random_below(&w->random, w->own_count + FRAME + w->depth);
    if (r < w->own_count)
        return &w->own[r];
    r -= w->own_count;
    return r < FRAME ? &w->frame[r] : &w->value[r - FRAME];
}

/* An object from one of the thread's places, or from a shared one. { NULL } when there was none. */
static struct ref any_ref(struct worker *w)
{
    struct ref r = { NULL, 0 };
    for (int tries = 0; tries < 4 && r.p == NULL; tries++) {
        struct place *at = tries % 2 == 0 ? any_place(w) : shared_take(&w->random);
        if (at != NULL)
            r = place_load(at);
        if (at != NULL && tries % 2 != 0)
            shared_drop(at);
    }
    return r;
}

/* An object of a thread's own place: it is counted as held until that place changes. */
static struct ref own_ref(struct worker *w)
{
    struct ref r = { NULL, 0 };
    for (int tries = 0; tries < 4 && r.p == NULL; tries++)
        r = place_load(any_place(w));
    return r;
}

#endif
