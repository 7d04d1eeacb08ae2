/* sizeclass: which sizes there are, and from a size to its class in one load.

   Small classes, up to 32 KiB: steps of 16 bytes to 128, then eight steps a doubling, so that
   at most 1/8 of a block is lost to rounding. Run classes, up to 1 MiB: whole pages, eight
   steps a doubling, one block a span: they exist so that a thread can cache large blocks as
   it caches small ones. Beyond, every block is a span of exactly the pages it needs.

   A class code fits eight bits of a page's entry in the page map. class_magic[] turns an
   offset into a slot: with magic = ceil(2^64 / size), the high half of offset * magic is the
   slot, and the low half is below magic exactly when the offset is a slot's start (Lemire,
   Kaser, Kurz: Faster remainder by direct computation, 2019). It is 0, so that the test
   always fails, for codes whose blocks a thread may not simply push onto its cache. */
#ifndef ALLOC_SIZECLASS_H
#define ALLOC_SIZECLASS_H

#include "alloc/assert.h"

#define SMALL_MAX   KIB(32)
#define RUN_MAX     MIB(1)
#define TABLE8_MAX  1024

enum {
    CLASS_NONE = 0,
    CLASS_SMALL_FIRST = 1,
    CLASS_SMALL_LAST = 72,
    CLASS_RUN_LAST = 108,
    CLASS_COUNT,         /* codes with a cache entry are below */
    CLASS_PURGED = 125,  /* pages of a span of small blocks some of whose free slots lost their memory */
    CLASS_LARGE = 127,   /* a manual span of one block larger than RUN_MAX */
    MANUAL_COUNT = 128,
    CODE_MANAGED = 128,  /* a managed span of small objects: this and the size class */
    CODE_MANAGED_FAR = 254,   /* a page of one large object, 2 GiB or more behind its first */
    CODE_MANAGED_LARGE = 255, /* the pages of one large object before that */
    CODE_COUNT = 256,
};

/* A span of small blocks has at most this many, so its bitmap is one cache line. */
#define SLOTS_MAX 512

struct size_class {
    uint32_t size;  /* bytes of a block */
    uint16_t slots; /* blocks of a span */
    uint16_t pages; /* pages of a span */
};

/* Filled once by sizeclass_init(), before the first allocation; constant since. */
GREY_HIDDEN extern uint64_t class_magic[CODE_COUNT];
GREY_HIDDEN extern struct size_class size_classes[CLASS_COUNT];
GREY_HIDDEN extern uint8_t size_to_class8[TABLE8_MAX / 8 + 1];
GREY_HIDDEN extern uint8_t size_to_class128[(SMALL_MAX - TABLE8_MAX) / 128 + 1];
GREY_HIDDEN extern uint8_t pages_to_class[(RUN_MAX >> PAGE_SHIFT) + 1];

GREY_HIDDEN void sizeclass_init(void);

/* The class of a size up to RUN_MAX; two comparisons and one load. */
GREY_INLINE unsigned sizeclass_of(size_t size)
{
    assert(size <= RUN_MAX);
    if (likely(size <= TABLE8_MAX))
        return size_to_class8[(size + 7) >> 3];
    if (size <= SMALL_MAX)
        return size_to_class128[(size - TABLE8_MAX + 127) >> 7];
    return pages_to_class[(size + PAGE_BYTES - 1) >> PAGE_SHIFT];
}

GREY_INLINE bool sizeclass_is_run(unsigned code)
{
    return code > CLASS_SMALL_LAST;
}

/* The slot that holds the byte at this offset of a span whose class has this magic. */
GREY_INLINE size_t slot_at(uint64_t magic, size_t offset)
{
    return (size_t)(((unsigned __int128)offset * magic) >> 64);
}

GREY_INLINE size_t sizeclass_slot(unsigned code, size_t offset)
{
    return slot_at(class_magic[code], offset);
}

/* The class whose blocks hold size bytes and start at multiples of alignment, which is a power
   of two up to a page; CLASS_NONE if none does. */
GREY_INLINE unsigned sizeclass_aligned(size_t size, size_t alignment)
{
    assert(is_pow2(alignment) && alignment <= PAGE_BYTES);
    if (unlikely(size > RUN_MAX - PAGE_BYTES))
        return CLASS_NONE;
    size = size == 0 ? alignment : round_up(size, alignment);
    unsigned code = sizeclass_of(size);
    /* Every power of two is a class, so this ends within eight steps, and mostly at once. */
    while (unlikely((size_classes[code].size & (alignment - 1)) != 0))
        code++;
    return code;
}

#endif
