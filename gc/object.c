/* object: see object.h. */
#include "gc/object.h"

#include "gc/kind.h"

/* A managed entry whose page is far behind the span's first is followed back. */
static uint32_t near_entry(uintptr_t *address, uint32_t entry)
{
    while (unlikely(entry_code(entry) == CODE_MANAGED_FAR)) {
        *address -= entry_offset(entry, *address);
        entry = arena_entry(pagemap_arena(*address), *address);
    }
    return entry;
}

/* acquire: of a mark word it pairs with the release in sweep(), and keeps what follows from going first. */
static bool bit_of(const struct atomicw *word, unsigned slot)
{
    return (aw_load_acquire(word) >> (slot % 64) & 1) != 0;
}

/* Slots that do not exist have clear bits. In a span not yet swept what is unmarked is dead already;
   sweeping writes alloc bits, the generation and mark bits in this order (space.c). */
static bool slot_is_live(struct span *s, unsigned slot)
{
    uint32_t gen = space_generation();
    if (a32_load_acquire(&s->sweep_gen) != gen && !bit_of(mark_word_of(s->base, slot), slot)
        && a32_load_acquire(&s->sweep_gen) != gen)
        return false;
    return bit_of(alloc_word_of(s, slot), slot);
}

/* Sweeping may give a dead object's span back meanwhile, and its pages may serve another: then the entry is not
   what it was; of a very large object the first page's may go before it. */
GREY_RACY bool object_find(uintptr_t word, struct object *out)
{
    struct arena *a = pagemap_arena(word);
    if (a == NULL)
        return false;
    uint32_t entry = arena_entry(a, word);
    if (!CODE_IS_MANAGED(entry))
        return false;
    uintptr_t near = word;
    uint32_t first = near_entry(&near, entry), offset = entry_offset(first, near);
    if (!CODE_IS_MANAGED(first))
        return false;
    unsigned class = code_class(entry_code(first)), slot = (unsigned)slot_at(class_magic[class], offset);
    struct span *s = pagemap_record(near - offset);
    if (!slot_is_live(s, slot))
        return false;
    size_t size = class < CLASS_COUNT ? size_classes[class].size : s->pages * PAGE_BYTES;
    *out = (struct object){ .base = near - offset + slot * size, .size = size, .span = s, .slot = slot };
    return arena_entry(a, word) == entry;
}

bool object_is_marked(const struct object *o)
{
    return (aw_load_relaxed(mark_word_of(o->span->base, o->slot)) >> (o->slot % 64) & 1) != 0;
}

/* ---- tracing ---- */

static void trace_bits(const struct object *o, struct grey_tracer *t)
{
    const uint64_t *bits = typed_bits(o->span);
    size_t first = (o->base - o->span->base) / sizeof(void *), words = o->size / sizeof(void *);
    for (size_t i = 0; i < words; i++) {
        if ((bits[(first + i) / 64] >> ((first + i) % 64) & 1) == 0)
            continue;
        void **slot = (void **)o->base + i;
        void *value = (void *)aw_load_acquire((const struct atomicw *)slot); /* pairs with grey_write */
        if (value != NULL)
            t->edge(t, slot, value);
    }
}

static void trace_type(const struct object *o, struct grey_tracer *t)
{
    size_t words = o->size / sizeof(void *) - 1;
    const struct grey_type *type = ((const struct grey_type *const *)o->base)[words];
    if (type == NULL || !type->any)
        return;
    for (size_t i = 0, k = 0; i < words; i++, k = k + 1 == type->words ? 0 : k + 1) {
        if ((type->pointers[k / 64] >> (k % 64) & 1) == 0)
            continue;
        void **slot = (void **)o->base + i;
        void *value = (void *)aw_load_acquire((const struct atomicw *)slot);
        if (value != NULL)
            t->edge(t, slot, value);
    }
}

/* H15: an object whose first word is still zero has no references yet. */
static void trace_custom(const struct object *o, struct grey_tracer *t)
{
    if (aw_load_acquire((const struct atomicw *)o->base) == 0 && !without(H15_ZERO))
        return;
    kind_of(o->span->kind)->callback((void *)o->base, t);
}

void object_trace(const struct object *o, struct grey_tracer *t)
{
    switch ((enum trace)o->span->trace) {
    case TRACE_NONE:
    case TRACE_WEAK:
        return;
    case TRACE_CONSERVATIVE:
        t->words(t, (void *)o->base, o->size / sizeof(void *));
        return;
    case TRACE_BITS:
        trace_bits(o, t);
        return;
    case TRACE_TYPE:
        trace_type(o, t);
        return;
    case TRACE_CUSTOM:
        trace_custom(o, t);
        return;
    }
}

/* ---- every object ---- */

struct visit {
    grey_kind kind; /* 0: all of them */
    void (*f)(const struct object *o, void *context);
    void *context;
};

static void visit_span(struct span *s, void *visit)
{
    const struct visit *v = visit;
    size_t size = span_slot_bytes(s);
    if (v->kind != 0 && v->kind != s->kind)
        return;
    for (unsigned w = 0; w < span_bit_words(s); w++) {
        for (uint64_t bits = aw_load_relaxed(alloc_word_of(s, w * 64)); bits != 0; bits &= bits - 1) {
            unsigned slot = w * 64 + lowest_bit(bits);
            struct object o = { .base = s->base + slot * size, .size = size, .span = s, .slot = slot };
            v->f(&o, v->context);
        }
    }
}

void object_each_stopped(void (*f)(const struct object *o, void *context), void *context)
{
    struct visit v = { 0, f, context };
    space_each_span_stopped(visit_span, &v);
}

void object_each_root_block_stopped(void (*f)(const struct object *o, void *context), void *context)
{
    struct visit v = { GREY_ROOT, f, context };
    /* acquire: pairs with the release in make_centrals(): most programs have no root blocks. */
    if (aw_load_acquire(&kind_of(GREY_ROOT)->centrals) != 0)
        space_each_span_stopped(visit_span, &v);
}
