/* mheap: the page heap. Hands out runs of pages and takes them back.

   Free runs lie in bins by length: one bin for each length up to 128 pages, then eight a
   doubling; a bit for each bin that is not empty. Neighbouring free runs are always merged:
   the entries of a run's two ends in the page map lead to it. There are two sets of bins:
   warm runs, some of whose pages have memory behind them, and cold ones, which have none
   (never touched, or given back). Warm ones go first: reused memory costs no page fault.

   H1  No two free runs touch (but for one the scavenger holds).
   H2  A page's returned bit is set exactly when it is free and has no memory behind it, but for what a huge
       page of the system's brings along, which is zero all the same.
   H3  in_use + warm + cold pages = all committed pages.

   Locking: everything under mheap.lock, which is held for a few dozen instructions and, when
   the heap grows, a system call. Memory is given back with the lock dropped, see scavenger.c.
   docs/decisions/0002-page-heap.md has the alternatives. */
#ifndef ALLOC_MHEAP_H
#define ALLOC_MHEAP_H

#include "alloc/lock.h"
#include "alloc/pagemap.h"

#define EXACT_BINS 128
#define BIN_COUNT  (EXACT_BINS + 8 * 29) /* up to 2^36 pages */
#define BIN_WORDS  ((BIN_COUNT + 63) / 64)

struct bins {
    struct span *run[BIN_COUNT];
    uint64_t nonempty[BIN_WORDS];
};

struct mheap_stats {
    size_t reserved_bytes;                 /* address space of the heap */
    struct pages in_use, warm, cold, peak; /* peak: of in_use + warm */
    size_t spans, spans_created;
    struct pages given_back;               /* in total, since the start */
};

struct mheap {
    struct lock lock;
    struct bins warm, cold;    /* [lock:mheap] */
    uintptr_t committed;       /* [lock:mheap] the current region: committed up to here, */
    uintptr_t reserved;        /* [lock:mheap] reserved up to here                       */
    size_t commit_step;        /* [lock:mheap] bytes to commit at least                  */
    uint32_t clock;            /* [lock:mheap] the scavenger's, stamps freed runs        */
    struct mheap_stats stats;  /* [lock:mheap] */
    size_t surplus_bytes;      /* [const] more than this warm: call */
    void (*on_surplus)(void);  /* [const] with no lock of ours held; may be NULL */
};

/* The address near which the heap is placed when the system lets us choose: high and unusual,
   so that heap words look like neither small integers nor text. */
GREY_HIDDEN void mheap_init(struct mheap *h, uintptr_t hint);

struct run_request {
    struct pages pages;
    size_t align;      /* in pages, a power of two */
    struct pages room; /* free pages wished for behind it, for a block that grows */
    unsigned code;     /* the class it will be of */
};

/* A run of pages as a span of this state and code, all free, its page map entries not yet set. NULL when the system
   has no more memory. Sets s->zeroed when every page is known to be zero. Takes the lock; may
   enter the kernel. */
GREY_HIDDEN struct span *mheap_alloc(struct mheap *h, struct run_request want, enum span_state state);

/* Takes back a span whose page map entries are cleared, and whose last pages, untouched of them,
   have never been written to and had no memory behind them when the span was made. */
GREY_HIDDEN void mheap_free(struct mheap *h, struct span *s, struct pages untouched);

/* Grows the span in place to n pages if the pages behind it are free or can be had; its code, with
   it, becomes another one. */
GREY_HIDDEN bool mheap_extend(struct mheap *h, struct span *s, struct pages n, unsigned code);

/* Gives back the pages from n on. */
GREY_HIDDEN void mheap_shrink(struct mheap *h, struct span *s, struct pages n, unsigned code);

/* The scavenger's two halves: takes out warm pages of a run that was freed before the clock said
   freed_before (neighbours, at most max, whole pages of the system's), and puts them back
   without their memory. NULL when there are none. max is a multiple of the system's page. */
GREY_HIDDEN struct span *mheap_hold_warm(struct mheap *h, uint64_t freed_before, struct pages max);
GREY_HIDDEN void mheap_release_held(struct mheap *h, struct span *run, bool given_back);

/* Of a held run: no huge pages any more for its arenas, unless the user wants them always. */
GREY_HIDDEN void mheap_forget_huge(struct mheap *h, const struct span *run);

GREY_HIDDEN struct mheap_stats mheap_stats_read(struct mheap *h);

/* Walks everything; assertions fail where H1 to H3 do not hold. */
GREY_HIDDEN bool mheap_check(struct mheap *h);

#endif
