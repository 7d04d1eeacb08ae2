/* atomics: every atomic of the project, on libatomic_ops, with its order in its name.
   A word that threads share without a lock has one of these types, so that an access
   without an order does not compile. */
#ifndef ALLOC_ATOMICS_H
#define ALLOC_ATOMICS_H

#include "alloc/assert.h"

/* 32 bits, and a word that holds a number or a pointer. */
struct atomic32 {
    unsigned int v;
};
struct atomicw {
    AO_t v;
};
static_assert(sizeof(struct atomic32) == 4, "atomic32 is 32 bits");
static_assert(sizeof(struct atomicw) == sizeof(void *), "atomicw holds a pointer");

GREY_INLINE uint32_t a32_load_relaxed(const struct atomic32 *a)
{
    return AO_int_load(&a->v);
}

GREY_INLINE uint32_t a32_load_acquire(const struct atomic32 *a)
{
    return AO_int_load_acquire(&a->v);
}

GREY_INLINE void a32_store_relaxed(struct atomic32 *a, uint32_t v)
{
    AO_int_store(&a->v, v);
}

GREY_INLINE void a32_store_release(struct atomic32 *a, uint32_t v)
{
    AO_int_store_release(&a->v, v);
}

GREY_INLINE bool a32_cas_acquire(struct atomic32 *a, uint32_t old, uint32_t new)
{
    return AO_int_compare_and_swap_acquire(&a->v, old, new);
}

GREY_INLINE bool a32_cas_release(struct atomic32 *a, uint32_t old, uint32_t new)
{
    return AO_int_compare_and_swap_release(&a->v, old, new);
}

GREY_INLINE bool a32_cas_full(struct atomic32 *a, uint32_t old, uint32_t new)
{
    return AO_int_compare_and_swap_full(&a->v, old, new);
}

GREY_INLINE uintptr_t aw_load_relaxed(const struct atomicw *a)
{
    return AO_load(&a->v);
}

GREY_INLINE uintptr_t aw_load_acquire(const struct atomicw *a)
{
    return AO_load_acquire(&a->v);
}

GREY_INLINE void aw_store_relaxed(struct atomicw *a, uintptr_t v)
{
    AO_store(&a->v, v);
}

GREY_INLINE void aw_store_release(struct atomicw *a, uintptr_t v)
{
    AO_store_release(&a->v, v);
}

GREY_INLINE uintptr_t aw_add_relaxed(struct atomicw *a, uintptr_t n)
{
    return AO_fetch_and_add(&a->v, n);
}

GREY_INLINE bool aw_cas_full(struct atomicw *a, uintptr_t old, uintptr_t new)
{
    return AO_compare_and_swap_full(&a->v, old, new);
}

GREY_INLINE void aw_or_relaxed(struct atomicw *a, uintptr_t bits)
{
    AO_or(&a->v, bits);
}

GREY_INLINE void aw_or_release(struct atomicw *a, uintptr_t bits)
{
    AO_or_release(&a->v, bits);
}

GREY_INLINE void aw_and_relaxed(struct atomicw *a, uintptr_t bits)
{
    AO_and(&a->v, bits);
}

GREY_INLINE uint32_t a32_add_full(struct atomic32 *a, uint32_t n)
{
    return AO_int_fetch_and_add_full(&a->v, n);
}

GREY_INLINE void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

#endif
