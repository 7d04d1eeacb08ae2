/* mheap: see mheap.h. */
#include "alloc/mheap.h"

#include "alloc/options.h"
#include "alloc/os.h"

/* Few page faults' worth at first, so that small programs stay small. */
#define COMMIT_STEP_FIRST MIB(1)
#define COMMIT_STEP_LAST  MIB(16)

/* ---- bins ---- */

static unsigned bin_of(size_t n)
{
    if (n <= EXACT_BINS)
        return (unsigned)n - 1;
    unsigned e = highest_bit(n);
    return EXACT_BINS + (e - 7) * 8 + (unsigned)(n >> (e - 3) & 7);
}

static struct bins *bins_of(struct mheap *h, const struct span *run)
{
    return run->returned < run->pages ? &h->warm : &h->cold;
}

static void bin_insert_locked(struct mheap *h, struct span *run)
{
    struct bins *bins = bins_of(h, run);
    unsigned b = bin_of(run->pages);
    span_push(&bins->run[b], run);
    bins->nonempty[b / 64] |= UINT64_C(1) << (b % 64);
}

static void bin_remove_locked(struct mheap *h, struct span *run)
{
    struct bins *bins = bins_of(h, run);
    unsigned b = bin_of(run->pages);
    span_unlink(&bins->run[b], run);
    if (bins->run[b] == NULL)
        bins->nonempty[b / 64] &= ~(UINT64_C(1) << (b % 64));
}

/* The first bin from b on that has a run, or BIN_COUNT. */
static unsigned next_bin(const struct bins *bins, unsigned b)
{
    uint64_t word = b < BIN_COUNT ? bins->nonempty[b / 64] & ~low_mask(b % 64) : 0;
    for (unsigned w = b / 64; w < BIN_WORDS;) {
        if (word != 0)
            return w * 64 + lowest_bit(word);
        if (++w < BIN_WORDS)
            word = bins->nonempty[w];
    }
    return BIN_COUNT;
}

/* How many runs of one bin are compared: bins above 128 pages hold different lengths. */
#define BIN_LOOKS 64

/* Of the bin's first runs that hold n pages the shortest, of equal ones the lowest; NULL if none. */
static struct span *best_in_bin(const struct bins *bins, unsigned b, size_t n)
{
    struct span *best = NULL, *run = bins->run[b];
    if (b < EXACT_BINS)
        return run; /* all the same; the newest is the warmest */
    for (unsigned i = 0; run != NULL && (i < BIN_LOOKS || best == NULL); run = run->next, i++)
        if (run->pages >= n
            && (best == NULL || run->pages < best->pages || (run->pages == best->pages && run->base < best->base)))
            best = run;
    return best;
}

/* The shortest run that holds n pages, nearly. */
static struct span *best_fit(const struct bins *bins, size_t n)
{
    unsigned b = bin_of(n);
    struct span *run = best_in_bin(bins, b, n);
    if (run != NULL)
        return run;
    b = next_bin(bins, b + 1);
    return b < BIN_COUNT ? best_in_bin(bins, b, n) : NULL;
}

/* ---- runs ---- */

static uint64_t *returned_bits(uintptr_t page)
{
    return pagemap_arena(page)->returned;
}

/* Runs f over the part of [base, base + n pages) in each arena. */
static size_t returned_change(uintptr_t base, size_t n, bool set)
{
    size_t were_set = 0;
    while (n > 0) {
        size_t first = arena_page(base), here = ARENA_PAGES - first < n ? ARENA_PAGES - first : n;
        if (set)
            bits_set_range(returned_bits(base), first, here);
        else
            were_set += bits_take_range(returned_bits(base), first, here);
        base += here * PAGE_BYTES;
        n -= here;
    }
    return were_set;
}

static size_t returned_count(uintptr_t base, size_t n)
{
    size_t set = 0;
    for (; n > 0 && arena_page(base) % 64 != 0; base += PAGE_BYTES, n--)
        set += returned_bits(base)[arena_page(base) / 64] >> (arena_page(base) % 64) & 1;
    for (; n >= 64; base += 64 * PAGE_BYTES, n -= 64)
        set += (size_t)__builtin_popcountll(returned_bits(base)[arena_page(base) / 64]);
    if (n > 0)
        set += (size_t)__builtin_popcountll(returned_bits(base)[arena_page(base) / 64] & low_mask(n));
    return set;
}

/* Makes a free run of these pages; their returned bits are right already. */
static struct span *run_make_locked(struct mheap *h, uintptr_t base, size_t n, size_t returned, uint32_t freed_at)
{
    struct span *run = pagemap_record(base);
    run->base = base;
    run->pages = (uint32_t)n;
    run->returned = (uint32_t)returned;
    run->freed_at = freed_at;
    run->state = SPAN_FREE;
    pagemap_set_run(run);
    bin_insert_locked(h, run);
    return run;
}

static void run_unmake_locked(struct mheap *h, struct span *run)
{
    assert(run->state == SPAN_FREE);
    bin_remove_locked(h, run);
    pagemap_clear_run(run);
    run->state = SPAN_NONE;
}

static bool is_edge(uintptr_t page)
{
    struct arena *a = pagemap_arena(page);
    return a != NULL && (arena_entry(a, page) & ENTRY_EDGE) != 0;
}

/* The free run that ends right before this page, or NULL. */
static struct span *run_before_locked(uintptr_t page)
{
    if (!is_edge(page - PAGE_BYTES))
        return NULL;
    return pagemap_record(pagemap_record(page - PAGE_BYTES)->base);
}

/* The free run that starts at this page, or NULL. */
static struct span *run_at_locked(uintptr_t page)
{
    return is_edge(page) ? pagemap_record(page) : NULL;
}

/* Adds free pages to the bins, merged with their neighbours (H1). A run is as old as its
   longest part: what comes and goes at its edge must not keep all of it from the scavenger. */
static void run_insert_locked(struct mheap *h, uintptr_t base, size_t n, size_t returned, uint32_t freed_at)
{
    struct span *before = run_before_locked(base), *after = run_at_locked(base + n * PAGE_BYTES);
    struct span *neighbours[] = { before, after };
    size_t longest = n;
    for (size_t i = 0; i < COUNT(neighbours); i++) {
        struct span *run = neighbours[i];
        if (run == NULL || n + run->pages > UINT32_MAX)
            continue;
        run_unmake_locked(h, run);
        if (run->pages > longest && run->returned < run->pages) {
            longest = run->pages;
            freed_at = run->freed_at;
        }
        if (run->base < base)
            base = run->base;
        n += run->pages;
        returned += run->returned;
    }
    run_make_locked(h, base, n, returned, freed_at);
}

/* ---- growing ---- */

/* What system calls on memory must be a multiple of. */
static size_t os_unit(void)
{
    return os_page_size() > PAGE_BYTES ? os_page_size() : PAGE_BYTES;
}

/* A heap of this size that grows by an arena will fill it. Huge pages of more than 2 MiB it might not. */
#define HUGE_FROM MIB(48)

static bool wants_huge_locked(const struct mheap *h, enum span_state state)
{
    if (options.hugepages != HUGEPAGES_COLLECTED)
        return options.hugepages == HUGEPAGES_ALWAYS;
    return state == SPAN_MANAGED && pages_bytes(h->stats.in_use) >= HUGE_FROM && os_page_size() <= KIB(4);
}

/* Accepts a range that the system reserved, or gives it back. */
static bool adopt_range_locked(struct mheap *h, uintptr_t base, size_t bytes, enum span_state state)
{
    if (!pagemap_add(base, bytes)) {
        os_release((void *)base, bytes);
        return false;
    }
    /* Whole arenas, never spans: each change of advice splits a mapping. */
    if ((base | bytes) % ARENA_BYTES == 0 && wants_huge_locked(h, state)) {
        os_advise_huge((void *)base, bytes);
        for (uintptr_t at = base; at < base + bytes; at += ARENA_BYTES)
            pagemap_arena(at)->huge = true;
    }
    if (base != h->reserved)
        h->committed = base;
    h->reserved = base + bytes;
    h->stats.reserved_bytes += bytes;
    return true;
}

/* Address space right behind the current region (at first: at the hint). */
static bool extend_region_locked(struct mheap *h, size_t bytes, enum span_state state)
{
    size_t sizes[] = { round_up(bytes, ARENA_BYTES), round_up(bytes, os_unit()) };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        uintptr_t base = (uintptr_t)os_reserve(h->reserved, sizes[i]);
        if (base != 0 && base == h->reserved)
            return adopt_range_locked(h, base, sizes[i], state);
        if (base != 0) {
            os_release((void *)base, sizes[i]);
            return false;
        }
    }
    return false;
}

/* Address space anywhere, a whole arena if there is one, aligned to an arena or at least to a
   page of ours; under a small limit no more than is needed. */
static bool new_region_locked(struct mheap *h, size_t bytes, enum span_state state)
{
    size_t unit = os_unit();
    bytes = round_up(bytes, unit);
    for (size_t size = round_up(bytes, ARENA_BYTES);; size = size / 2 > bytes ? round_up(size / 2, unit) : bytes) {
        size_t align = size % ARENA_BYTES == 0 ? ARENA_BYTES : unit;
        size_t slack = align - os_page_size();
        uintptr_t got = (uintptr_t)os_reserve(0, size + slack);
        if (got != 0) {
            uintptr_t base = round_up(got, align), end = got + size + slack;
            if (base > got)
                os_release((void *)got, base - got);
            if (end > base + size)
                os_release((void *)(base + size), end - base - size);
            return adopt_range_locked(h, base, size, state);
        }
        if (size == bytes)
            return false;
    }
}

/* Commits at least bytes of the current region and makes a cold free run of them. */
static bool commit_locked(struct mheap *h, size_t bytes)
{
    size_t left = h->reserved - h->committed;
    size_t least = round_up(bytes, os_unit()), want = least > h->commit_step ? least : h->commit_step;
    assert(bytes <= left);
    least = least < left ? least : left;
    want = want < left ? want : left;
    if (!os_commit((void *)h->committed, want)) {
        want = least;
        if (!os_commit((void *)h->committed, want))
            return false;
    }
    uintptr_t base = h->committed;
    size_t n = want >> PAGE_SHIFT;
    h->committed += want;
    h->stats.cold.n += n;
    if (h->commit_step < COMMIT_STEP_LAST)
        h->commit_step *= 2;
    returned_change(base, n, true);
    run_insert_locked(h, base, n, n, 0);
    return true;
}

/* Grows the heap so that a run of n pages exists at the end of its region. */
static bool grow_locked(struct mheap *h, size_t n, enum span_state state)
{
    for (;;) {
        struct span *tail = run_before_locked(h->committed);
        size_t need = (n - (tail == NULL ? 0 : tail->pages)) * PAGE_BYTES; /* no run holds n */
        size_t left = h->reserved - h->committed;
        if (left >= need)
            return commit_locked(h, need);
        if (extend_region_locked(h, need - left, state))
            continue;
        if (left > 0)
            commit_locked(h, left); /* so that the end of the old region is not lost; if refused, it is */
        if (!new_region_locked(h, n * PAGE_BYTES, state))
            return false;
    }
}

/* ---- the page heap ---- */

void mheap_init(struct mheap *h, uintptr_t hint)
{
    h->lock = (struct lock)LOCK_INIT(RANK_MHEAP);
    h->commit_step = COMMIT_STEP_FIRST;
    h->committed = h->reserved = hint;
}

static void note_peak_locked(struct mheap *h)
{
    size_t now = h->stats.in_use.n + h->stats.warm.n;
    if (now > h->stats.peak.n)
        h->stats.peak.n = now;
}

/* Takes n pages from start on out of a free run; the rest stays free. */
static struct span *carve_locked(struct mheap *h, struct span *run, uintptr_t start, size_t n)
{
    uintptr_t base = run->base;
    size_t before = (start - base) >> PAGE_SHIFT, after = run->pages - before - n;
    size_t returned = run->returned;
    uint32_t freed_at = run->freed_at;
    run_unmake_locked(h, run);

    size_t taken = returned == 0 ? 0 : returned_change(start, n, false);
    if (before > 0) {
        size_t cold = returned == taken ? 0 : returned_count(base, before);
        run_make_locked(h, base, before, cold, freed_at);
        returned -= cold;
    }
    if (after > 0)
        run_make_locked(h, start + n * PAGE_BYTES, after, returned - taken, freed_at);

    h->stats.cold.n -= taken;
    h->stats.warm.n -= n - taken;
    h->stats.in_use.n += n;
    struct span *s = pagemap_record(start);
    s->base = start;
    s->pages = (uint32_t)n;
    s->returned = 0;
    s->zeroed = taken == n;
    return s;
}

/* Warm first, whatever its length: a page fault costs more than a page heap that is cut up. */
static struct span *find_run_locked(struct mheap *h, size_t n)
{
    struct span *run = best_fit(&h->warm, n);
    return run != NULL ? run : best_fit(&h->cold, n);
}

/* How many pages at the end of the range have no memory behind them, and so are zero. */
static size_t cold_suffix(uintptr_t base, size_t n)
{
    size_t cold = 0;
    for (uintptr_t page = base + n * PAGE_BYTES; cold < n; cold++) {
        page -= PAGE_BYTES;
        if ((returned_bits(page)[arena_page(page) / 64] >> (arena_page(page) % 64) & 1) == 0)
            break;
    }
    return cold;
}

struct span *mheap_alloc(struct mheap *h, struct run_request want, enum span_state state)
{
    struct pages n = want.pages;
    size_t align = want.align;
    assert(n.n > 0 && is_pow2(align));
    /* With alignment, any run this long has a part that fits. */
    size_t span_of = n.n + align - 1;
    if (span_of > UINT32_MAX || span_of < n.n)
        return NULL;
    struct span *s = NULL;
    lock_take(&h->lock);
    struct span *run = want.room.n == 0 ? NULL : find_run_locked(h, span_of + want.room.n);
    if (run == NULL)
        run = find_run_locked(h, span_of);
    if (run == NULL && grow_locked(h, span_of, state))
        run = find_run_locked(h, span_of);
    if (run != NULL) {
        uintptr_t start = round_up(run->base, align * PAGE_BYTES);
        size_t cold = want.code == CODE_MANAGED_LARGE ? cold_suffix(start, n.n) : 0;
        s = carve_locked(h, run, start, n.n);
        s->state = (uint8_t)state;
        span_init(s, want.code);
        s->returned = (uint32_t)cold;
        h->stats.spans++;
        h->stats.spans_created++;
        note_peak_locked(h);
    }
    lock_drop(&h->lock);
    return s;
}

/* Drops the lock after pages were freed, and tells the scavenger when they are many. */
static void drop_and_tell(struct mheap *h)
{
    bool surplus = pages_bytes(h->stats.warm) > h->surplus_bytes;
    lock_drop(&h->lock);
    if (unlikely(surplus) && h->on_surplus != NULL)
        h->on_surplus();
}

void mheap_free(struct mheap *h, struct span *s, struct pages untouched)
{
    uintptr_t base = s->base;
    size_t n = s->pages, cold = untouched.n;
    assert(cold == 0 || (s->zeroed && cold <= n));
    lock_take(&h->lock);
    assert(s->state == SPAN_MANUAL || s->state == SPAN_MANAGED);
    s->state = SPAN_NONE;
    h->stats.spans--;
    h->stats.in_use.n -= n;
    h->stats.warm.n += n - cold;
    h->stats.cold.n += cold;
    if (cold > 0)
        returned_change(base + (n - cold) * PAGE_BYTES, cold, true);
    run_insert_locked(h, base, n, cold, h->clock);
    drop_and_tell(h);
}

bool mheap_extend(struct mheap *h, struct span *s, struct pages n, unsigned code)
{
    size_t more = n.n - s->pages;
    uintptr_t end = s->base + pages_bytes((struct pages){ s->pages });
    bool extended = false;
    if (n.n > UINT32_MAX)
        return false;
    lock_take(&h->lock);
    struct span *run = run_at_locked(end);
    /* At the end of the heap there is always more, if the system has it. */
    bool last = run == NULL ? end == h->committed : end + run->pages * PAGE_BYTES == h->committed;
    if ((run == NULL || run->pages < more) && last && h->reserved - end >= more * PAGE_BYTES) {
        if (commit_locked(h, more * PAGE_BYTES - (h->committed - end)))
            run = run_at_locked(end);
    }
    if (run != NULL && run->pages >= more) {
        carve_locked(h, run, run->base, more);
        s->pages = (uint32_t)n.n;
        s->code = (uint8_t)code;
        note_peak_locked(h);
        extended = true;
    }
    lock_drop(&h->lock);
    return extended;
}

void mheap_shrink(struct mheap *h, struct span *s, struct pages n, unsigned code)
{
    lock_take(&h->lock);
    assert(n.n > 0 && n.n <= s->pages);
    size_t less = s->pages - n.n;
    s->pages = (uint32_t)n.n;
    s->code = (uint8_t)code;
    if (less == 0) {
        lock_drop(&h->lock);
        return;
    }
    h->stats.in_use.n -= less;
    h->stats.warm.n += less;
    run_insert_locked(h, s->base + n.n * PAGE_BYTES, less, 0, h->clock);
    drop_and_tell(h);
}

/* ---- for the scavenger ---- */

/* Pages from base on, up to n, whose returned bit is set (or clear). */
static size_t returned_prefix(uintptr_t base, size_t n, bool set)
{
    size_t found = 0;
    while (found < n) {
        uintptr_t at = base + found * PAGE_BYTES;
        size_t bit = arena_page(at) % 64;
        uint64_t word = returned_bits(at)[arena_page(at) / 64] >> bit, differ = set ? ~word : word;
        size_t here = differ != 0 && lowest_bit(differ) < 64 - bit ? lowest_bit(differ) : 64 - bit;
        found += here;
        if (here < 64 - bit)
            break;
    }
    return found < n ? found : n;
}

/* The first part of a run that has memory behind it, in whole pages of the system's. */
static bool warm_part(const struct span *run, size_t unit, uintptr_t *start, size_t *pages)
{
    uintptr_t first = round_up(run->base, unit), end = round_down(run->base + run->pages * PAGE_BYTES, unit);
    if (first >= end)
        return false;
    uintptr_t at = first + returned_prefix(first, (end - first) >> PAGE_SHIFT, true) * PAGE_BYTES;
    if (at >= end)
        return false;
    size_t n = returned_prefix(at, (end - at) >> PAGE_SHIFT, false);
    /* A page of the system's that was given back and touched since counts as warm as a whole. */
    *start = round_down(at, unit);
    *pages = (round_up(at + n * PAGE_BYTES, unit) - *start) >> PAGE_SHIFT;
    return true;
}

static struct span *oldest_warm_locked(struct mheap *h, uint64_t freed_before, uintptr_t *start, size_t *pages)
{
    /* Long runs first: they hold most and cost one call. */
    for (unsigned w = BIN_WORDS; w-- > 0;) {
        for (uint64_t word = h->warm.nonempty[w]; word != 0;) {
            unsigned b = highest_bit(word);
            word &= ~(UINT64_C(1) << b);
            for (struct span *run = h->warm.run[w * 64 + b]; run != NULL; run = run->next)
                if (run->freed_at < freed_before && warm_part(run, os_unit(), start, pages))
                    return run;
        }
    }
    return NULL;
}

struct span *mheap_hold_warm(struct mheap *h, uint64_t freed_before, struct pages max)
{
    struct span *held = NULL;
    uintptr_t start;
    size_t n;
    lock_take(&h->lock);
    struct span *run = oldest_warm_locked(h, freed_before, &start, &n);
    if (run != NULL) {
        held = carve_locked(h, run, start, n < max.n ? n : max.n);
        held->state = SPAN_HELD;
    }
    lock_drop(&h->lock);
    return held;
}

/* The records of pages inside a held run mean nothing any more: their memory goes back, too. The
   first and the last page's do, see run_make_locked(). */
static void discard_records(const struct span *run)
{
    struct arena *a = pagemap_arena(run->base);
    size_t first = arena_page(run->base) + 1, end = first + run->pages - 2;
    if (run->pages < 3)
        return;
    if (end > ARENA_PAGES)
        end = ARENA_PAGES; /* what lies in the next arena stays */
    uintptr_t from = round_up((uintptr_t)&a->span[first], os_page_size());
    uintptr_t to = round_down((uintptr_t)&a->span[end], os_page_size());
    if (from < to)
        os_discard((void *)from, to - from);
}

/* Where the system joins small pages into huge ones by itself, it would back again what is given back. */
void mheap_forget_huge(struct mheap *h, const struct span *run)
{
    uintptr_t end = run->base + run->pages * PAGE_BYTES;
    if (options.hugepages == HUGEPAGES_ALWAYS)
        return;
    for (uintptr_t at = round_down(run->base, ARENA_BYTES); at < end; at += ARENA_BYTES) {
        struct arena *a = pagemap_arena(at);
        lock_take(&h->lock);
        bool huge = a->huge;
        a->huge = false;
        lock_drop(&h->lock);
        if (huge)
            os_advise_small((void *)at, ARENA_BYTES);
    }
}

void mheap_release_held(struct mheap *h, struct span *run, bool given_back)
{
    if (given_back)
        discard_records(run);
    lock_take(&h->lock);
    assert(run->state == SPAN_HELD);
    size_t n = run->pages;
    run->state = SPAN_NONE;
    h->stats.in_use.n -= n;
    if (given_back) {
        h->stats.cold.n += n;
        h->stats.given_back.n += n;
        returned_change(run->base, n, true);
    } else {
        h->stats.warm.n += n;
    }
    run_insert_locked(h, run->base, n, given_back ? n : 0, given_back ? 0 : h->clock);
    lock_drop(&h->lock);
}

struct mheap_stats mheap_stats_read(struct mheap *h)
{
    lock_take(&h->lock);
    struct mheap_stats stats = h->stats;
    lock_drop(&h->lock);
    return stats;
}

/* ---- the walk ---- */

static void check_bins_locked(const struct bins *bins, bool warm, size_t *pages, size_t *returned)
{
    for (unsigned b = 0; b < BIN_COUNT; b++) {
        assert((bins->run[b] != NULL) == (bins->nonempty[b / 64] >> (b % 64) & 1));
        for (const struct span *run = bins->run[b]; run != NULL; run = run->next) {
            uintptr_t end = run->base + run->pages * PAGE_BYTES;
            assert(run->state == SPAN_FREE && bin_of(run->pages) == b);
            assert((run->returned < run->pages) == warm);
            assert(returned_count(run->base, run->pages) == run->returned);
            assert(is_edge(run->base) && is_edge(end - PAGE_BYTES));
            assert(run_before_locked(run->base) == NULL && run_at_locked(end) == NULL); /* H1 */
            *pages += run->pages;
            *returned += run->returned;
        }
    }
}

bool mheap_check(struct mheap *h)
{
    size_t pages = 0, returned = 0;
    lock_take(&h->lock);
    check_bins_locked(&h->warm, true, &pages, &returned);
    check_bins_locked(&h->cold, false, &pages, &returned);
    assert(h->stats.cold.n == returned);                /* H2 */
    assert(h->stats.warm.n + returned == pages);        /* H3 */
    lock_drop(&h->lock);
    return true;
}
