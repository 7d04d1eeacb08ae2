/* walk: the page heap and its spans walked from outside, in every build. The walkers of the core end
 * the program by an assertion and are silent in a release; these return what is wrong, or NULL, and
 * know only what the headers promise. They take the locks that guard what they look at.
 */
#ifndef UNIT_WALK_H
#define UNIT_WALK_H

#include <stdlib.h>

#include "alloc/mcentral.h"

struct walk_run {
    uintptr_t base, end;
};

struct walk {
    struct walk_run *runs;
    size_t count, room;
    size_t pages, returned;
    const char *fault;
};

/* Keeps the first fault. */
static inline bool walk_ensure(struct walk *w, bool holds, const char *sentence)
{
    if (!holds && w->fault == NULL)
        w->fault = sentence;
    return holds;
}

static inline bool walk_returned_bit(uintptr_t page)
{
    return pagemap_arena(page)->returned[arena_page(page) / 64] >> (arena_page(page) % 64) & 1;
}

static inline void walk_free_run(struct walk *w, const struct span *run, bool warm)
{
    uintptr_t end = run->base + run->pages * PAGE_BYTES;
    size_t returned = 0;
    if (!walk_ensure(w, run->state == SPAN_FREE && run->pages > 0, "a run in a bin is not free"))
        return;
    if (!walk_ensure(w, pagemap_arena(run->base) != NULL && pagemap_arena(end - PAGE_BYTES) != NULL,
                     "a free run lies outside the page map"))
        return;
    walk_ensure(w, pagemap_record(run->base) == run, "a free run's record is not its first page's");
    walk_ensure(w, pagemap_record(end - PAGE_BYTES)->base == run->base,
                "a free run's end does not lead to it");
    for (uintptr_t page = run->base; page < end; page += PAGE_BYTES) {
        bool edge = page == run->base || page == end - PAGE_BYTES;
        walk_ensure(w, arena_entry(pagemap_arena(page), page) == (edge ? ENTRY_EDGE : 0),
                    "a free page has an entry");
        returned += walk_returned_bit(page);
    }
    walk_ensure(w, returned == run->returned, "a free run miscounts its returned pages");
    walk_ensure(w, warm == (returned < run->pages), "a free run is in the wrong set of bins");
    w->pages += run->pages;
    w->returned += returned;
    if (w->count == w->room) {
        w->room = w->room * 2 + 64;
        w->runs = realloc(w->runs, w->room * sizeof *w->runs);
    }
    w->runs[w->count++] = (struct walk_run){ run->base, end };
}

static inline void walk_bins(struct walk *w, const struct bins *bins, bool warm)
{
    for (unsigned b = 0; b < BIN_COUNT && w->fault == NULL; b++) {
        bool marked = bins->nonempty[b / 64] >> (b % 64) & 1;
        const struct span *before = NULL;
        walk_ensure(w, (bins->run[b] != NULL) == marked, "a bin's bit disagrees with the bin");
        for (const struct span *run = bins->run[b]; run != NULL && w->fault == NULL; run = run->next) {
            walk_ensure(w, run->prev == before, "a bin's links disagree");
            walk_free_run(w, run, warm);
            before = run;
        }
    }
}

static inline int walk_compare(const void *a, const void *b)
{
    uintptr_t x = ((const struct walk_run *)a)->base, y = ((const struct walk_run *)b)->base;
    return (x > y) - (x < y);
}

static inline const char *walk_mheap_locked(const struct mheap *h)
{
    struct walk w = { 0 };
    walk_bins(&w, &h->warm, true);
    walk_bins(&w, &h->cold, false);
    if (w.count > 0)
        qsort(w.runs, w.count, sizeof *w.runs, walk_compare);
    for (size_t i = 1; i < w.count; i++) {
        walk_ensure(&w, w.runs[i - 1].end <= w.runs[i].base, "two free runs overlap");
        walk_ensure(&w, w.runs[i - 1].end != w.runs[i].base, "two free runs touch"); /* H1 */
    }
    walk_ensure(&w, w.returned == h->stats.cold.n, "the cold pages are miscounted");                /* H2 */
    walk_ensure(&w, w.pages == h->stats.warm.n + h->stats.cold.n, "the free pages are miscounted"); /* H3 */
    free(w.runs);
    return w.fault;
}

/* H1 to H3 of the page heap. */
static inline const char *walk_mheap(struct mheap *h)
{
    lock_take(&h->lock);
    const char *fault = walk_mheap_locked(h);
    lock_drop(&h->lock);
    return fault;
}

/* S1, S2 and the page map entries of one span of small blocks. */
static inline void walk_small_span(struct walk *w, const struct span *s)
{
    size_t set = 0, beyond = 0;
    for (size_t slot = 0; slot < SLOTS_MAX; slot++) {
        bool bit = s->alloc_bits[slot / 64] >> (slot % 64) & 1;
        set += bit;
        beyond += bit && slot >= s->free_index;
    }
    walk_ensure(w, beyond == 0, "a slot that was never handed out is marked");
    walk_ensure(w, set + s->free_count == s->slots, "a span miscounts its free slots");
    walk_ensure(w, s->slots == size_classes[s->code].slots && s->pages == size_classes[s->code].pages,
                "a span has not the shape of its class");
    for (size_t i = 0; i < s->pages; i++)
        walk_ensure(w, pagemap_find(s->base + i * PAGE_BYTES) == s, "a span's page does not lead to it");
}

static inline void walk_span(struct walk *w, const struct span *s)
{
    if (!walk_ensure(w, s->pages > 0, "a span has no pages"))
        return;
    w->pages += s->pages;
    w->count++;
    if (s->code <= CLASS_SMALL_LAST)
        walk_small_span(w, s);
    else
        walk_ensure(w, pagemap_find(s->base) == s, "a large block does not lead to its span");
}

/* Visits the pages of one arena; context is a struct walk. */
static inline void walk_arena(struct arena *a, void *context)
{
    struct walk *w = context;
    for (size_t page = 0; page < ARENA_PAGES && w->fault == NULL;) {
        const struct span *s = &a->span[page];
        if (s->state == SPAN_MANUAL)
            walk_span(w, s);
        page += s->state == SPAN_NONE || s->pages == 0 ? 1 : s->pages;
    }
}

static inline const char *walk_heap_locked(const struct mheap *h)
{
    const char *fault = walk_mheap_locked(h);
    struct walk w = { 0 };
    if (fault != NULL)
        return fault;
    pagemap_each_arena(walk_arena, &w);
    walk_ensure(&w, w.count == h->stats.spans, "the spans are miscounted");
    walk_ensure(&w, w.pages == h->stats.in_use.n, "the pages in use are miscounted");
    return w.fault;
}

/* The page heap, and every span there is; for a heap that is the only one in the process, while no
   other thread makes or drops spans. */
static inline const char *walk_heap(struct mheap *h)
{
    mcentral_each_lock(lock_take);
    lock_take(&h->lock);
    const char *fault = walk_heap_locked(h);
    lock_drop(&h->lock);
    mcentral_each_lock(lock_drop);
    return fault;
}

#define assert_sound(fault_or_null)                                                                          \
    do {                                                                                                     \
        const char *sound_fault = (fault_or_null);                                                           \
        if (sound_fault != NULL)                                                                             \
            fail_msg("%s", sound_fault);                                                                     \
    } while (0)

#endif
