/* object: from a word to the managed object it names, and from an object to its edges.

   The page map entry of a managed page holds all that marking needs: the low half of the address of
   the span's first page, 128 + its size class (CODE_LARGE for one object, CODE_FAR for pages that lie
   so far behind the first that 32 bits do not reach), and in bits 1 to 3 how objects are traced. */
#ifndef GC_OBJECT_H
#define GC_OBJECT_H

#include "gc/gc.h"

/* How the pointers of a span's objects are found. */
enum trace {
    TRACE_NONE,         /* noscan */
    TRACE_CONSERVATIVE, /* every word; of roots, too */
    TRACE_BITS,         /* typed, up to TYPED_BITS_MAX: a bit a word at the span's end */
    TRACE_TYPE,         /* typed, larger: the slot's last word is the descriptor */
    TRACE_CUSTOM,       /* the kind's callback */
    TRACE_WEAK,         /* ephemerons, weak tables: settled when all else is marked */
};

#define TYPED_BITS_MAX 512

struct grey_type {
    const char *name;
    size_t size;        /* bytes of an element */
    size_t words;       /* of an element */
    uint64_t *pointers; /* a bit a word */
    bool any;           /* are there pointers at all? */
    unsigned class;     /* of one element of at most TYPED_BITS_MAX bytes; 0 of others */
    uint64_t slot_bits; /* the bits of such a slot: the element's, again and again */
};

struct object {
    uintptr_t base;
    size_t size;       /* bytes of the slot, the descriptor of a TRACE_TYPE object included */
    struct span *span;
    unsigned slot;
};

/* The object that a word points to or into. False when it names none: any value, free slots, other
   memory. Exact for attached threads that cannot be stopped (mutator_enter), or while threads are
   stopped; else the answer is only as good as the caller's reason that the object lives. */
GREY_HIDDEN bool object_find(uintptr_t word, struct object *out);

/* Calls the tracer for every slot that may hold a reference. Whoever calls sees to it that the
   object's words are stable enough for a trace callback. */
GREY_HIDDEN void object_trace(const struct object *o, struct grey_tracer *t);

/* All allocated objects, slots that threads have cached for allocation (all zero) among them.
   Threads stopped. */
GREY_HIDDEN void object_each_stopped(void (*f)(const struct object *o, void *context), void *context);
/* The same for root blocks alone. */
GREY_HIDDEN void object_each_root_block_stopped(void (*f)(const struct object *o, void *context), void *context);

/* The mark bit. Between stop and resume, and for a span that is not swept yet after it. */
GREY_HIDDEN bool object_is_marked(const struct object *o);

/* ---- what marking and space share ---- */

#define CODE_IS_MANAGED(entry) (((entry) & ENTRY_MANAGED) != 0)

GREY_INLINE unsigned entry_trace(uint32_t entry)
{
    return entry >> ENTRY_TRACE_SHIFT & 7;
}

/* The size class of a small managed span's code; of a large one, and of pages far behind its first, a
   class whose magic is 0, so that every offset is in slot 0. */
GREY_INLINE unsigned code_class(unsigned code)
{
    return code & (CODE_MANAGED - 1);
}
static_assert((CODE_MANAGED_LARGE & (CODE_MANAGED - 1)) > CLASS_RUN_LAST, "no magic for large objects");
static_assert((CODE_MANAGED_FAR & (CODE_MANAGED - 1)) > CLASS_RUN_LAST, "no magic for large objects");

GREY_INLINE size_t span_slot_bytes(const struct span *s)
{
    return s->code == CODE_MANAGED_LARGE ? s->pages * PAGE_BYTES : size_classes[code_class(s->code)].size;
}

/* The words that hold a slot's mark bit and its alloc bit. The span's record has no alloc bits. */
GREY_INLINE struct slot_bits *slot_bits_of(uintptr_t span_base, unsigned slot)
{
    return &pagemap_arena(span_base)->bits[arena_page(span_base)][slot / 64];
}

GREY_INLINE struct atomicw *mark_word_of(uintptr_t span_base, unsigned slot)
{
    return &slot_bits_of(span_base, slot)->mark;
}

GREY_INLINE struct atomicw *alloc_word_of(const struct span *s, unsigned slot)
{
    return &slot_bits_of(s->base, slot)->alloc;
}

GREY_INLINE unsigned span_bit_words(const struct span *s)
{
    return (s->slots + 63u) / 64;
}

/* Small typed objects' pointer bits: one a word, at the span's end. */
GREY_INLINE uint64_t *typed_bits_at(uintptr_t span_base, size_t pages)
{
    return (uint64_t *)(span_base + pages * (PAGE_BYTES - PAGE_BYTES / 64));
}

GREY_INLINE uint64_t *typed_bits(const struct span *s)
{
    return typed_bits_at(s->base, s->pages);
}

/* Where the bits of a small typed object lie: the span is found by the page's entry alone. */
struct typed_place {
    uint64_t *map;
    size_t first; /* bit of the object's first word */
};
GREY_INLINE struct typed_place typed_place(uintptr_t base)
{
    uint32_t entry = arena_entry(pagemap_arena(base), base), offset = entry_offset(entry, base);
    return (struct typed_place){
        .map = typed_bits_at(base - offset, size_classes[code_class(entry_code(entry))].pages),
        .first = offset / sizeof(void *),
    };
}

/* The pointer bits of n words, at most 64, of an array of the type. */
GREY_INLINE uint64_t type_bits(const struct grey_type *type, size_t n)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < n; i += type->words)
        bits |= (type->pointers[0] & low_mask(type->words)) << i;
    return bits & low_mask(n);
}

#endif
