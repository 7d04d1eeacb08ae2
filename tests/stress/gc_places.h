/* Places: where a program keeps references. One kind for each class of root. What the object in a
   place must be is known beside the place, outside of all memory that is scanned. */
#ifndef GC_PLACES_H
#define GC_PLACES_H

#include "gc_track.h"
#include <sys/mman.h>

enum place_kind {
    PLACE_STACK,      /* a local variable */
    PLACE_VALUE,      /* a slot of a value stack */
    PLACE_TLS,        /* of the program */
    PLACE_TLS_MODULE, /* of a module loaded later */
    PLACE_KEY,        /* pthread_setspecific */
    PLACE_RANGE,      /* grey_root_add */
    PLACE_BLOCK,      /* grey_alloc_root */
    PLACE_GLOBAL,     /* a variable of the program */
    PLACE_MODULE,     /* a variable of a loaded module */
    PLACE_SLOTS,      /* grey_slots_add */
    PLACE_CALLBACK,   /* told by a root callback */
    PLACE_HANDLE,
};

struct place {
    enum place_kind kind;
    int busy;     /* atomic; of shared places: somebody is at it */
    void **slot;  /* but for handles and keys */
    grey_handle *handle;
    pthread_key_t key;
    uint64_t id;  /* of the object that is there; 0 for none */
    bool boxed;   /* a value stack's word, tagged as BOX says */
};

/* Words on stacks may carry a tag in their high bits; the hook takes it off. */
#define BOX UINT64_C(0xfff9000000000000)

static uintptr_t unbox(uintptr_t word)
{
    return (word & BOX) == BOX ? word & ~BOX : word;
}

static struct ref place_load(struct place *at)
{
    struct ref r = { NULL, at->id };
    if (at->id == 0)
        return r;
    switch (at->kind) {
    case PLACE_HANDLE:
        r.p = grey_handle_get(at->handle);
        break;
    case PLACE_KEY:
        r.p = pthread_getspecific(at->key);
        break;
    case PLACE_VALUE:
        r.p = (void *)unbox((uintptr_t) * (void *volatile *)at->slot);
        break;
    default:
        r.p = *(void *volatile *)at->slot;
    }
    if (r.p == NULL)
        stress_failed(step_now, "a place of kind %d is empty that held object %#llx", at->kind,
                      (unsigned long long)at->id);
    ref_check(r, false);
    return r;
}

static void place_put(struct place *at, void *p, uint64_t *random)
{
    void *old;
    switch (at->kind) {
    case PLACE_HANDLE:
        grey_handle_set(at->handle, p);
        break;
    case PLACE_KEY:
        pthread_setspecific(at->key, p);
        break;
    case PLACE_SLOTS:
        old = *at->slot;
        if (random_below(random, 2) == 0)
            grey_write(at->slot, p);
        else if (grey_exchange(at->slot, p) != old)
            stress_failed(step_now, "grey_exchange returned something else than what was there");
        break;
    case PLACE_VALUE:
        at->boxed = p != NULL && random_below(random, 2) == 0;
        *(void *volatile *)at->slot = (void *)((uintptr_t)p | (at->boxed ? BOX : 0));
        break;
    default:
        *(void *volatile *)at->slot = p;
    }
}

/* r.p may be NULL. */
static void place_store(struct place *at, struct ref r, uint64_t *random)
{
    uint64_t id = at->id;
    if (id != 0) {
        struct ref old = { at, id }; /* any address: the id alone says which record */
        unhold(old);
    }
    place_put(at, r.p, random);
    at->id = r.p == NULL ? 0 : r.id;
    hold(r);
    grey_keep(r.p);
}

/* ---- places that all threads use ------------------------------------------------------------------ */

enum { SHARED_GLOBALS = 64, SHARED_EACH = 64, SHARED = SHARED_GLOBALS + 5 * SHARED_EACH, MODULE_PLACES = 16 };

static void *globals_data[SHARED_GLOBALS / 2] = { &objects }; /* .data */
static void *globals_bss[SHARED_GLOBALS / 2];

static struct {
    struct place *place; /* SHARED, and MODULE_PLACES while the module is loaded */
    size_t count;
    void **range, **slots, **block, **told;
} shared;

static void **words_new(size_t count)
{
    void *p = mmap(NULL, count * 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        stress_failed(0, "no memory");
    return (void **)p;
}

static void places_of(struct place *at, enum place_kind kind, void **slots, size_t count)
{
    for (size_t i = 0; i < count; i++)
        at[i] = (struct place){ .kind = kind, .slot = slots + i };
}

/* Threads are stopped. */
static void tell_roots(void *data, struct grey_tracer *t)
{
    for (size_t i = 0; i < SHARED_EACH; i++)
        grey_trace(t, (void **)data + i);
}

static void shared_begin(void)
{
    struct place *at = shared.place = calloc(SHARED + MODULE_PLACES, sizeof *at);
    shared.count = SHARED;
    globals_data[0] = NULL;
    places_of(at, PLACE_GLOBAL, globals_data, COUNT(globals_data));
    places_of(at + COUNT(globals_data), PLACE_GLOBAL, globals_bss, COUNT(globals_bss));
    shared.range = words_new(SHARED_EACH);
    shared.slots = words_new(SHARED_EACH);
    shared.told = words_new(SHARED_EACH);
    shared.block = (void **)grey_alloc_root(SHARED_EACH * 8);
    if (shared.block == NULL || !grey_root_add(shared.range, SHARED_EACH * 8) ||
        !grey_slots_add(shared.slots, SHARED_EACH) || !grey_root_callback_add(tell_roots, shared.told))
        stress_failed(0, "no shared roots");
    places_of(at + SHARED_GLOBALS, PLACE_RANGE, shared.range, SHARED_EACH);
    places_of(at + SHARED_GLOBALS + SHARED_EACH, PLACE_SLOTS, shared.slots, SHARED_EACH);
    places_of(at + SHARED_GLOBALS + 2 * SHARED_EACH, PLACE_BLOCK, shared.block, SHARED_EACH);
    places_of(at + SHARED_GLOBALS + 3 * SHARED_EACH, PLACE_CALLBACK, shared.told, SHARED_EACH);
    for (size_t i = SHARED_GLOBALS + 4 * SHARED_EACH; i < SHARED; i++)
        if ((at[i] = (struct place){ .kind = PLACE_HANDLE, .handle = grey_handle_create(NULL) }).handle == NULL)
            stress_failed(0, "no handle");
}

/* NULL when somebody is at the place that was drawn. */
static struct place *shared_take(uint64_t *random)
{
    size_t count = __atomic_load_n(&shared.count, __ATOMIC_ACQUIRE);
    struct place *at = &shared.place[random_below(random, count)];
    return __atomic_exchange_n(&at->busy, 1, __ATOMIC_ACQUIRE) == 0 ? at : NULL;
}

static void shared_drop(struct place *at)
{
    __atomic_store_n(&at->busy, 0, __ATOMIC_RELEASE);
}

static void shared_clear(uint64_t *random)
{
    for (size_t i = 0; i < shared.count; i++)
        place_store(&shared.place[i], (struct ref){ NULL, 0 }, random);
    for (size_t i = 0; i < RESURRECTED; i++)
        resurrected_take(&(uint64_t){ i });
}

/* ---- a module that comes and goes ------------------------------------------------------------------ */

static struct {
    void *library;       /* of dlopen; NULL: not loaded */
    void **(*tls)(void); /* the calling thread's 8 slots */
    const char *path;
} module;

static void module_load(void)
{
    void **(*slots)(void);
    module.library = dlopen(module.path, RTLD_NOW | RTLD_LOCAL);
    if (module.library == NULL)
        stress_failed(0, "%s", dlerror());
    *(void **)&module.tls = dlsym(module.library, "gc_plugin_tls");
    *(void **)&slots = dlsym(module.library, "gc_plugin_slots");
    places_of(shared.place + SHARED, PLACE_MODULE, slots(), MODULE_PLACES);
    __atomic_store_n(&shared.count, SHARED + MODULE_PLACES, __ATOMIC_RELEASE);
}

/* No other thread uses the module any more. */
static void module_unload(uint64_t *random)
{
    if (module.library == NULL)
        return;
    for (size_t i = SHARED; i < shared.count; i++)
        place_store(&shared.place[i], (struct ref){ NULL, 0 }, random);
    __atomic_store_n(&shared.count, SHARED, __ATOMIC_RELEASE);
    dlclose(module.library);
    module.library = NULL;
    module.tls = NULL;
}

#endif
