/* The paths of Greyspan that are worth inlining: allocation, barrier, safepoint. Included by
 * greyspan.h. The layout is part of the ABI, so that a JIT may emit the same code:
 *
 *     allocation   b = grey_local->bins[kind]->bin[class];
 *                  b.cursor - b.floor >= size of the class ? p = b.cursor - size of the class, zeroed;
 *                  b.cursor = p : grey_alloc_slow(); p is in a register or on the stack before it is stored
 *     class        (size + 15) / 16 up to 128 bytes, grey_size_class8[(size + 7) / 8] up to 1024
 *     write        grey_barrier_on == 0 ? *slot = value : grey_write_slow()
 *     safepoint    grey_stop_wanted == 0 ? go on : grey_safepoint_slow()
 */
#ifndef GREYSPAN_INLINE_H
#define GREYSPAN_INLINE_H

#ifndef GREYSPAN_H
#error "include greyspan.h, which includes this"
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum {
    GREY_SMALL_CLASSES = 72,
    GREY_KINDS = GREY_KIND_FIRST_CUSTOM + GREY_CUSTOM_KINDS,
    GREY_INLINE_MAX = 1024
};

/* Zeroed slots of one class and kind that the thread may take: [floor, cursor), from the upper end. So the
 * object that ends where another one starts is the younger: a word that is both a pointer to the one and one
 * past the end of the other keeps nothing old alive. */
struct grey_bin {
    uintptr_t cursor, floor;
};
struct grey_bins {
    struct grey_bin bin[GREY_SMALL_CLASSES + 1]; /* bin[0] is empty always */
};
/* What a thread has of its own. Kinds that it has not used have bins that are empty. */
struct grey_local {
    struct grey_bins *bins[GREY_KINDS];
    struct grey_bins *typed; /* the library's own */
};

/* Never NULL: a thread that is not attached has one without bins of its own. */
extern GREY_API __thread struct grey_local *grey_local __attribute__((tls_model("initial-exec")));
extern GREY_API const uint8_t grey_size_class8[GREY_INLINE_MAX / 8 + 1];
extern GREY_API const uint16_t grey_class_size[GREY_SMALL_CLASSES + 1];
extern GREY_API uint32_t grey_barrier_on;  /* 0: a write is a store */
extern GREY_API uint32_t grey_stop_wanted; /* 0: a safepoint is nothing */

/* A slot's word, whatever type its program gives it: a pointer, a tagged integer, a boxed number. */
typedef void *grey_word __attribute__((may_alias));

/* Returns a zeroed object of up to 8 bytes without pointers, as grey_alloc, which calls it: two share a
 * slot, and the slot lives while one of them does.
 * Owner: the collector; grey_free does nothing. Threads: any. Safepoint: collects.
 * Cost: a few nanoseconds. */
GREY_API void *grey_alloc_tiny(size_t size);

/* Returns a zeroed object of at least size bytes, aligned to 16 (to 8, if it has no pointers and at most
 * 8 bytes). kind: GREY_NOSCAN, GREY_CONSERVATIVE or a custom one. NULL with errno ENOMEM, or EINVAL for a
 * kind that cannot be allocated so.
 * Owner: the collector. Threads: any. Safepoint: collects, once in a while.
 * Cost: about a nanosecond, zeroing and sweeping aside; grey_alloc_slow() has the rest. */
static inline void *grey_alloc(grey_kind kind, size_t size)
{
    if (kind == GREY_NOSCAN && size <= 8)
        return grey_alloc_tiny(size);
    if (__builtin_expect(size - 1 < GREY_INLINE_MAX && kind < GREY_KINDS, 1)) {
        size_t c = size <= 128 ? (size + 15) / 16 : grey_size_class8[(size + 7) / 8];
        struct grey_bin *b = &grey_local->bins[kind]->bin[c];
        size_t bytes = size <= 128 ? c * 16 : grey_class_size[c];
        if (__builtin_expect(b->cursor - b->floor >= bytes, 1)) {
            uintptr_t p = b->cursor - bytes;
            b->cursor = p;
            /* From before the store on p is in a register, where a collection finds it. */
            __asm__ __volatile__("" : "+r"(p));
            return (void *)p;
        }
    }
    return grey_alloc_slow(kind, size);
}

/* *slot = value, so that the collector knows: "writes" in greyspan.h says when it is needed. slot is any
 * aligned word, value any word. Never fails.
 * Owner: value stays alive by the slot. Threads: attached ones. Safepoint: never.
 * Cost: a load, a test and the store, while no mark runs and writes are not checked. */
static inline void grey_write(void *slot, void *value)
{
    if (__builtin_expect(__atomic_load_n(&grey_barrier_on, __ATOMIC_RELAXED) == 0, 1))
        __atomic_store_n((grey_word *)slot, value, __ATOMIC_RELEASE);
    else
        grey_write_slow(slot, value);
}

/* The same for a slot of an object that this thread has just allocated and shown to nobody, before its
 * next allocation or safepoint.
 * Owner: value stays alive by the slot. Threads: attached ones. Safepoint: never. Cost: as grey_write. */
static inline void grey_init(void *slot, void *value)
{
    if (__builtin_expect(__atomic_load_n(&grey_barrier_on, __ATOMIC_RELAXED) == 0, 1))
        *(grey_word *)slot = value;
    else
        grey_init_slow(slot, value);
}

/* grey_init for two slots one behind the other, with one test: a pair, a list's cell.
 * Owner: both values stay alive by their slots. Threads: attached ones. Safepoint: never. Cost: as grey_write. */
static inline void grey_init_pair(void *slots, void *first, void *second)
{
    if (__builtin_expect(__atomic_load_n(&grey_barrier_on, __ATOMIC_RELAXED) == 0, 1)) {
        ((grey_word *)slots)[0] = first;
        ((grey_word *)slots)[1] = second;
    } else {
        grey_init_slow(slots, first);
        grey_init_slow((char *)slots + sizeof(void *), second);
    }
}

/* Stores value and returns what was there, in one step, ordered as C's memory_order_acq_rel.
 * Owner: what comes back is the caller's copy. Threads: attached ones. Safepoint: never.
 * Cost: that of the atomic instruction. */
static inline void *grey_exchange(void *slot, void *value)
{
    if (__builtin_expect(__atomic_load_n(&grey_barrier_on, __ATOMIC_RELAXED) == 0, 1))
        return __atomic_exchange_n((grey_word *)slot, value, __ATOMIC_ACQ_REL);
    return grey_exchange_slow(slot, value);
}

/* Stores value if *expected is there, and returns true; else false, and *expected is what was there.
 * Never fails for another reason.
 * Owner: value stays alive by the slot. Threads: attached ones. Safepoint: never.
 * Cost: that of the atomic instruction. */
static inline bool grey_compare_exchange(void *slot, void **expected, void *value)
{
    if (__builtin_expect(__atomic_load_n(&grey_barrier_on, __ATOMIC_RELAXED) == 0, 1))
        return __atomic_compare_exchange_n((grey_word *)slot, (grey_word *)expected, value, false,
                                           __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    return grey_compare_exchange_slow(slot, expected, value);
}

/* A place where a cooperative thread may be stopped: for loops that neither allocate nor block.
 * Owner: unchanged. Threads: any. Safepoint: yes. Cost: a load and a test. */
static inline void grey_safepoint(void)
{
    if (__builtin_expect(__atomic_load_n(&grey_stop_wanted, __ATOMIC_RELAXED) != 0, 0))
        grey_safepoint_slow();
}

/* The object lives at least until here, though only an address behind its end, or none, is left of it in
 * the program: for native code that uses memory which the object's finalizer frees.
 * Owner: unchanged. Threads: attached ones. Safepoint: never. Cost: none but the register. */
static inline void grey_keep(const void *p)
{
    __asm__ __volatile__("" : : "r"(p) : "memory");
}

/* For trace callbacks ("trace callbacks" in greyspan.h): the reference in a slot, read once; any other
 * word is ignored.
 * Owner: unchanged. Threads: whoever runs the callback. Safepoint: never. Cost: that of marking. */
static inline void grey_trace(struct grey_tracer *t, void *slot)
{
    void *value = __atomic_load_n((grey_word *)slot, __ATOMIC_ACQUIRE);
    if (value != NULL)
        t->edge(t, slot, value);
}

/* A reference computed from a slot's word, such as a tagged pointer without its tag. The rest as of
 * grey_trace; a slot that is told by its value alone is not checked by GREY_SET_CHECK_WRITES. */
static inline void grey_trace_value(struct grey_tracer *t, void *value)
{
    t->edge(t, NULL, value);
}

/* count words that are references or not, each looked up like one of a conservative object. The rest as
 * of grey_trace. */
static inline void grey_trace_words(struct grey_tracer *t, void *from, size_t count)
{
    t->words(t, from, count);
}

#ifdef __cplusplus
}
#endif

#endif
