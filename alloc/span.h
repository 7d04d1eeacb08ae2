/* span: a run of pages cut into slots of one size, and its record.

   S1  A slot whose alloc bit is set belongs to the program or sits in a thread's cache; the
       others are free. free_count is the number of clear bits below slots.
   S2  Slots from free_index on have never been handed out since the span was created: their
       bits are clear and their memory holds whatever the pages held before.
   S3  A free slot below cookie_index, what is left at the end of the span, and a slot in a
       thread's cache carry the cookie of their address in their second word, unless the
       program wrote there. cookie_index runs ahead of free_index, to the end of the system's
       page or of a short span: so slots near those in use cannot be freed by mistake either.

   The record of a span lies in its first page's arena, at the index of that page, so that it
   is found without a pointer. A free run of the page heap uses the same record. */
#ifndef ALLOC_SPAN_H
#define ALLOC_SPAN_H

#include "alloc/atomics.h"
#include "alloc/sizeclass.h"

enum span_state {
    SPAN_NONE,     /* not the first page of anything */
    SPAN_FREE,     /* a free run, in a bin of the page heap */
    SPAN_HELD,     /* a free run taken out by the scavenger while it gives memory back */
    SPAN_MANUAL,   /* blocks of malloc, freed by their owner */
    SPAN_MANAGED,  /* objects of the collector */
};

/* Where a span of small blocks stands in its mcentral. */
enum span_list {
    LIST_NONE,
    LIST_CACHED,  /* some thread's mcache allocates from it */
    LIST_PARTIAL, /* has free slots */
    LIST_FULL,
};

struct span {
    uintptr_t base;          /* [const]  first byte                                      */
    struct span *next;       /* [lock:central], of a free run [lock:mheap]               */
    struct span *prev;       /* [lock:central], of a free run [lock:mheap]               */
    uint32_t pages;          /* [const], of a free run [lock:mheap]                      */
    struct atomic32 sweep_gen; /* [atomic] 0 of manual spans; else see gc/space.h A3     */
    struct atomic32 shard;   /* [lock:central] which mcentral it belongs to              */
    uint16_t slots;          /* [const]  whole slots                                     */
    uint16_t free_count;     /* [lock:central] clear alloc bits                          */
    uint16_t free_index;     /* [lock:central] slots from here on were never used        */
    uint8_t code;            /* [const]  size class; of managed spans as in page entries */
    uint8_t kind;            /* [const]  whose objects; KIND_MANUAL, or a grey_kind      */
    uint8_t state;           /* [lock:mheap] enum span_state                             */
    uint8_t list;            /* [lock:central] enum span_list                            */
    uint8_t zeroed;          /* [const]  the pages were all zero when it was created     */
    union {
        uint8_t scan_word;   /* [lock:central] words before this one have no clear bit   */
        uint8_t trace;       /* [const] of managed spans: how their objects are traced   */
    };
    union {
        uint8_t purged;      /* [lock:central] see span_purge()                          */
        uint8_t rescan;      /* [stopped] of managed spans: by any marker: gc/mark.c           */
    };
    uint32_t returned;       /* [lock:mheap] of a free run: its pages without memory; in a
                                central list [lock:central]: free_count at the last purge;
                                [const] of a large object: pages at its end that were zero   */
    uint16_t cookie_index;   /* [lock:central] slots from here on have no cookie yet     */
    uint16_t quiet_count;    /* [lock:central] free_count when the scavenger last looked */
    uint32_t freed_at;       /* [lock:mheap] of a free run: the scavenger's clock        */
    uint64_t alloc_bits[SLOTS_MAX / 64] __attribute__((aligned(64))); /* [lock:central] S1;
                                                                     of manual spans alone */
};
static_assert(sizeof(struct span) == 128, "a record is a line of fields and a line of bits");
static_assert(offsetof(struct span, alloc_bits) == 64, "the bits have a line of their own");

#define KIND_MANUAL 0

/* The cookie of a free block: what its second word holds while it is free. It depends on the
   address, so that copying a free block's bytes elsewhere does not make the copy look free; it is
   not an address, so that no conservative scan follows it; and no program has a reason to store
   it, as it might ~p to hide a pointer. Accidents are what it finds: who can write into free
   blocks at will can forge it. */
GREY_INLINE uint64_t cookie_of(uintptr_t block)
{
    return (uint64_t)block ^ UINT64_C(0xb8d5a7c3e6f19d2b);
}

GREY_INLINE uint64_t *cookie_at(uintptr_t block)
{
    return (uint64_t *)(block + 8);
}

/* Makes a span of this class (CLASS_LARGE for one block of any size) of a run: every slot free and
   never used, except that a span of one block is never free. Not yet in the page map. */
GREY_HIDDEN void span_init(struct span *s, unsigned code);

/* Takes up to max free slots, marks their bits and writes their addresses downwards from
   out[max-1], lowest address last, so that a stack of them pops in rising order. Says how many. */
GREY_HIDDEN size_t span_take_slots(struct span *s, uintptr_t *out, size_t max);

/* Clears bits of one word of alloc_bits. Returns those that were set. */
GREY_INLINE uint64_t span_free_slots(struct span *s, size_t word, uint64_t bits)
{
    uint64_t set = s->alloc_bits[word] & bits;
    s->alloc_bits[word] ^= set;
    s->free_count = (uint16_t)(s->free_count + (unsigned)__builtin_popcountll(set));
    if (word < s->scan_word)
        s->scan_word = (uint8_t)word;
    return set;
}

/* Clears the bit of a slot. False when it was clear already. */
GREY_INLINE bool span_free_slot(struct span *s, uintptr_t block)
{
    size_t slot = sizeclass_slot(s->code, block - s->base);
    uint64_t bit = UINT64_C(1) << (slot % 64), *word = &s->alloc_bits[slot / 64];
    if (unlikely((*word & bit) == 0))
        return false;
    *word &= ~bit;
    s->free_count++;
    if (slot / 64 < s->scan_word)
        s->scan_word = (uint8_t)(slot / 64);
    return true;
}

/* Pages at the span's end that nobody has written to since it was made of memory all zero. */
GREY_HIDDEN struct pages span_untouched(const struct span *s);

/* Gives back the memory of pages of the system's that hold free slots only; their cookies go with
   it. Their page map entries then say CLASS_PURGED, so that freeing what lies there takes a slow
   path, which looks at the alloc bits instead. For a span in no list; bits may be cleared
   meanwhile. Returns the bytes given back. */
GREY_HIDDEN size_t span_purge(struct span *s, const uint64_t alloc_bits[SLOTS_MAX / 64]);

/* Before slots are taken from a purged span: its cookies and entries as they were. */
GREY_HIDDEN void span_unpurge(struct span *s);

/* Walks the record and says whether S1 and S2 hold. */
GREY_HIDDEN bool span_check(const struct span *s);

/* Spans in a list, first in, first out: a span that waits its turn collects more free slots. */
struct span_queue {
    struct span *first, *last;
};

GREY_INLINE void span_queue_add(struct span_queue *q, struct span *s)
{
    s->next = NULL;
    s->prev = q->last;
    if (q->last != NULL)
        q->last->next = s;
    else
        q->first = s;
    q->last = s;
}

GREY_INLINE void span_queue_remove(struct span_queue *q, struct span *s)
{
    if (s->prev != NULL)
        s->prev->next = s->next;
    else
        q->first = s->next;
    if (s->next != NULL)
        s->next->prev = s->prev;
    else
        q->last = s->prev;
    s->next = s->prev = NULL;
}

/* Lists through next and prev; the head is a pointer. */
GREY_INLINE void span_push(struct span **head, struct span *s)
{
    s->prev = NULL;
    s->next = *head;
    if (*head != NULL)
        (*head)->prev = s;
    *head = s;
}

GREY_INLINE void span_unlink(struct span **head, struct span *s)
{
    if (s->prev != NULL)
        s->prev->next = s->next;
    else
        *head = s->next;
    if (s->next != NULL)
        s->next->prev = s->prev;
    s->next = s->prev = NULL;
}

#endif
