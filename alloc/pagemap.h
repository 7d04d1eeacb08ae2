/* pagemap: from any bit pattern to the span that holds it, in two dependent loads, without a
   lock and without a fault.

   Address space is divided into arenas of 64 MiB. An arena that holds heap pages has a record
   with one entry of 32 bits per page: the low half of the address of its span's first page,
   in whose 13 low bits there is room for the class code, so that

       offset of p in its span = (uint32_t)p - (entry & ~8191)

   costs no more than the load. Pages that are free or unknown have code 0. The first
   terabyte around the first arena is reached through a flat table, anything else through a
   tree of two levels.

   P1  An entry is written before the span's first block is handed out and cleared before its
       pages can belong to another span; program order and whatever the program uses to pass
       a pointer between threads make the entry visible to a thread that frees the block.
   P2  Arena records are never taken back. */
#ifndef ALLOC_PAGEMAP_H
#define ALLOC_PAGEMAP_H

#include "alloc/span.h"

#define ARENA_SHIFT  26
#define ARENA_BYTES  ((size_t)1 << ARENA_SHIFT)
#define ARENA_PAGES  (ARENA_BYTES >> PAGE_SHIFT)
#define ADDRESS_BITS 48
#define WINDOW_SLOTS 16384

#define ENTRY_EDGE        1u /* first or last page of a free run */
#define ENTRY_TRACE_SHIFT 1  /* of managed spans, three bits: how their objects are traced */
#define ENTRY_CODE_SHIFT  5
#define ENTRY_CODE        ((uint32_t)(CODE_COUNT - 1) << ENTRY_CODE_SHIFT)
#define ENTRY_BASE        (~(uint32_t)(PAGE_BYTES - 1))
#define ENTRY_MANAGED     ((uint32_t)CODE_MANAGED << ENTRY_CODE_SHIFT)
static_assert((ENTRY_CODE & ENTRY_BASE) == 0, "a code fits below the address of a page");

/* Of sixty-four slots of a managed span, side by side, for a marker looks at both: is the slot in use, is
   it marked. Pages of programs without managed memory are never touched here. */
struct slot_bits {
    struct atomicw mark, alloc;
};

struct arena {
    struct atomic32 entry[ARENA_PAGES];        /* [atomic] P1 */
    uint64_t returned[ARENA_PAGES / 64];       /* [lock:mheap] free pages without memory behind them */
    struct span span[ARENA_PAGES];             /* by first page */
    struct atomicw managed[ARENA_PAGES / 64];  /* [atomic] first pages of managed spans */
    struct slot_bits bits[ARENA_PAGES][SLOTS_MAX / 64]; /* [atomic] of managed spans, by first page */
    bool huge;                                 /* [lock:mheap] the system is advised so */
};
static_assert(offsetof(struct arena, bits) % 64 == 0, "a slot's two words lie in one cache line");

GREY_HIDDEN extern struct atomicw pagemap_window[WINDOW_SLOTS]; /* [atomic] struct arena * */
GREY_HIDDEN extern struct atomicw pagemap_first;                /* [atomic] slot of the window's start, set once */

/* The addresses between which all arenas lie. Written under [lock:mheap] before an arena is used. */
GREY_HIDDEN extern struct atomicw pagemap_lowest, pagemap_highest; /* [atomic] */

/* Is every arena in the window? */
GREY_INLINE bool pagemap_all_in_window(void)
{
    uintptr_t first = aw_load_relaxed(&pagemap_first);
    return (aw_load_relaxed(&pagemap_lowest) >> ARENA_SHIFT) - first < WINDOW_SLOTS
           && ((aw_load_relaxed(&pagemap_highest) - 1) >> ARENA_SHIFT) - first < WINDOW_SLOTS;
}

GREY_HIDDEN struct arena *pagemap_outside(uintptr_t address);

/* The arena of an address, or NULL. Any thread, any value. */
GREY_INLINE struct arena *pagemap_arena(uintptr_t address)
{
    /* relaxed: whoever was given a block was given it after the store. */
    uintptr_t slot = (address >> ARENA_SHIFT) - aw_load_relaxed(&pagemap_first);
    if (unlikely(slot >= WINDOW_SLOTS))
        return pagemap_outside(address);
    /* acquire: pairs with the release in pagemap_add(). */
    return (struct arena *)aw_load_acquire(&pagemap_window[slot]);
}

GREY_INLINE size_t arena_page(uintptr_t address)
{
    return (address >> PAGE_SHIFT) % ARENA_PAGES;
}

/* relaxed: P1 orders it for whoever was given a block; others may see the entry late. */
GREY_INLINE uint32_t arena_entry(const struct arena *a, uintptr_t address)
{
    return a32_load_relaxed(&a->entry[arena_page(address)]);
}

GREY_INLINE unsigned entry_code(uint32_t entry)
{
    return (entry & ENTRY_CODE) >> ENTRY_CODE_SHIFT;
}

GREY_INLINE uint32_t entry_offset(uint32_t entry, uintptr_t address)
{
    return (uint32_t)address - (entry & ENTRY_BASE);
}

/* The record of the page that holds the address, which must be in a known arena. */
GREY_INLINE struct span *pagemap_record(uintptr_t address)
{
    struct arena *a = pagemap_arena(address);
    assert(a != NULL);
    return &a->span[arena_page(address)];
}

/* The span that holds the address, or NULL when none does. Any thread, any value; the answer
   about a span that others may free is only as good as the caller's reason that they do not. */
GREY_HIDDEN struct span *pagemap_find(uintptr_t address);

/* Makes sure that every page of the range has an arena. False when out of memory. [lock:mheap] */
GREY_HIDDEN bool pagemap_add(uintptr_t base, size_t bytes);

/* Entries of a span: all its pages, or, for a manual span of one large block, the first only.
   Called by the page heap's user before the span's first block is handed out. */
GREY_HIDDEN void pagemap_set(const struct span *s);
GREY_HIDDEN void pagemap_clear(const struct span *s);

/* The entries of the span's pages that hold a byte of [start, stop) say CLASS_PURGED. */
GREY_HIDDEN void pagemap_set_purged(const struct span *s, uintptr_t start, uintptr_t stop);

/* Clears the entry of a span of one block, if it still has this code. Of two threads that free the
   same block, one succeeds. */
GREY_HIDDEN bool pagemap_claim(uintptr_t base, unsigned code);

/* Entries of a free run's two ends; the last page's record gets the run's base. [lock:mheap] */
GREY_HIDDEN void pagemap_set_run(const struct span *run);
GREY_HIDDEN void pagemap_clear_run(const struct span *run);

/* Calls visit for each arena, in no order. */
GREY_HIDDEN void pagemap_each_arena(void (*visit)(struct arena *a, void *context), void *context);

#endif
