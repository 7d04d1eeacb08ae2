/* central: see central.h; space.h has the invariants.

   A span is swept by whoever took it out of an unswept queue, with no lock held: a thread that wants to
   allocate from it, or the sweeper. The order of a sweep's stores is what object_find() relies on
   when it looks at a span that may be swept meanwhile: alloc bits, then the generation, then mark bits. */
#include "gc/central.h"

#include <string.h>

#include "alloc/limits.h"
#include "gc/kind.h"
#include "gc/mutator.h"

struct central {
    struct lock lock;
    struct span_queue partial[2]; /* [lock:space] by parity of the generation: see A3 */
    struct span_queue full[2];    /* [lock:space] */
} __attribute__((aligned(64)));

/* Class 0: spans of one large object. */
#define LARGE 0
/* A thread that looks for a free slot sweeps at most so many spans that have none before the heap grows. */
#define SWEEPS_FOR_ONE 64
/* Before the heap grows for a large object at most so many old ones are swept. */
#define LARGE_LOOKS 256

static struct {
    struct atomic32 generation;   /* [atomic] changes while threads are stopped */
    struct atomicw spans;         /* [atomic] published */
    struct atomicw unswept;       /* [atomic] of them, not yet swept */
    struct atomicw bytes;         /* [atomic] of all managed spans, for the hard limit */
    struct atomicw freed_bytes, freed_objects; /* [atomic] statistics */
    struct atomicw cursor;        /* [atomic] where the sweeper goes on: kind * classes + class */
} all = { .generation = { 1 } };

static struct lock make_lock = LOCK_INIT(RANK_SPACE);

uint32_t space_generation(void)
{
    /* acquire: pairs with the release in space_flip_stopped(). */
    return a32_load_acquire(&all.generation);
}

/* ---- centrals ---- */

static struct central *centrals_of(grey_kind kind)
{
    /* acquire: pairs with the release below; whoever sees them sees their locks made. */
    return (struct central *)aw_load_acquire(&kind_of(kind)->centrals);
}

static struct central *make_centrals(grey_kind kind)
{
    lock_take(&make_lock);
    struct central *c = centrals_of(kind);
    if (c == NULL) {
        c = meta_alloc(MANAGED_CLASSES * sizeof *c);
        for (unsigned i = 0; c != NULL && i < MANAGED_CLASSES; i++)
            c[i].lock = (struct lock)LOCK_INIT(RANK_SPACE);
        if (c != NULL)
            aw_store_release(&kind_of(kind)->centrals, (uintptr_t)c);
    }
    lock_drop(&make_lock);
    return c;
}

static struct central *central_at(grey_kind kind, unsigned class)
{
    struct central *c = centrals_of(kind);
    if (unlikely(c == NULL))
        c = make_centrals(kind);
    return c == NULL ? NULL : &c[class];
}

static struct central *central_of(const struct span *s)
{
    return &centrals_of(s->kind)[s->code == CODE_MANAGED_LARGE ? LARGE : code_class(s->code)];
}

static struct span_queue *queue_of(struct central *c, const struct span *s)
{
    unsigned parity = a32_load_relaxed(&s->sweep_gen) & 1; /* relaxed: of a listed span it does not change */
    assert(s->list == LIST_PARTIAL || s->list == LIST_FULL);
    return s->list == LIST_PARTIAL ? &c->partial[parity] : &c->full[parity];
}

static void enqueue_locked(struct central *c, struct span *s, enum span_list list)
{
    assert(lock_is_held(&c->lock));
    s->list = (uint8_t)list;
    span_queue_add(queue_of(c, s), s);
}

static void dequeue_locked(struct central *c, struct span *s, enum span_list list)
{
    assert(lock_is_held(&c->lock));
    span_queue_remove(queue_of(c, s), s);
    s->list = (uint8_t)list;
}

/* ---- spans ---- */

static unsigned used_slots(const struct span *s)
{
    unsigned used = 0;
    for (unsigned i = 0; i < span_bit_words(s); i++)
        used += (unsigned)__builtin_popcountll(aw_load_relaxed(alloc_word_of(s, i * 64)));
    return used;
}

/* Bytes of the span's slots: a small typed one keeps its pointer bits behind them. */
static size_t slot_area(const struct span *s)
{
    return s->trace == TRACE_BITS ? (uintptr_t)typed_bits(s) - s->base : s->pages * PAGE_BYTES;
}

/* A length that was corrupted must not make the page map as large as it. */
static bool limit_allows(size_t bytes)
{
    if (bytes > limits_machine())
        return false;
    return option_now(&options.hard_limit) == 0 || aw_load_relaxed(&all.bytes) + bytes <= option_now(&options.hard_limit);
}

static struct span *make_span(grey_kind kind, struct run_request want)
{
    size_t bytes = pages_bytes(want.pages);
    if (!limit_allows(bytes))
        return NULL;
    struct span *s = mheap_alloc(&heap_pages, want, SPAN_MANAGED);
    if (s == NULL)
        return NULL;
    if (unlikely(memcheck_on))
        memcheck_open(s->base, bytes);
    aw_add_relaxed(&all.bytes, bytes); /* relaxed: a bound, not an account */
    s->kind = (uint8_t)kind;
    s->trace = (uint8_t)kind_of(kind)->trace;
    s->slots = want.code == CODE_MANAGED_LARGE ? 1 : (uint16_t)(slot_area(s) / span_slot_bytes(s));
    a32_store_relaxed(&s->sweep_gen, space_generation());
    pagemap_set(s);
    return s;
}

static struct atomicw *managed_word(uintptr_t base)
{
    return &pagemap_arena(base)->managed[arena_page(base) / 64];
}

/* From now on the span is seen by who walks all spans. */
static void publish(struct span *s)
{
    /* release: pairs with the acquire in visit_arena(): who sees the bit sees the record. */
    aw_or_release(managed_word(s->base), (uintptr_t)1 << (arena_page(s->base) % 64));
    aw_add_relaxed(&all.spans, 1);
}

/* In no list, nothing in it. */
static void release_span(struct span *s)
{
    assert(s->list == LIST_NONE);
    aw_and_relaxed(managed_word(s->base), ~((uintptr_t)1 << (arena_page(s->base) % 64)));
    aw_add_relaxed(&all.spans, (uintptr_t)-1);
    aw_add_relaxed(&all.bytes, -(s->pages * PAGE_BYTES));
    pagemap_clear(s);
    mheap_free(&heap_pages, s, (struct pages){ 0 });
}

static struct span *new_small(grey_kind kind, unsigned class)
{
    struct run_request want = { .pages = { size_classes[class].pages }, .align = 1, .code = CODE_MANAGED + class };
    struct span *s = make_span(kind, want);
    if (s == NULL)
        return NULL;
    s->list = LIST_CACHED;
    publish(s);
    return s;
}

/* ---- sweeping ---- */

/* So that whoever uses a dead object sees it. */
#define DEAD_BYTE 0xdb

static void poison(struct span *s, unsigned first, uint64_t dead)
{
    size_t size = span_slot_bytes(s);
    for (; dead != 0; dead &= dead - 1)
        memset((void *)(s->base + (first + lowest_bit(dead)) * size), DEAD_BYTE, size);
}

/* For who took the span out of an unswept queue. Says how many slots are in use. */
static unsigned sweep(struct span *s)
{
    unsigned live = 0, dead = 0, words = span_bit_words(s);
    struct slot_bits *bits = slot_bits_of(s->base, 0);
    bool poisons = (option_now(&options.stress) | option_now(&options.verify)) != 0;
    for (unsigned i = 0; i < words; i++) {
        uint64_t was = aw_load_relaxed(&bits[i].alloc), marked = aw_load_relaxed(&bits[i].mark);
        live += (unsigned)__builtin_popcountll(was & marked);
        if ((was & ~marked) == 0)
            continue;
        dead += (unsigned)__builtin_popcountll(was & ~marked);
        /* and: an object may be freed early meanwhile. */
        aw_and_relaxed(&bits[i].alloc, marked);
        if (unlikely(poisons))
            poison(s, i * 64, was & ~marked);
    }
    s->zeroed = 0;
    /* release: pairs with the acquire in object.c: who sees the generation sees the alloc bits. */
    a32_store_release(&s->sweep_gen, space_generation());
    for (unsigned i = 0; i < words; i++)
        aw_store_release(&bits[i].mark, 0);
    if (dead > 0) {
        aw_add_relaxed(&all.freed_objects, dead);
        aw_add_relaxed(&all.freed_bytes, dead * span_slot_bytes(s));
    }
    aw_add_relaxed(&all.unswept, (uintptr_t)-1);
    return live;
}

void central_sweep_cached_stopped(struct span *s)
{
    sweep(s);
}

static bool is_swept(const struct span *s)
{
    return a32_load_relaxed(&s->sweep_gen) == space_generation();
}

/* A swept span in no list goes where it belongs. */
static void settle(struct span *s, unsigned used)
{
    struct central *c = central_of(s);
    lock_take(&c->lock);
    s->zeroed = 0;
    if (used == 0)
        s->list = LIST_NONE;
    else
        enqueue_locked(c, s, used < s->slots ? LIST_PARTIAL : LIST_FULL);
    lock_drop(&c->lock);
    if (used == 0)
        release_span(s);
}

static struct span *pop_locked(struct central *c, struct span_queue *q)
{
    struct span *s = q->first;
    if (s != NULL)
        dequeue_locked(c, s, LIST_CACHED);
    return s;
}

static struct span *pop_unswept_locked(struct central *c)
{
    unsigned parity = (space_generation() - 1) & 1;
    struct span *s = pop_locked(c, &c->partial[parity]);
    return s != NULL ? s : pop_locked(c, &c->full[parity]);
}

/* ---- allocation ---- */

/* A span of the class with a free slot, if there is one, or an unswept one. */
static struct span *pop_any(struct central *c, struct span *old, bool *swept)
{
    lock_take(&c->lock);
    if (old != NULL)
        enqueue_locked(c, old, used_slots(old) < old->slots ? LIST_PARTIAL : LIST_FULL);
    struct span *s = pop_locked(c, &c->partial[space_generation() & 1]);
    *swept = s != NULL;
    if (s == NULL)
        s = pop_unswept_locked(c);
    lock_drop(&c->lock);
    return s;
}

struct span *central_exchange(grey_kind kind, unsigned class, struct span *old)
{
    struct central *c = central_at(kind, class);
    if (c == NULL)
        return NULL;
    if (old != NULL)
        old->zeroed = 0;
    for (unsigned i = 0; i < SWEEPS_FOR_ONE; i++) {
        bool swept;
        /* A span that was full goes back with the look for the next. */
        struct span *s = pop_any(c, old, &swept);
        old = NULL;
        if (s == NULL)
            break;
        if (swept || sweep(s) < s->slots)
            return s;
        old = s;
    }
    struct span *s = new_small(kind, class);
    if (old != NULL)
        settle(old, old->slots);
    return s;
}

void central_give(struct span *s)
{
    settle(s, used_slots(s));
}

/* Before the heap grows for a large object: what large objects of the kind have died. */
static void sweep_large(struct central *c, size_t pages)
{
    size_t freed = 0;
    for (unsigned i = 0; i < LARGE_LOOKS && freed < pages; i++) {
        lock_take(&c->lock);
        struct span *s = pop_unswept_locked(c);
        lock_drop(&c->lock);
        if (s == NULL)
            return;
        size_t n = s->pages;
        unsigned used = sweep(s);
        settle(s, used);
        freed += used == 0 ? n : 0;
    }
}

struct span *central_take_large(grey_kind kind, struct pages pages, size_t align)
{
    struct central *c = central_at(kind, LARGE);
    if (c == NULL)
        return NULL;
    sweep_large(c, pages.n);
    return make_span(kind, (struct run_request){ .pages = pages, .align = align, .code = CODE_MANAGED_LARGE });
}

void central_publish_large(struct span *s)
{
    struct central *c = central_of(s);
    lock_take(&c->lock);
    /* A cycle may have passed since the span was made. */
    a32_store_relaxed(&s->sweep_gen, space_generation());
    aw_or_relaxed(alloc_word_of(s, 0), 1);
    enqueue_locked(c, s, LIST_FULL);
    publish(s);
    lock_drop(&c->lock);
}

/* ---- freeing early ---- */

/* Clears the alloc bit; false when it was clear. Others change other bits of the word, with no lock held. */
static bool take_bit(const struct object *o)
{
    struct atomicw *word = alloc_word_of(o->span, o->slot);
    uintptr_t bit = (uintptr_t)1 << (o->slot % 64);
    for (;;) {
        uintptr_t old = aw_load_relaxed(word);
        if ((old & bit) == 0)
            return false;
        if (aw_cas_full(word, old, old & ~bit))
            return true;
    }
}

/* Its alloc bit is clear. Says whether the span is empty and was taken out of its list. */
static bool note_freed_locked(struct central *c, struct span *s)
{
    bool listed = s->list == LIST_PARTIAL || s->list == LIST_FULL;
    if (!listed || !is_swept(s))
        return false;
    bool empty = used_slots(s) == 0;
    if (empty || s->list == LIST_FULL)
        dequeue_locked(c, s, LIST_NONE);
    if (!empty && s->list == LIST_NONE)
        enqueue_locked(c, s, LIST_PARTIAL);
    return empty;
}

/* The bit is cleared under the lock: as long as it is set the span cannot go, and who finds a span empty takes
   the lock before it goes (settle()), so nobody is left here with a span that is gone. */
bool central_free(const struct object *o)
{
    struct span *s = o->span;
    struct central *c = centrals_of(s->kind) == NULL ? NULL : central_of(s);
    if (c == NULL)
        return false; /* freed twice, and the span has gone */
    lock_take(&c->lock);
    bool freed = take_bit(o), empty = freed && note_freed_locked(c, s);
    lock_drop(&c->lock);
    if (freed) {
        aw_add_relaxed(&all.freed_objects, 1);
        aw_add_relaxed(&all.freed_bytes, o->size);
    }
    if (empty)
        release_span(s);
    return freed;
}

void space_shrink(const struct object *o, size_t bytes)
{
    struct span *s = o->span;
    struct pages keep = pages_for(bytes == 0 ? 1 : bytes);
    assert(s->code == CODE_MANAGED_LARGE);
    if (keep.n >= s->pages)
        return;
    /* A fork takes the lock, too: the child must not find pages without an entry. */
    struct central *c = central_of(s);
    lock_take(&c->lock);
    size_t less = (s->pages - keep.n) * PAGE_BYTES;
    aw_add_relaxed(&all.bytes, -less);
    aw_add_relaxed(&all.freed_bytes, less); /* the sweep will count what is left */
    struct span tail = *s; /* the entries of the pages that go */
    tail.base += pages_bytes(keep);
    tail.pages -= (uint32_t)keep.n;
    pagemap_clear(&tail);
    mheap_shrink(&heap_pages, s, keep, CODE_MANAGED_LARGE);
    lock_drop(&c->lock);
}

/* ---- the sweeper ---- */

/* Sweeps up to n spans of one central. Says how many. */
static size_t sweep_central(struct central *c, size_t n)
{
    size_t done = 0;
    while (done < n) {
        lock_take(&c->lock);
        struct span *s = pop_unswept_locked(c);
        lock_drop(&c->lock);
        if (s == NULL)
            break;
        unsigned used = sweep(s);
        settle(s, used);
        done++;
    }
    return done;
}

/* Goes around all centrals once, from where the last one stopped. */
bool space_sweep_some(size_t spans)
{
    size_t count = kind_count() * MANAGED_CLASSES, start = aw_load_relaxed(&all.cursor), done = 0;
    for (size_t i = 0; i < count && !space_is_swept(); i++) {
        size_t at = (start + i) % count;
        struct central *c = centrals_of((grey_kind)(at / MANAGED_CLASSES));
        if (c == NULL) {
            i += MANAGED_CLASSES - 1 - at % MANAGED_CLASSES;
            continue;
        }
        done += sweep_central(&c[at % MANAGED_CLASSES], spans - done);
        if (done == spans) {
            aw_store_relaxed(&all.cursor, at); /* relaxed: a hint */
            return true;
        }
    }
    return done > 0;
}

bool space_is_swept(void)
{
    /* relaxed: a hint while threads run; stopped, the stop orders it */
    return aw_load_relaxed(&all.unswept) == 0;
}

size_t space_unswept(void)
{
    return aw_load_relaxed(&all.unswept); /* relaxed: an estimate */
}

void space_flip_stopped(void)
{
    assert(space_is_swept() || without(SWEEP_FINISH));
    aw_store_relaxed(&all.unswept, aw_load_relaxed(&all.spans));
    a32_store_release(&all.generation, space_generation() + 1);
}

/* ---- all spans ---- */

struct visit {
    void (*f)(struct span *s, void *context);
    void *context;
};

static void visit_arena(struct arena *a, void *visit)
{
    const struct visit *v = visit;
    for (size_t w = 0; w < COUNT(a->managed); w++)
        for (uint64_t bits = aw_load_acquire(&a->managed[w]); bits != 0; bits &= bits - 1)
            v->f(&a->span[w * 64 + lowest_bit(bits)], v->context);
}

void space_each_span_stopped(void (*f)(struct span *s, void *context), void *context)
{
    struct visit v = { f, context };
    pagemap_each_arena(visit_arena, &v);
}

void central_sums(struct space_sums *out)
{
    *out = (struct space_sums){
        .spans = aw_load_relaxed(&all.spans),
        .span_bytes = aw_load_relaxed(&all.bytes),
        .freed_bytes = aw_load_relaxed(&all.freed_bytes),
        .freed_objects = aw_load_relaxed(&all.freed_objects),
    };
}

struct rows {
    struct grey_class_stats *out;
    size_t max, count;
    uint64_t known[(GREY_KINDS * MANAGED_CLASSES + 63) / 64]; /* a bit for each kind and class that has a row */
};

/* NULL when there is no room for it. */
static struct grey_class_stats *row_of(struct rows *r, const struct span *s)
{
    bool large = s->code == CODE_MANAGED_LARGE;
    size_t size = large ? 0 : span_slot_bytes(s), at = s->kind * MANAGED_CLASSES + (large ? LARGE : code_class(s->code));
    if ((r->known[at / 64] >> (at % 64) & 1) == 0) {
        r->known[at / 64] |= UINT64_C(1) << (at % 64);
        if (r->count++ < r->max)
            r->out[r->count - 1] = (struct grey_class_stats){ .kind = s->kind, .size = size };
    }
    for (size_t i = 0; i < r->count && i < r->max; i++)
        if (r->out[i].kind == s->kind && r->out[i].size == size)
            return &r->out[i];
    return NULL;
}

static void count_span(struct span *s, void *rows)
{
    struct grey_class_stats *row = row_of(rows, s);
    if (row == NULL)
        return;
    row->spans++;
    row->slots += s->slots;
    row->objects += used_slots(s);
}

size_t space_class_stats(struct grey_class_stats *out, size_t max)
{
    struct rows r = { .out = out, .max = max };
    /* No span comes or goes while the page heap is locked; what is in them may change. */
    lock_take(&heap_pages.lock);
    space_each_span_stopped(count_span, &r);
    lock_drop(&heap_pages.lock);
    return r.count;
}

/* ---- fork, checks ---- */

void space_each_lock(void (*f)(struct lock *l))
{
    f(kind_lock());
    f(&make_lock);
    for (unsigned k = 0; k < kind_count(); k++) {
        struct central *c = centrals_of(k);
        for (unsigned i = 0; c != NULL && i < MANAGED_CLASSES; i++)
            f(&c[i].lock);
    }
}

/* A span that another thread of the parent cached, or was about to sweep or to settle, is nobody's here.
   What had been swept in part is swept whole: each of the sweep's steps may be taken twice. */
static void adopt_span(struct span *s, void *unswept)
{
    struct mutator *m = mutator_self();
    struct kind_cache *kc = m == NULL ? NULL : m->cache.kind[s->kind];
    bool large = s->code == CODE_MANAGED_LARGE;
    if ((s->list == LIST_CACHED || s->list == LIST_NONE) && (large || kc == NULL || kc->cached[code_class(s->code)].span != s)) {
        if (!is_swept(s))
            sweep(s);
        for (unsigned i = 0; i < span_bit_words(s); i++)
            aw_store_relaxed(mark_word_of(s->base, i * 64), 0);
        settle(s, used_slots(s));
    } else if (!is_swept(s)) {
        ++*(size_t *)unswept;
    }
}

/* Another thread may have been between a span's bit and the counts: publish(), release_span(). */
static void count_again(struct span *s, void *unused)
{
    (void)unused;
    aw_add_relaxed(&all.spans, 1);
    aw_add_relaxed(&all.bytes, s->pages * PAGE_BYTES);
}

void space_fork_child(void)
{
    size_t unswept = 0;
    /* relaxed, all: the child has one thread */
    aw_store_relaxed(&all.spans, 0);
    aw_store_relaxed(&all.bytes, 0);
    space_each_span_stopped(count_again, NULL);
    space_each_span_stopped(adopt_span, &unswept);
    aw_store_relaxed(&all.unswept, unswept);
}

static void check_span(struct span *s, void *sound)
{
    bool *ok = sound;
    const char *wrong = NULL;
    size_t beyond = 0;
    for (unsigned slot = s->slots; slot < SLOTS_MAX; slot++)
        beyond += aw_load_relaxed(alloc_word_of(s, slot)) >> (slot % 64) & 1;
    if (s->state != SPAN_MANAGED || s->code < CODE_MANAGED || s->kind >= kind_count())
        wrong = "is no managed span";
    else if (beyond != 0)
        wrong = "has alloc bits of slots that do not exist (A1)";
    else if (pagemap_find(s->base) != s || pagemap_find(s->base + s->pages * PAGE_BYTES - 1) != s)
        wrong = "is not what the page map leads to";
    else if (s->list == LIST_NONE)
        wrong = "is in no list (A4)";
    if (wrong == NULL)
        return;
    report_line("verify: span %p, kind %u, code %u, %u slots, %s", (void *)s->base, s->kind, s->code, s->slots, wrong);
    *ok = false;
}

bool space_check_stopped(void)
{
    bool ok = true;
    space_each_span_stopped(check_span, &ok);
    return ok;
}
