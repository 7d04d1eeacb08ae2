/* memory.h on Debian's libgc 8.2, as those write it who care for its speed: free lists of each thread's own,
 * filled by GC_generic_malloc_many, instead of a call for each object; no interior pointers; value stacks
 * scanned as far as they are full; marking by all processors; disappearing links for what is weak. Stores,
 * safepoints and blocking regions are nothing here. What is seldom is in memory_libgc.c.
 *
 * With -DSCHEME_LIBGC_PLAIN as most programs have it: GC_malloc for each object, and its defaults. */
#ifndef SCHEME_MEMORY_LIBGC_H
#define SCHEME_MEMORY_LIBGC_H

#ifndef GC_THREADS
#define GC_THREADS
#endif
#include <gc/gc.h>
#include <gc/gc_inline.h>
#include <string.h>

#define MEM_NAME "libgc"

enum { MEM_GRANULE = 16, MEM_LISTS = 25 }; /* objects of up to 384 bytes come from lists */

struct mem_local { /* in a root block; [n] has objects of n granules, linked by their first words */
    void *scanned[MEM_LISTS], *bytes[MEM_LISTS];
};

struct grey_tracer;
void mem_begin(void (*trace)(void *, struct grey_tracer *)); /* takes NULL: libgc scans every word */
void mem_local_begin(struct mem_local *m);

/* ---- allocation --------------------------------------------------------------------------------------- */

#ifdef SCHEME_LIBGC_PLAIN

static inline void *mem_take(void **list, size_t granules, int kind)
{
    (void)list;
    void *p = kind == GC_I_NORMAL ? GC_malloc(granules * MEM_GRANULE) : GC_malloc_atomic(granules * MEM_GRANULE);
    __asm__("" : "+r"(p)); /* objects may be shorter than their struct, which gcc takes for a mistake */
    return p;
}

#else

static inline void *mem_take(void **list, size_t granules, int kind)
{
    void *p = *list;
    if (__builtin_expect(p == NULL, 0)) {
        GC_generic_malloc_many(granules * MEM_GRANULE, kind, list);
        p = *list;
        if (p == NULL)
            return NULL;
    }
    /* A store of one piece: threads may be stopped here, and the list is a root. */
    __atomic_store_n(list, *(void **)p, __ATOMIC_RELAXED);
    *(void **)p = NULL;
    return p;
}

#endif

static inline void *mem_slots(struct mem_local *m, size_t bytes)
{
    size_t n = (bytes + MEM_GRANULE - 1) / MEM_GRANULE;
    if (__builtin_expect(n < MEM_LISTS, 1))
        return mem_take(&m->scanned[n], n, GC_I_NORMAL);
    return GC_malloc(bytes);
}

static inline void *mem_pair(struct mem_local *m)
{
    return mem_take(&m->scanned[1], 1, GC_I_NORMAL);
}

static inline void *mem_double(struct mem_local *m)
{
    return mem_take(&m->bytes[1], 1, GC_I_PTRFREE);
}

#define mem_words mem_slots

static inline void mem_free(void *object)
{
    GC_free(object);
}

static inline void *mem_bytes(struct mem_local *m, size_t bytes)
{
    size_t n = (bytes + MEM_GRANULE - 1) / MEM_GRANULE;
    void *p = n < MEM_LISTS ? mem_take(&m->bytes[n], n, GC_I_PTRFREE) : GC_malloc_atomic(bytes);
    return p == NULL ? NULL : memset(p, 0, bytes); /* libgc does not clear what it does not scan */
}

/* ---- stores ----------------------------------------------------------------------------------------------- */

static inline void mem_write(uintptr_t *slot, uintptr_t v)
{
    __atomic_store_n(slot, v, __ATOMIC_RELEASE);
}

static inline void mem_init(uintptr_t *slot, uintptr_t v)
{
    *slot = v;
}

static inline void mem_init_pair(uintptr_t *slots, uintptr_t a, uintptr_t b)
{
    slots[0] = a;
    slots[1] = b;
}

static inline void mem_copy(uintptr_t *to, const uintptr_t *from, size_t words)
{
    memcpy(to, from, words * sizeof *to);
}

static inline void mem_move(uintptr_t *to, const uintptr_t *from, size_t words)
{
    memmove(to, from, words * sizeof *to);
}

static inline bool mem_compare_exchange(uintptr_t *slot, uintptr_t *expected, uintptr_t v)
{
    return __atomic_compare_exchange_n(slot, expected, v, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* ---- roots -------------------------------------------------------------------------------------------------- */

static inline void *mem_root_block(size_t bytes)
{
    return GC_malloc_uncollectable(bytes);
}

void mem_root_free(void *p);

static inline bool mem_root_slots(uintptr_t *slots, size_t count)
{
    (void)slots, (void)count;
    return true; /* static variables are roots */
}

bool mem_stack_attach(uintptr_t *base, uintptr_t *volatile *top);
void mem_stack_detach(uintptr_t *base);

/* ---- threads -------------------------------------------------------------------------------------------------- */

#define mem_thread_create GC_pthread_create
#define mem_thread_join   GC_pthread_join
#define mem_thread_detach GC_pthread_detach

static inline void mem_safepoint(void)
{
}

static inline void mem_blocking_enter(void)
{
}

static inline void mem_blocking_leave(void)
{
}

/* ---- lifetime --------------------------------------------------------------------------------------------------- */

static inline bool mem_finalizer(void *object, void (*fn)(void *, void *))
{
    GC_register_finalizer_no_order(object, fn, NULL, NULL, NULL);
    return true;
}

bool mem_cleanup(void *object, void (*fn)(void *), void *data);

static inline void mem_finalizers_run(void)
{
}

static inline void mem_external(ptrdiff_t bytes)
{
    (void)bytes; /* libgc does not ask */
}

/* A weak reference to the key and a strong one to the value: libgc has nothing closer. So an entry whose value
 * leads to its key stays for ever. */
typedef struct mem_ephemeron mem_ephemeron;
mem_ephemeron *mem_ephemeron_new(struct mem_local *m, uintptr_t key, uintptr_t v);
uintptr_t mem_ephemeron_key(const mem_ephemeron *e);
uintptr_t mem_ephemeron_value(const mem_ephemeron *e);
void mem_ephemeron_set(mem_ephemeron *e, uintptr_t v);

/* An entry goes with its value rather than with its key: the value leads to the key. */
typedef struct mem_weak_table mem_weak_table;
mem_weak_table *mem_weak_table_new(uint64_t (*hash)(const void *), bool (*equal)(const void *, const void *));
uintptr_t mem_weak_table_get(mem_weak_table *t, const void *key);
bool mem_weak_table_put(mem_weak_table *t, void *key, uintptr_t v);

static inline void mem_collect(void)
{
    GC_gcollect();
}

#endif
