/* mark: the markers.

   A word that may name an object goes onto a stack; popped, it waits in a ring of PIPE entries while what
   it names is fetched; at the ring's end the object is marked, and scanned if it was not marked before
   (docs/decisions/0001 has the measurements). Two markers may not both mark one object: the mark bit
   is set by compare-and-swap; with one marker by a plain store.

   M1  A word is on some stack, in some ring, or its object is marked and has been scanned, or its span is
       set down for a rescan (the queue's memory had run out).
   M2  Marking is over when every marker found its own stack and ring and the pool empty. A marker that is
       idle has nothing; a marker that is not may put packets into the pool; so when all are idle, the
       pool is empty for good. */
#include "gc/mark.h"

#include <string.h>

#include "alloc/limits.h"
#include "alloc/machine.h"
#include "gc/kind.h"
#include "gc/lifetime.h"
#include "gc/mutator.h"
#include "gc/queue.h"
#include "gc/stats.h"

#define PIPE        16 /* a power of two */
#define ROUND       256 /* see all.round */
#define SMALL_BYTES 128 /* objects up to here are scanned without a call */
static_assert(WORKERS_MAX < ROUND, "a round's word has room for the number of its markers");
#define PIECE       KIB(128)
/* On a stack: not an object but a piece of one that is scanned piece by piece. */
#define PIECE_TAG ((uintptr_t)1 << 63)
/* A marker looks this often, in objects, whether others are idle. */
#define SHARE_EVERY 64
/* A smaller heap is marked faster than others can be woken. */
#define PARALLEL_BYTES MIB(16)
#define ALONE_WORDS    4096
#define IDLE_SPINS     2000
#define IDLE_YIELDS    20
/* Then it sleeps until somebody shares or all are idle; who tells it may have looked before it lay down. */
#define IDLE_SLEEP_NS  UINT64_C(200000)
/* A marker without work looks this often whether it is alone: who wakes it may have come too early. */
#define LOOK_NS UINT64_C(5000000000)

/* Of what is inlined into such a function, too: its variables would stay poisoned when the function is left. */
#define NO_SANITIZE __attribute__((no_sanitize("address", "thread", "undefined")))

/* What a word names. */
struct found {
    uintptr_t base;
    struct slot_bits *bits; /* NULL: nothing */
    uint64_t size;          /* bytes of the slot, 0 of a large object */
    unsigned bit, trace;    /* of both words; enum trace */
};
/* In the pipe. `what` has size, bit and trace (from bits 0, 32, 40 on): one word, so that it is read back as it was
   written. */
struct waiting {
    uintptr_t base;
    struct slot_bits *bits;
    uint64_t what;
};

struct marker {
    struct grey_tracer tracer; /* first: what trace callbacks get */
    struct root_sink sink;
    struct queue queue;
    struct waiting pipe[PIPE]; /* a ring */
    unsigned head, waiting;    /* its next free place; how many wait before it */
    bool alone;       /* no other marker: plain stores will do */
    uintptr_t low, range; /* [stopped] the addresses between which the heap lies */
    const struct atomicw *arenas; /* [stopped] by address; NULL when the window does not hold them all */
    uint64_t objects, bytes, root_bytes, private_bytes, overflows;
    uint64_t cpu_ns;
    unsigned number;
    uint32_t seen;    /* the round when it was started: none of its */
    struct atomic32 thread; /* [atomic] enum below */
} __attribute__((aligned(64)));

/* A marker's thread. One that sleeps may end when the program's threads have all ended, so that the process
   can; one that the coordinator counts on may not. */
enum { THREAD_NONE, THREAD_ASLEEP, THREAD_WANTED };

static struct {
    struct marker *marker[WORKERS_MAX]; /* [0] is the coordinator's; others made in mark_prepare() */
    struct os_helper helper[WORKERS_MAX];
    unsigned cpus;             /* [const] */
    unsigned active;           /* [stopped] markers of this cycle */
    struct atomic32 round;     /* [atomic] a number, and how many take part; workers sleep on it */
    struct atomic32 idle;      /* [atomic] markers without work in the round */
    struct atomic32 left;      /* [atomic] workers that have not finished the round */
    struct atomic32 asleep;    /* [atomic] idle markers that sleep */
    struct atomic32 news;      /* [atomic] changes when they should look again; they sleep on it */
    struct atomic32 overflow;  /* [atomic] a span is set down for a rescan */
} all;

/* In metadata: what its pipe holds must not be found as a root in a program that links the archive. */
static struct marker *coordinator;
static uint64_t coordinator_since; /* [stopped] its thread's CPU time when the cycle's marking began */

/* ---- from words to objects ---- */

/* By class; 0 for those of large objects. */
static struct { uint64_t magic, bytes; } classes[CODE_MANAGED];

/* A large object's page far behind its first, or a span that begins in another arena than the word's. */
static GREY_COLD struct found find_far(uintptr_t word)
{
    struct object o;
    if (!object_find(word, &o))
        return (struct found){ .bits = NULL };
    bool large = o.span->code == CODE_MANAGED_LARGE;
    return (struct found){ .base = o.base, .bits = slot_bits_of(o.span->base, o.slot), .size = large ? 0 : o.size,
                           .bit = o.slot % 64, .trace = o.span->trace };
}

/* The slot's first byte. Nearly always the word names it, tags aside: the branch is predicted, and what lies there
   is fetched before the multiplications are done. */
NO_SANITIZE GREY_INLINE uintptr_t base_of(uintptr_t word, uintptr_t base)
{
    uintptr_t near = word & ~(uintptr_t)7;
    if (likely(near == base)) {
        __asm__("" : "+r"(near)); /* or the compiler takes base for it */
        return near;
    }
    return base;
}

/* What a word between the heap's ends names, if it may name a slot. Two dependent loads, none of the object
   or of its span. */
NO_SANITIZE GREY_INLINE struct found find_slot(const struct atomicw *arenas, uintptr_t word)
{
    const struct found none = { .bits = NULL };
    struct arena *a = likely(arenas != NULL) ? (struct arena *)aw_load_relaxed(&arenas[word >> ARENA_SHIFT])
                                             : pagemap_arena(word);
    if (unlikely(a == NULL))
        return none;
    size_t page = arena_page(word);
    uint32_t entry = a32_load_relaxed(&a->entry[page]); /* relaxed: threads are stopped */
    if (unlikely(!CODE_IS_MANAGED(entry)))
        return none;
    uint32_t offset = entry_offset(entry, word);
    size_t back = offset >> PAGE_SHIFT;
    unsigned class = code_class(entry_code(entry)), slot = (unsigned)slot_at(classes[class].magic, offset);
    if (unlikely(back > page || class == code_class(CODE_MANAGED_FAR)))
        return find_far(word);
    uint64_t size = classes[class].bytes;
    return (struct found){ .base = base_of(word, word - offset + slot * size), .bits = &a->bits[page - back][slot / 64], .size = size,
                           .bit = slot % 64, .trace = entry_trace(entry) };
}

/* An object, and not marked. Half of all words name what is marked already: those wait for nothing. The
   loads hold nothing up, for the branch is predicted. relaxed: mark_bit() looks again. */
NO_SANITIZE GREY_INLINE bool is_worth_marking(const struct found *f)
{
    uintptr_t alloc = aw_load_relaxed(&f->bits->alloc), mark = aw_load_relaxed(&f->bits->mark);
    return (((alloc | (without(H3_ALLOC) ? UINTPTR_MAX : 0)) & ~mark) >> f->bit & 1) != 0;
}

/* ---- scanning ---- */

static GREY_COLD void push_overflow(struct marker *m, uintptr_t word);

GREY_INLINE void push(struct marker *m, uintptr_t word)
{
    if (unlikely(!queue_push(&m->queue, word)))
        push_overflow(m, word);
}

/* Words that cannot be addresses of the heap are most of those in conservative memory. */
GREY_INLINE bool may_be_managed(const struct marker *m, uintptr_t word)
{
    return word - m->low < m->range;
}

GREY_INLINE void push_if_near(struct marker *m, uintptr_t word)
{
    if (unlikely(memcheck_on))
        word = memcheck_defined(word);
    if (may_be_managed(m, word))
        push(m, word);
}

/* Most words are one thing or the other without a pattern: no branch depends on them. The reads are of memory
   that threads were stopped in the middle of writing. */
NO_SANITIZE static void scan_words(struct marker *m, const uintptr_t *from, const uintptr_t *to)
{
    while (from < to) {
        const uintptr_t *end = to - from > QUEUE_ROOM ? from + QUEUE_ROOM : to;
        if (unlikely(memcheck_on || !queue_has_room(&m->queue, QUEUE_ROOM))) {
            while (from < to)
                push_if_near(m, *from++);
            return;
        }
        uintptr_t low = m->low, range = m->range, *sp = m->queue.sp;
        for (; from < end; from++) {
            uintptr_t word = *from;
            *sp = word;
            sp += word - low < range;
        }
        m->queue.sp = sp;
    }
}

static void scan_bits(struct marker *m, uintptr_t base, size_t bytes)
{
    struct typed_place at = typed_place(base);
    size_t n = bytes / sizeof(void *), bit = at.first % 64;
    uint64_t bits = at.map[at.first / 64] >> bit;
    if (bit + n > 64)
        bits |= at.map[at.first / 64 + 1] << (64 - bit);
    for (bits &= low_mask(n); bits != 0; bits &= bits - 1)
        push_if_near(m, ((const uintptr_t *)base)[lowest_bit(bits)]);
}

/* Words [from, to) of a typed object whose first word is base. */
static void scan_type(struct marker *m, const struct grey_type *type, const uintptr_t *base, const uintptr_t *from,
                      const uintptr_t *to)
{
    size_t k = (size_t)(from - base) % type->words;
    for (; from < to; from++, k = k + 1 == type->words ? 0 : k + 1)
        if ((type->pointers[k / 64] >> (k % 64) & 1) != 0)
            push_if_near(m, *from);
}

/* [from, to) of a large object: a piece of it now, the rest onto the stack, where others may take it. */
static void scan_piece(struct marker *m, uintptr_t from)
{
    struct span *s = pagemap_find(from);
    uintptr_t end = s->base + span_slot_bytes(s), to = end - from > PIECE ? from + PIECE : end;
    if (s->trace == TRACE_TYPE)
        end -= sizeof(void *);
    if (to < end)
        push(m, to | PIECE_TAG);
    else
        to = end;
    if (s->trace == TRACE_TYPE) {
        const struct grey_type *type = *(const struct grey_type *const *)end;
        if (type != NULL && type->any)
            scan_type(m, type, (const uintptr_t *)s->base, (const uintptr_t *)from, (const uintptr_t *)to);
    } else {
        scan_words(m, (const uintptr_t *)from, (const uintptr_t *)to);
    }
}

static GREY_NOINLINE void scan_special(struct marker *m, uintptr_t base, unsigned trace, size_t size)
{
    struct span *s = pagemap_find(base);
    if (trace == TRACE_TYPE) {
        const uintptr_t *last = (const uintptr_t *)(base + size) - 1;
        const struct grey_type *type = (const struct grey_type *)*last;
        if (type != NULL && type->any)
            scan_type(m, type, (const uintptr_t *)base, (const uintptr_t *)base, last);
    } else if (trace == TRACE_WEAK) {
        lifetime_found_weak(base, s->kind);
    } else {
        /* H15: it has no references before its first word is written. */
        if (*(const uintptr_t *)base == 0 && !without(H15_ZERO))
            return;
        kind_of(s->kind)->callback((void *)base, &m->tracer);
    }
}

/* All that is not a small conservative object. */
static GREY_NOINLINE void scan_other(struct marker *m, uintptr_t base, unsigned trace, size_t size)
{
    if (trace == TRACE_BITS)
        scan_bits(m, base, size);
    else if (size > PIECE && (trace == TRACE_CONSERVATIVE || trace == TRACE_TYPE))
        scan_piece(m, base);
    else if (trace == TRACE_CONSERVATIVE)
        scan_words(m, (const uintptr_t *)base, (const uintptr_t *)(base + size));
    else if (trace != TRACE_NONE)
        scan_special(m, base, trace, size);
}

/* ---- marking ---- */

/* Sets the bit; false when it was set. */
GREY_INLINE bool mark_bit(struct marker *m, struct atomicw *word, uintptr_t bit)
{
    uintptr_t old = aw_load_relaxed(word); /* relaxed: bits are only set while threads are stopped */
    if ((old & bit) != 0)
        return false;
    if (m->alone) {
        aw_store_relaxed(word, old | bit);
        return true;
    }
    while (!aw_cas_full(word, old, old | bit)) {
        old = aw_load_relaxed(word);
        if ((old & bit) != 0)
            return false;
    }
    return true;
}

NO_SANITIZE GREY_INLINE size_t found_size(const struct found *f)
{
    return likely(f->size != 0) ? f->size : pagemap_record(f->base)->pages * PAGE_BYTES;
}

/* No memory for the queue: the object is marked now and its span set down, so that all its marked objects
   are scanned again when the queues are empty. Each time at least one object more is marked. */
static void push_overflow(struct marker *m, uintptr_t word)
{
    struct object o;
    m->overflows++;
    if (without(H5_OVERFLOW) || !object_find(word & ~PIECE_TAG, &o))
        return;
    if ((word & PIECE_TAG) == 0) {
        if (!mark_bit(m, mark_word_of(o.span->base, o.slot), (uintptr_t)1 << (o.slot % 64)))
            return;
        m->objects++;
        m->bytes += o.size;
    }
    o.span->rescan = 1;
    /* release: pairs with the acquire in rescan_all(). */
    a32_store_release(&all.overflow, 1);
}

/* What drain() keeps in registers of a marker, and writes back before it calls anything that pushes. */
struct hot {
    uintptr_t *sp, *bottom, *end;
    uintptr_t low, range;
    const struct atomicw *arenas;
    uint64_t objects, bytes;
    unsigned head, waiting;
};

NO_SANITIZE GREY_INLINE void save(struct marker *m, const struct hot *h)
{
    m->queue.sp = h->sp;
    m->head = h->head;
    m->waiting = h->waiting;
}

NO_SANITIZE GREY_INLINE void load(const struct marker *m, struct hot *h)
{
    h->sp = m->queue.sp;
    h->bottom = m->queue.bottom;
    h->end = m->queue.end;
    h->head = m->head;
    h->waiting = m->waiting;
}

/* Of an even number of words, without a branch that depends on them. The reads are of memory that threads were
   stopped in the middle of writing. */
NO_SANITIZE GREY_INLINE void scan_pairs(struct hot *h, const uintptr_t *from, size_t bytes)
{
    const uintptr_t *to = from + bytes / sizeof *from;
    do {
        uintptr_t first = from[0], second = from[1];
        *h->sp = first;
        h->sp += first - h->low < h->range;
        *h->sp = second;
        h->sp += second - h->low < h->range;
        from += 2;
    } while (from < to);
}

/* A newly marked object is scanned: here if it is small and conservative. */
NO_SANITIZE GREY_INLINE void scan_marked(struct marker *m, struct hot *h, const struct found *f)
{
    h->objects++;
    if (likely(f->trace == TRACE_CONSERVATIVE && f->size - 1 < SMALL_BYTES && !memcheck_on)
        && likely((size_t)(h->end - h->sp) >= SMALL_BYTES / sizeof(uintptr_t))) {
        h->bytes += f->size;
        scan_pairs(h, (const uintptr_t *)f->base, f->size);
        return;
    }
    size_t size = found_size(f);
    h->bytes += size;
    if (f->trace != TRACE_NONE) {
        save(m, h);
        scan_other(m, f->base, f->trace, size);
        load(m, h);
    }
}

/* At the end of the pipe. */
NO_SANITIZE GREY_INLINE void finish(struct marker *m, struct hot *h, struct waiting w)
{
    struct found f = { .base = w.base, .bits = w.bits, .size = (uint32_t)w.what, .bit = w.what >> 32 & 63,
                       .trace = (unsigned)(w.what >> 40) };
    if (mark_bit(m, &f.bits->mark, (uintptr_t)1 << f.bit))
        scan_marked(m, h, &f);
}

/* The stack is empty: what has waited longest comes out of the pipe. Of a list that is one at a time; of several
   lists each waits while the others go on. */
NO_SANITIZE GREY_INLINE void take_oldest(struct marker *m, struct hot *h)
{
    struct waiting out = m->pipe[(h->head - h->waiting) % PIPE];
    h->waiting--;
    finish(m, h, out);
}

/* Into the pipe; what has waited longest comes out if it is full. */
NO_SANITIZE GREY_INLINE void put_newest(struct marker *m, struct hot *h, const struct found *f)
{
    struct waiting *place = &m->pipe[h->head], out = *place;
    __builtin_prefetch((const void *)f->base);
    place->base = f->base;
    place->bits = f->bits;
    place->what = f->size | (uint64_t)f->bit << 32 | (uint64_t)f->trace << 40;
    h->head = (h->head + 1) % PIPE;
    if (unlikely(h->waiting < PIPE))
        h->waiting++;
    else
        finish(m, h, out);
}

/* From the spare packet or from others; 0 when the marker has nothing left and there is nothing in the pool. */
static GREY_NOINLINE uintptr_t next_slowly(struct marker *m, struct hot *h)
{
    save(m, h);
    uintptr_t word = queue_pop(&m->queue);
    load(m, h);
    return word;
}

/* For idle markers that sleep: there is work, or an end. */
static void tell_sleepers(void)
{
    if (a32_load_relaxed(&all.asleep) == 0) /* relaxed: who is missed looks again soon */
        return;
    a32_add_full(&all.news, 1);
    os_futex_wake(&all.news, INT_MAX);
}

static GREY_NOINLINE void share(struct marker *m, struct hot *h)
{
    save(m, h);
    queue_share(&m->queue);
    load(m, h);
    tell_sleepers();
}

static GREY_NOINLINE void next_piece(struct marker *m, struct hot *h, uintptr_t word)
{
    save(m, h);
    scan_piece(m, word & ~PIECE_TAG);
    load(m, h);
}

/* Until the marker has nothing left and there is nothing in the pool (true), or for so many words. */
NO_SANITIZE static bool drain(struct marker *m, size_t words)
{
    struct hot h = { .low = m->low, .range = m->range, .arenas = m->arenas };
    bool done = false;
    uintptr_t known = 0; /* the last word that named nothing to mark: objects of one type name it one after the other */
    load(m, &h);
    for (size_t n = 0; n < words; n++) {
        uintptr_t word;
        if (likely(h.sp != h.bottom)) {
            word = *--h.sp;
        } else if (h.waiting > 0) {
            take_oldest(m, &h);
            continue;
        } else if ((word = next_slowly(m, &h)) == 0) {
            done = true;
            break;
        }
        if (unlikely(n % SHARE_EVERY == 0) && !m->alone && a32_load_relaxed(&all.idle) != 0)
            share(m, &h);
        if (unlikely((word & PIECE_TAG) != 0)) {
            next_piece(m, &h, word);
            continue;
        }
        if (word == known)
            continue;
        struct found f = find_slot(h.arenas, word);
        if (f.bits != NULL && is_worth_marking(&f))
            put_newest(m, &h, &f);
        else
            known = word;
    }
    save(m, &h);
    m->objects += h.objects;
    m->bytes += h.bytes;
    return done;
}

/* ---- several markers ---- */

static void wait_for_work(unsigned looks)
{
    if (looks < IDLE_SPINS + IDLE_YIELDS) {
        looks < IDLE_SPINS ? cpu_relax() : machine_yield();
        return;
    }
    uint32_t seen = a32_load_relaxed(&all.news); /* relaxed: see tell_sleepers() */
    a32_add_full(&all.asleep, 1);
    if (!queue_pool_has_work())
        os_futex_wait_ns(&all.news, seen, IDLE_SLEEP_NS);
    a32_add_full(&all.asleep, (uint32_t)-1);
}

/* Until all are idle at once (M2). */
static void drain_together(struct marker *m, uint32_t markers)
{
    for (;;) {
        drain(m, SIZE_MAX);
        if (a32_add_full(&all.idle, 1) + 1 == markers && !queue_pool_has_work()) {
            tell_sleepers();
            return;
        }
        for (unsigned looks = 0; !queue_pool_has_work(); looks++) {
            if (a32_load_acquire(&all.idle) == markers)
                return;
            wait_for_work(looks);
        }
        a32_add_full(&all.idle, (uint32_t)-1);
    }
}

static void worker_round(struct marker *m, uint32_t markers)
{
    uint64_t cpu = gcstats_cpu();
    m->alone = false;
    drain_together(m, markers);
    m->cpu_ns += gcstats_cpu() - cpu;
}

static void worker(void *marker)
{
    struct marker *m = marker;
    uint32_t seen = m->seen;
    mutator_never();
    for (;;) {
        uint32_t round = a32_load_acquire(&all.round);
        if (round == seen) {
            if (mutator_count() == 0 && a32_cas_full(&m->thread, THREAD_ASLEEP, THREAD_NONE))
                return;
            os_futex_wait_ns(&all.round, seen, LOOK_NS);
            continue;
        }
        seen = round;
        if (m->number >= round % ROUND)
            continue;
        worker_round(m, round % ROUND);
        /* release: our marks are seen by who waits in run_round(). */
        if (a32_add_full(&all.left, (uint32_t)-1) == 1)
            os_futex_wake(&all.left, 1);
    }
}

static void run_round(unsigned markers)
{
    a32_store_relaxed(&all.idle, 0);
    a32_store_relaxed(&all.left, markers - 1);
    /* release: pairs with the acquire in worker(). */
    a32_store_release(&all.round, (a32_load_relaxed(&all.round) / ROUND + 1) * ROUND + markers);
    os_futex_wake(&all.round, INT_MAX);
    drain_together(coordinator, markers);
    for (uint32_t left; (left = a32_load_acquire(&all.left)) != 0;)
        os_futex_wait(&all.left, left);
}

static void rescan_span(struct span *s, void *unused)
{
    (void)unused;
    if (!s->rescan)
        return;
    s->rescan = 0;
    size_t size = span_slot_bytes(s);
    for (unsigned slot = 0; slot < s->slots; slot++)
        if ((aw_load_relaxed(mark_word_of(s->base, slot)) >> (slot % 64) & 1) != 0) {
            scan_other(coordinator, s->base + slot * size, s->trace, size);
            drain(coordinator, SIZE_MAX);
        }
}

/* What did not fit. The queues are empty and one marker is at work. */
static void rescan_all(void)
{
    while (a32_load_acquire(&all.overflow) != 0) {
        a32_store_relaxed(&all.overflow, 0);
        coordinator->alone = true;
        space_each_span_stopped(rescan_span, NULL);
    }
}

void mark_drain_stopped(void)
{
    /* Others are woken when there is something to share. */
    if (!drain(coordinator, all.active > 1 ? ALONE_WORDS : SIZE_MAX)) {
        coordinator->alone = false;
        run_round(all.active);
    }
    coordinator->alone = true;
    rescan_all();
}

/* ---- roots ---- */

/* H16: a pointer one past an object's end is the next slot's first byte. */
static void push_past_end(struct marker *m, uintptr_t word)
{
    struct object o;
    if (!without(H16_PAST) && object_find(word - 1, &o) && o.base + o.size == word)
        push(m, word - 1);
}

static void push_private(struct marker *m, uintptr_t word)
{
    if (unlikely(memcheck_on))
        word = memcheck_defined(word);
    push_if_near(m, word);
    /* The end of the last slot of all may be the end of the heap. */
    if (word % MIN_ALIGN == 0 && may_be_managed(m, word - 1))
        push_past_end(m, word);
}

NO_SANITIZE static void scan_private(struct marker *m, const uintptr_t *from, const uintptr_t *to)
{
    grey_decode_fn *decode = roots_decode;
    for (; from < to; from++) {
        uintptr_t word = *from, decoded = decode == NULL ? word : decode(word);
        push_private(m, word);
        if (decoded != word)
            push_private(m, decoded);
    }
}

static void root_range(struct root_sink *sink, const struct root_range *r)
{
    (void)sink;
    size_t bytes = (uintptr_t)r->to - (uintptr_t)r->from;
    coordinator->root_bytes += bytes;
    if (!root_is_private(r->class)) {
        scan_words(coordinator, r->from, r->to);
        return;
    }
    coordinator->private_bytes += bytes;
    scan_private(coordinator, r->from, r->to);
}

static void root_exact(struct root_sink *sink, enum root_class class, void *slot, uintptr_t value)
{
    (void)sink;
    (void)class;
    (void)slot;
    coordinator->root_bytes += sizeof value;
    mark_word(value);
}

static void tracer_edge(struct grey_tracer *t, void *slot, void *value)
{
    (void)slot;
    push_if_near((struct marker *)t, (uintptr_t)value);
}

static void tracer_words(struct grey_tracer *t, void *from, size_t count)
{
    scan_words((struct marker *)t, from, (const uintptr_t *)from + count);
}

void mark_word(uintptr_t word)
{
    push_if_near(coordinator, word);
}

bool mark_is_missing(uintptr_t word)
{
    if (!may_be_managed(coordinator, word))
        return false;
    struct found f = find_slot(coordinator->arenas, word);
    return f.bits != NULL && is_worth_marking(&f);
}

bool mark_object(const struct object *o)
{
    if (!mark_bit(coordinator, mark_word_of(o->span->base, o->slot), (uintptr_t)1 << (o->slot % 64)))
        return false;
    coordinator->objects++;
    coordinator->bytes += o->size;
    return true;
}

struct root_sink *mark_sink(void)
{
    return &coordinator->sink;
}

/* ---- a cycle ---- */

static void marker_init(struct marker *m, unsigned number)
{
    m->number = number;
    m->tracer = (struct grey_tracer){ tracer_edge, tracer_words };
    m->sink = (struct root_sink){ root_range, root_exact, &m->tracer };
    m->alone = true;
}

static struct marker *make_marker(unsigned number)
{
    struct marker *m = meta_alloc(sizeof *m);
    if (m != NULL)
        marker_init(m, number);
    all.marker[number] = m;
    return m;
}

bool mark_init(void)
{
    if (coordinator == NULL)
        coordinator = make_marker(0);
    if (coordinator == NULL || !queue_open(&coordinator->queue))
        return false;
    all.cpus = limits_cpus("");
    for (unsigned class = CLASS_SMALL_FIRST; class <= CLASS_SMALL_LAST; class++)
        classes[class].magic = class_magic[class], classes[class].bytes = size_classes[class].size;
    return true;
}

unsigned mark_cpus(void)
{
    return all.cpus;
}

/* A worker that will not end before mark_release(), started if need be and the system allows: fewer will do. */
static bool claim_worker(unsigned number)
{
    struct marker *m = all.marker[number];
    if (m == NULL)
        m = make_marker(number);
    if (m == NULL)
        return false;
    if (a32_load_acquire(&m->thread) == THREAD_WANTED || a32_cas_full(&m->thread, THREAD_ASLEEP, THREAD_WANTED))
        return true;
    m->seen = a32_load_relaxed(&all.round); /* relaxed: rounds are begun by this thread */
    all.helper[number] = (struct os_helper){ worker, m, "grey-marker" };
    if (m->queue.top == NULL && !queue_open(&m->queue))
        return false;
    a32_store_release(&m->thread, THREAD_WANTED); /* before it can look */
    if (os_helper_start(&all.helper[number]))
        return true;
    a32_store_release(&m->thread, THREAD_NONE);
    return false;
}

void mark_release(void)
{
    for (unsigned i = 1; i < all.active; i++)
        a32_store_release(&all.marker[i]->thread, THREAD_ASLEEP); /* pairs with the full order in worker() */
}

void mark_note_alone(void)
{
    os_futex_wake(&all.round, INT_MAX);
}

void mark_prepare(size_t live_bytes)
{
    unsigned want = option_now(&options.workers) != 0 ? (unsigned)option_now(&options.workers) : all.cpus;
    want = want > WORKERS_MAX ? WORKERS_MAX : want;
    if (live_bytes < PARALLEL_BYTES && option_now(&options.stress) == 0)
        want = 1;
    for (all.active = 1; all.active < want && claim_worker(all.active); all.active++)
        ;
    queue_reserve(2 + 2 * all.active);
}

void mark_begin_stopped(void)
{
    coordinator_since = gcstats_cpu();
    for (unsigned i = 0; i < all.active; i++) {
        struct marker *m = all.marker[i];
        uintptr_t high = aw_load_relaxed(&pagemap_highest);
        m->low = aw_load_relaxed(&pagemap_lowest);
        m->range = high == 0 ? 0 : high - m->low; /* 0: there is no arena yet */
        m->arenas = pagemap_all_in_window() ? pagemap_window - aw_load_relaxed(&pagemap_first) : NULL;
        m->objects = m->bytes = m->root_bytes = m->private_bytes = m->overflows = m->cpu_ns = 0;
    }
}

struct mark_totals mark_end_stopped(void)
{
    struct mark_totals t = { 0 };
    coordinator->cpu_ns = gcstats_cpu() - coordinator_since;
    for (unsigned i = 0; i < all.active; i++) {
        const struct marker *m = all.marker[i];
        t.objects += m->objects;
        t.bytes += m->bytes;
        t.root_bytes += m->root_bytes;
        t.private_bytes += m->private_bytes;
        t.overflows += m->overflows;
        t.cpu_ns += m->cpu_ns;
    }
    mark_release();
    return t;
}

void mark_fork_child(void)
{
    for (unsigned i = 1; i < WORKERS_MAX && all.marker[i] != NULL; i++)
        a32_store_relaxed(&all.marker[i]->thread, THREAD_NONE); /* relaxed: the child has one thread */
    all.active = 1;
    queue_fork_child();
}
