/* heap: the slow paths, large blocks, realloc. See heap.h for the walk. */
#include "alloc/heap.h"

#include <errno.h>
#include <string.h>

#include "alloc/memcheck.h"
#include "alloc/meta.h"
#include "alloc/options.h"
#include "alloc/os.h"
#include "alloc/report.h"
#include "alloc/scavenger.h"
#include "alloc/thread.h"
#include "alloc/transfer.h"
#include "alloc/upcall.h"

/* Where arenas go when the system lets us choose; shifted at random by up to 256 GiB. */
#define HEAP_HINT        ((uintptr_t)0xc0 << 32)
#define HEAP_HINT_ARENAS 4096

struct atomicw upcalls;

/* ---- start ---- */

enum { INIT_NOT_YET, INIT_RUNNING, INIT_DONE };
static struct atomic32 init_state; /* [atomic] */

static void init_once(void)
{
    memcheck_on = memcheck_present();
    sizeclass_init();
    mheap_init(&heap_pages, HEAP_HINT + (os_random() % HEAP_HINT_ARENAS << ARENA_SHIFT));
    mcentral_init();
    thread_init();
    scavenger_init();
}

void heap_init(void)
{
    /* acquire: pairs with the release below; whoever sees DONE sees the tables. */
    if (likely(a32_load_acquire(&init_state) == INIT_DONE))
        return;
    if (a32_cas_acquire(&init_state, INIT_NOT_YET, INIT_RUNNING)) {
        init_once();
        a32_store_release(&init_state, INIT_DONE);
    }
    while (a32_load_acquire(&init_state) != INIT_DONE)
        cpu_relax(); /* a few microseconds, once */
}

void heap_start_main(void)
{
    heap_init();
    if (!memcheck_on)
        (void)thread_cache();
}

/* ---- which block is it ---- */

/* What a pointer turned out to be. */
struct block {
    struct span *span;
    unsigned code; /* CLASS_NONE: not a live block; why says what is wrong; from CODE_MANAGED on: the collector's */
    size_t size;
    const char *why;
};

static const char not_ours[] = "not a block of this heap";
static const char not_start[] = "not the start of a block";
static const char free_twice[] = "double free";

/* For the message only, so it may be slow: was there, or is there, a span around this address
   whose page map entry does not say so? */
static const char *explain(uintptr_t p)
{
    const size_t far = (size_t)1 << (30 - PAGE_SHIFT);
    const char *why = not_ours;
    lock_take(&heap_pages.lock);
    for (size_t back = 0; back < far && why == not_ours; back++) {
        uintptr_t page = round_down(p, PAGE_BYTES) - back * PAGE_BYTES;
        struct arena *a = pagemap_arena(page);
        if (a == NULL || page > p)
            break;
        const struct span *s = &a->span[arena_page(page)];
        if (s->code == CLASS_NONE || s->code >= CODE_MANAGED || p - page >= s->pages * PAGE_BYTES)
            continue;
        size_t size = s->code < CLASS_COUNT ? size_classes[s->code].size : 0;
        if (s->state == SPAN_MANUAL)
            why = not_start;
        else if (size == 0 ? p == page : (p - page) % size == 0)
            why = free_twice; /* its span is gone, and it was the start of a block there */
    }
    lock_drop(&heap_pages.lock);
    return why;
}

/* A block that starts there, in a span some of whose free slots lost their cookies: its bit, which
   only its owner changes if it has one, tells. */
static GREY_RACY struct block look_up_purged(struct span *s, uint32_t offset)
{
    uint64_t magic = class_magic[s->code];
    size_t slot = slot_at(magic, offset);
    if (offset * magic >= magic || slot >= s->slots)
        return (struct block){ .why = not_start };
    const struct atomicw *word = (const struct atomicw *)&s->alloc_bits[slot / 64];
    /* relaxed: others change other bits of the word; ours was set before we were given the block. */
    if ((aw_load_relaxed(word) >> (slot % 64) & 1) == 0 || *cookie_at(s->base + offset) == cookie_of(s->base + offset))
        return (struct block){ .why = free_twice };
    return (struct block){ .span = s, .code = s->code, .size = size_classes[s->code].size };
}

/* Any thread, any value of p. */
static struct block look_up(uintptr_t p)
{
    struct block none = { .why = not_ours };
    struct arena *a = pagemap_arena(p);
    if (a == NULL)
        return none;
    uint32_t entry = arena_entry(a, p), offset = entry_offset(entry, p);
    unsigned code = entry_code(entry);
    if (unlikely(code >= CODE_MANAGED))
        return (struct block){ .code = CODE_MANAGED };
    if (code == CLASS_NONE) {
        none.why = explain(p);
        return none;
    }
    struct span *s = pagemap_record(p - offset);
    if (code == CLASS_PURGED)
        return look_up_purged(s, offset);
    bool starts = code == CLASS_LARGE ? offset == 0 : offset * class_magic[code] < class_magic[code];
    if (!starts || (code != CLASS_LARGE && sizeclass_slot(code, offset) >= s->slots)) {
        none.why = not_start;
        return none;
    }
    if (code != CLASS_LARGE && *cookie_at(p) == cookie_of(p)) {
        none.why = free_twice;
        return none;
    }
    size_t size = code == CLASS_LARGE ? s->pages * PAGE_BYTES : size_classes[code].size;
    return (struct block){ .span = s, .code = code, .size = size };
}

/* An object of the collector's, which nobody but it can judge. Memcheck does not guard those. */
static bool is_managed(const void *p)
{
    const struct arena *a = pagemap_arena((uintptr_t)p);
    return a != NULL && entry_code(arena_entry(a, (uintptr_t)p)) >= CODE_MANAGED;
}

/* ---- taking ---- */

/* A block from the stack. */
static uintptr_t take_stacked(struct mcache *c, unsigned code, size_t size, const char *call)
{
    for (uintptr_t block; (block = mcache_peek(c, code)) != 0;) {
        mcache_drop_top(c, code);
        if (likely(*cookie_at(block) == cookie_of(block))) {
            *cookie_at(block) = 0;
            return block;
        }
        char why[80];
        report_format(why, sizeof why, "block %p was written to after it was freed", (void *)block);
        report_misuse_args(why, "%s(%zu)", call, size);
        /* Ignored: whoever wrote there may still use it, so nobody gets it any more. */
    }
    return 0;
}

static uintptr_t take_block(struct mcache *c, unsigned code, bool *zeroed, size_t size, const char *call)
{
    *zeroed = false;
    for (;;) {
        uintptr_t block = take_stacked(c, code, size, call);
        if (block != 0)
            return block;
        /* Blocks that come back from their spans are verified like any other. */
        if (!mcache_refill(c, code, &block, zeroed) || block != 0)
            return block;
    }
}

static uintptr_t alloc_class(unsigned code, bool *zeroed, size_t size, const char *call)
{
    struct mcache *own = memcheck_on ? NULL : thread_cache(), *c = own != NULL ? own : thread_share();
    if (c == NULL)
        return 0;
    uintptr_t block = take_block(c, code, zeroed, size, call);
    if (own == NULL)
        thread_unshare();
    return block;
}

static uintptr_t alloc_large(size_t size, size_t alignment, struct pages room, bool *zeroed)
{
    size_t align = alignment <= PAGE_BYTES ? 1 : alignment >> PAGE_SHIFT;
    struct run_request want = { .pages = pages_for(size == 0 ? 1 : size), .align = align, .room = room, .code = CLASS_LARGE };
    struct span *s = mheap_alloc(&heap_pages, want, SPAN_MANUAL);
    if (s == NULL)
        return 0;
    pagemap_set(s);
    *zeroed = s->zeroed;
    /* realloc may make it a block that carries a cookie when it is freed, and what the pages held
       before may look like one. */
    if (!s->zeroed)
        *cookie_at(s->base) = 0;
    return s->base;
}

static uintptr_t try_any(size_t size, bool *zeroed, const char *call)
{
    if (size > RUN_MAX)
        return alloc_large(size, 1, (struct pages){ 0 }, zeroed);
    return alloc_class(sizeclass_of(size), zeroed, size, call);
}

/* Before giving up: what is kept for speed goes to the page heap, where it may become one piece. */
void heap_reclaim(void)
{
    /* Pages that the scavenger holds just now are as good as free. */
    lock_take(scavenger_lock());
    lock_drop(scavenger_lock());
    thread_flush();
    mcentral_drop_kept();
}

/* size is at most PTRDIFF_MAX. */
static uintptr_t alloc_any(size_t size, bool *zeroed, const char *call)
{
    heap_init();
    uintptr_t block = try_any(size, zeroed, call);
    if (likely(block != 0))
        return block;
    heap_reclaim();
    return try_any(size, zeroed, call);
}

static void *or_no_memory(uintptr_t block)
{
    if (unlikely(block == 0))
        errno = ENOMEM;
    return (void *)block;
}

static GREY_NOINLINE void *malloc_uncached(size_t size, const char *call)
{
    bool zeroed;
    heap_init();
    if (unlikely(size > PTRDIFF_MAX))
        return or_no_memory(0);
    if (unlikely(memcheck_on))
        return memcheck_alloc(size, MIN_ALIGN, false, call);
    void *p = or_no_memory(alloc_any(size, &zeroed, call));
    scavenger_start_if_wanted(__builtin_return_address(0));
    return p;
}

void *heap_malloc_slow(size_t size, const char *call)
{
    if (size > TABLE8_MAX && size <= RUN_MAX) {
        uintptr_t block = heap_pop(sizeclass_of(size));
        if (likely(block != 0))
            return (void *)block;
    }
    return malloc_uncached(size, call);
}

void *heap_calloc(size_t count, size_t size, const char *call)
{
    size_t bytes;
    bool zeroed = false;
    if (unlikely(__builtin_mul_overflow(count, size, &bytes) || bytes > PTRDIFF_MAX))
        return or_no_memory(0);
    void *p = bytes <= RUN_MAX ? (void *)heap_pop(sizeclass_of(bytes)) : NULL;
    if (unlikely(p == NULL)) {
        heap_init();
        p = memcheck_on ? memcheck_alloc(bytes, MIN_ALIGN, true, call)
                        : or_no_memory(alloc_any(bytes, &zeroed, call));
    }
    if (p != NULL && !zeroed)
        memset(p, 0, bytes);
    return p;
}

/* The block of a class that is aligned anyway; a span of its own beyond a page. */
static uintptr_t try_aligned(size_t alignment, size_t size, bool *zeroed, const char *call)
{
    unsigned code = alignment <= PAGE_BYTES ? sizeclass_aligned(size, alignment) : CLASS_NONE;
    if (code != CLASS_NONE)
        return alloc_class(code, zeroed, size, call);
    return alloc_large(size, alignment, (struct pages){ 0 }, zeroed);
}

static uintptr_t alloc_aligned(size_t alignment, size_t size, bool *zeroed, const char *call)
{
    uintptr_t block = try_aligned(alignment, size, zeroed, call);
    if (likely(block != 0))
        return block;
    heap_reclaim();
    return try_aligned(alignment, size, zeroed, call);
}

void *heap_aligned(size_t alignment, size_t size, const char *call)
{
    bool zeroed;
    if (alignment < MIN_ALIGN)
        alignment = MIN_ALIGN;
    void *p = heap_pop_aligned(alignment, size);
    if (likely(p != NULL))
        return p;
    heap_init();
    if (unlikely(size > PTRDIFF_MAX || alignment > ALIGN_MAX))
        return or_no_memory(0);
    if (unlikely(memcheck_on))
        return memcheck_alloc(size, alignment, false, call);
    return or_no_memory(alloc_aligned(alignment, size, &zeroed, call));
}

/* ---- freeing ---- */

/* A live block. Returns a block that was free twice, or 0. */
static uintptr_t free_block(uintptr_t p, const struct block *b)
{
    if (b->code == CLASS_LARGE) {
        if (!pagemap_claim(p, CLASS_LARGE))
            return p;
        mheap_free(&heap_pages, b->span, (struct pages){ 0 });
        return 0;
    }
    struct mcache *own = memcheck_on ? NULL : thread_cache(), *c = own != NULL ? own : thread_share();
    if (c == NULL)
        return 0; /* no memory for a cache: better lost than corrupted */
    uintptr_t bad = mcache_push(&c->bin[b->code], p) ? 0 : mcache_overflow(c, b->code, p);
    if (own == NULL)
        thread_unshare();
    return bad;
}

void heap_free_slow(void *p, const char *call)
{
    if (p == NULL)
        return;
    if (unlikely(memcheck_on) && !is_managed(p)) {
        memcheck_free(p, call);
        return;
    }
    struct block b = look_up((uintptr_t)p);
    if (unlikely(b.code >= CODE_MANAGED)) {
        upcall()->free(p, call);
        return;
    }
    if (b.code == CLASS_NONE) {
        report_misuse(call, p, b.why);
        return;
    }
    uintptr_t bad = free_block((uintptr_t)p, &b);
    if (unlikely(bad != 0))
        report_misuse(call, (void *)bad, free_twice);
    /* free() jumps here, so this is who called it, but for calls from this file. */
    scavenger_start_if_wanted(__builtin_return_address(0));
}

/* The size of a block of a class that starts at p and is not free; 0 for anything else, also for
   blocks that need a closer look. */
static inline size_t quick_size(uintptr_t p)
{
    const struct mcache_bin *bin = heap_bin_of(p);
    return bin == NULL ? 0 : size_classes[bin - mcache_self->bin].size;
}

void heap_free_sized(void *p, size_t size, const char *call)
{
    if (p == NULL)
        return;
    if (likely(size <= quick_size((uintptr_t)p))) {
        heap_free(p, call);
        return;
    }
    if (unlikely(memcheck_on) && !is_managed(p)) {
        memcheck_free_sized(p, size, call);
        return;
    }
    struct block b = look_up((uintptr_t)p);
    if (b.code >= CODE_MANAGED && (b.size = upcall()->usable(p, call)) == 0)
        return; /* the collector has said why */
    if (b.code == CLASS_NONE) {
        report_misuse(call, p, b.why);
    } else if (size > b.size) {
        char why[64];
        report_format(why, sizeof why, "the block holds %zu bytes", b.size);
        report_misuse_args(why, "%s(%p, %zu)", call, p, size);
    } else {
        heap_free(p, call);
    }
}

static const char not_allocated[] = "not an allocated block";

size_t heap_usable(const void *p, const char *call)
{
    if (p == NULL)
        return 0;
    if (unlikely(memcheck_on) && !is_managed(p))
        return memcheck_usable(p, call);
    struct block b = look_up((uintptr_t)p);
    if (b.code >= CODE_MANAGED)
        return upcall()->usable(p, call);
    if (b.code == CLASS_NONE)
        report_misuse(call, p, b.why == free_twice ? not_allocated : b.why);
    return b.size;
}

/* ---- realloc ---- */

/* Makes a span of one block hold size bytes where it is. */
static bool resize_in_place(struct span *s, size_t size)
{
    if (size <= SMALL_MAX)
        return false;
    unsigned code = size <= RUN_MAX ? sizeclass_of(size) : CLASS_LARGE;
    struct pages n = { size <= RUN_MAX ? size_classes[code].pages : pages_for(size).n };
    if (n.n <= s->pages)
        mheap_shrink(&heap_pages, s, n, code);
    else if (!mheap_extend(&heap_pages, s, n, code))
        return false;
    pagemap_set(s);
    return true;
}

/* A block that grows is likely to grow again: put a large one where there is room behind it. */
static uintptr_t alloc_growing(size_t size, size_t old_size, const char *call)
{
    bool zeroed;
    uintptr_t p = 0;
    if (size > RUN_MAX / 2 && size > old_size) {
        struct pages room = { pages_for(size).n };
        p = alloc_large(size > RUN_MAX ? size : RUN_MAX + 1, 1, room, &zeroed);
    }
    if (p == 0)
        return alloc_any(size, &zeroed, call);
    if (size <= RUN_MAX)
        resize_in_place(pagemap_record(p), size);
    return p;
}

static void *realloc_move(void *p, const struct block *b, size_t size, const char *call)
{
    uintptr_t moved = alloc_growing(size, b->size, call);
    if (moved == 0)
        return size <= b->size ? p : or_no_memory(0); /* shrinking never fails */
    memcpy((void *)moved, p, size < b->size ? size : b->size);
    heap_free(p, call);
    return (void *)moved;
}

void *heap_realloc(void *p, size_t size, const char *call)
{
    if (p == NULL)
        return heap_malloc(size, call);
    size_t quick = quick_size((uintptr_t)p);
    if (likely(size <= quick && size > quick / 2))
        return p;
    if (unlikely(memcheck_on) && !is_managed(p))
        return memcheck_realloc(p, size, call);
    struct block b = look_up((uintptr_t)p);
    if (unlikely(b.code >= CODE_MANAGED))
        return upcall()->realloc(p, size, call);
    if (unlikely(b.code == CLASS_NONE)) {
        report_misuse_args(b.why == free_twice ? not_allocated : b.why, "%s(%p, %zu)", call, p, size);
        return NULL;
    }
    if (size == 0) {
        heap_free(p, call);
        return NULL;
    }
    if (unlikely(size > PTRDIFF_MAX))
        return or_no_memory(0);
    /* A block that loses less than half stays: copying costs more than the room is worth. */
    if (size <= b.size && size >= b.size / 2)
        return p;
    void *moved = b.code > CLASS_SMALL_LAST && resize_in_place(b.span, size) ? p : realloc_move(p, &b, size, call);
    scavenger_start_if_wanted(NULL);
    return moved;
}

/* ---- raw, for memcheck ---- */

bool heap_contains(const void *p)
{
    return explain((uintptr_t)p) != not_ours;
}

void *heap_raw_alloc(size_t size, size_t alignment, bool zero)
{
    bool zeroed = false;
    if (size > PTRDIFF_MAX || alignment > ALIGN_MAX)
        return NULL;
    uintptr_t block = alignment <= MIN_ALIGN ? alloc_any(size, &zeroed, "malloc")
                                             : alloc_aligned(alignment, size, &zeroed, "malloc");
    if (block != 0 && zero && !zeroed)
        memset((void *)block, 0, size);
    return (void *)block;
}

void heap_raw_free(void *p)
{
    struct block b = look_up((uintptr_t)p);
    if (b.code != CLASS_NONE && b.code < CODE_MANAGED)
        free_block((uintptr_t)p, &b);
}

size_t heap_raw_usable(const void *p)
{
    return look_up((uintptr_t)p).size;
}

/* ---- fork ---- */

void upcall_set(const struct upcall *calls)
{
    /* One of the locks that a fork takes: what heap_fork_prepare() found is so until the fork is over. */
    lock_take(&heap_pages.lock);
    /* release: pairs with the acquire in upcall(). */
    aw_store_release(&upcalls, (uintptr_t)calls);
    lock_drop(&heap_pages.lock);
}

/* Every lock, in rank order. */
static void each_lock(void (*f)(struct lock *l))
{
    if (upcall() != NULL)
        upcall()->fork_each_lock(f);
    f(thread_lock());
    f(scavenger_lock());
    mcentral_each_lock(f);
    f(&heap_pages.lock);
    f(meta_lock());
}

void heap_fork_prepare(void)
{
    heap_init();
    for (;;) {
        const struct upcall *calls = upcall();
        if (calls != NULL)
            calls->fork_prepare();
        lock_fork_begin();
        each_lock(lock_fork_take);
        if (upcall() == calls)
            return;
        /* The collector's first use came in between: now it is asked, too. */
        each_lock(lock_fork_release);
        lock_fork_end();
    }
}

void heap_fork_parent(void)
{
    each_lock(lock_fork_release);
    lock_fork_end();
    if (upcall() != NULL)
        upcall()->fork_parent();
}

void heap_fork_child(void)
{
    scavenger_fork_child();
    thread_fork_child();
    each_lock(lock_fork_release);
    lock_fork_end();
    if (upcall() != NULL)
        upcall()->fork_child();
}

/* ---- the whole heap ---- */

size_t heap_trim(void)
{
    heap_init();
    thread_flush();
    mcentral_drop_kept();
    return scavenger_give_all();
}

static void count_arena(struct arena *a, void *context)
{
    struct heap_stats *out = context;
    for (size_t page = 0; page < ARENA_PAGES;) {
        const struct span *s = &a->span[page];
        if (s->state == SPAN_MANUAL && (s->code > CLASS_SMALL_LAST)) {
            out->large_blocks++;
            out->large_bytes += s->pages * PAGE_BYTES;
        }
        if (s->state == SPAN_MANAGED)
            out->managed += s->pages * PAGE_BYTES;
        if (s->state == SPAN_MANUAL && s->code < CLASS_COUNT) {
            out->classes[s->code].spans++;
            out->classes[s->code].slots += s->slots;
            out->classes[s->code].used += (size_t)(s->slots - s->free_count);
        }
        page += s->state == SPAN_NONE ? 1 : s->pages;
    }
}

void heap_stats_read(struct heap_stats *out)
{
    struct thread_sums sums;
    heap_init();
    memset(out, 0, sizeof *out);
    thread_sum(&sums);
    mcentral_each_lock(lock_take);
    lock_take(&heap_pages.lock);
    pagemap_each_arena(count_arena, out);
    struct mheap_stats pages = heap_pages.stats;
    lock_drop(&heap_pages.lock);
    mcentral_each_lock(lock_drop);

    out->mapped = pages.reserved_bytes;
    out->in_use = pages_bytes(pages.in_use);
    out->warm = pages_bytes(pages.warm);
    out->committed = out->in_use + out->warm;
    out->released = pages_bytes(pages.cold);
    out->peak = pages_bytes(pages.peak);
    out->metadata = meta_bytes();
    out->spans = pages.spans;
    out->spans_created = pages.spans_created;
    out->scavenged_total = pages_bytes(pages.given_back) + scavenger_purged();
    out->threads = sums.threads;
    out->cached = sums.bytes + transfer_bytes();
    out->class_count = CLASS_COUNT;
    for (unsigned code = CLASS_SMALL_FIRST; code < CLASS_COUNT; code++)
        out->classes[code].size = size_classes[code].size;
}
