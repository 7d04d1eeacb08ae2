/* base: the words every other module uses. No state, no code that can fail. */
#ifndef ALLOC_BASE_H
#define ALLOC_BASE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define GREY_HIDDEN   __attribute__((visibility("hidden")))
#define GREY_NOINLINE __attribute__((noinline))
#define GREY_COLD     __attribute__((noinline, cold))
#define GREY_INLINE   static inline __attribute__((always_inline))

/* For who reads another thread's plain words and can live with any answer. */
#define GREY_RACY __attribute__((no_sanitize("thread")))

#define KIB(n) ((size_t)(n) << 10)
#define MIB(n) ((size_t)(n) << 20)

/* Our page, which is not the operating system's: that one may be 4, 16 or 64 KiB. */
#define PAGE_SHIFT 13
#define PAGE_BYTES ((size_t)1 << PAGE_SHIFT)

/* Every block starts at a multiple of this, as programs expect of malloc. */
#define MIN_ALIGN 16

/* A number of our pages. A struct, so that it cannot be taken for bytes. */
struct pages {
    size_t n;
};

static inline bool is_pow2(size_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

/* to is a power of two. May wrap: callers bound n first. */
static inline size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) & ~(to - 1);
}

static inline size_t round_down(size_t n, size_t to)
{
    return n & ~(to - 1);
}

static inline struct pages pages_for(size_t bytes)
{
    return (struct pages){ (bytes + PAGE_BYTES - 1) >> PAGE_SHIFT };
}

static inline size_t pages_bytes(struct pages p)
{
    return p.n << PAGE_SHIFT;
}

/* Index of the lowest and of the highest set bit; x is not 0. */
static inline unsigned lowest_bit(uint64_t x)
{
    return (unsigned)__builtin_ctzll(x);
}

static inline unsigned highest_bit(uint64_t x)
{
    return 63u - (unsigned)__builtin_clzll(x);
}

/* A mask of the n lowest bits, n from 0 to 64. */
static inline uint64_t low_mask(size_t n)
{
    return n >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1;
}

/* Bitmaps in words of 64, bit i of the map being bit i % 64 of word i / 64. */
static inline void bits_set_range(uint64_t *map, size_t from, size_t count)
{
    while (count > 0) {
        size_t bit = from % 64, n = 64 - bit < count ? 64 - bit : count;
        map[from / 64] |= low_mask(n) << bit;
        from += n;
        count -= n;
    }
}

/* Clears the range and says how many of its bits were set. */
static inline size_t bits_take_range(uint64_t *map, size_t from, size_t count)
{
    size_t set = 0;
    while (count > 0) {
        size_t bit = from % 64, n = 64 - bit < count ? 64 - bit : count;
        uint64_t mask = low_mask(n) << bit;
        set += (size_t)__builtin_popcountll(map[from / 64] & mask);
        map[from / 64] &= ~mask;
        from += n;
        count -= n;
    }
    return set;
}

#endif
