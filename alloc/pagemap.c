/* pagemap: see pagemap.h. */
#include "alloc/pagemap.h"

#include "alloc/meta.h"

#define TREE_BITS ((ADDRESS_BITS - ARENA_SHIFT) / 2)
#define TREE_SIZE ((size_t)1 << TREE_BITS)

struct leaf {
    struct atomicw arena[TREE_SIZE]; /* [atomic] struct arena * */
};

struct atomicw pagemap_window[WINDOW_SLOTS];
struct atomicw pagemap_first;
struct atomicw pagemap_lowest = { UINTPTR_MAX }, pagemap_highest;
static struct atomicw tree[TREE_SIZE]; /* [atomic] struct leaf * */

struct arena *pagemap_outside(uintptr_t address)
{
    if (address >> ADDRESS_BITS != 0)
        return NULL;
    uintptr_t slot = address >> ARENA_SHIFT;
    /* acquire, twice: pairs with the releases in pagemap_add(). */
    struct leaf *leaf = (struct leaf *)aw_load_acquire(&tree[slot / TREE_SIZE]);
    return leaf == NULL ? NULL : (struct arena *)aw_load_acquire(&leaf->arena[slot % TREE_SIZE]);
}

struct span *pagemap_find(uintptr_t address)
{
    struct arena *a = pagemap_arena(address);
    if (a == NULL)
        return NULL;
    uint32_t entry = arena_entry(a, address);
    if (entry_code(entry) == CLASS_NONE)
        return NULL;
    if (unlikely(entry_code(entry) == CODE_MANAGED_FAR))
        return pagemap_find(address - entry_offset(entry, address));
    return pagemap_record(address - entry_offset(entry, address));
}

static struct atomicw *slot_cell(uintptr_t slot)
{
    uintptr_t first = aw_load_relaxed(&pagemap_first);
    if (first == 0) {
        /* Arenas grow upwards when the system follows our hint, mostly downwards when not. */
        uintptr_t below = slot >> (40 - ARENA_SHIFT) == 0 ? 0 : WINDOW_SLOTS / 2;
        first = slot > below ? slot - below : 1;
        aw_store_relaxed(&pagemap_first, first); /* relaxed: see pagemap_arena() */
    }
    if (slot - first < WINDOW_SLOTS)
        return &pagemap_window[slot - first];
    struct atomicw *branch = &tree[slot / TREE_SIZE];
    struct leaf *leaf = (struct leaf *)aw_load_relaxed(branch); /* only we write it, under the lock */
    if (leaf == NULL) {
        leaf = meta_alloc(sizeof *leaf);
        if (leaf == NULL)
            return NULL;
        /* release: pairs with the acquire in pagemap_outside(). */
        aw_store_release(branch, (uintptr_t)leaf);
    }
    return &leaf->arena[slot % TREE_SIZE];
}

bool pagemap_add(uintptr_t base, size_t bytes)
{
    uintptr_t last = (base + bytes - 1) >> ARENA_SHIFT;
    if (last >> (ADDRESS_BITS - ARENA_SHIFT) != 0)
        return false;
    for (uintptr_t slot = base >> ARENA_SHIFT; slot <= last; slot++) {
        struct atomicw *cell = slot_cell(slot);
        if (cell == NULL)
            return false;
        if (aw_load_relaxed(cell) != 0)
            continue;
        struct arena *a = meta_alloc(sizeof *a);
        if (a == NULL)
            return false;
        /* relaxed, both: whoever was given an address was given it after these stores. */
        if (slot << ARENA_SHIFT < aw_load_relaxed(&pagemap_lowest))
            aw_store_relaxed(&pagemap_lowest, slot << ARENA_SHIFT);
        if ((slot + 1) << ARENA_SHIFT > aw_load_relaxed(&pagemap_highest))
            aw_store_relaxed(&pagemap_highest, (slot + 1) << ARENA_SHIFT);
        /* release: pairs with the acquire in pagemap_arena(); whoever sees it sees it zeroed. */
        aw_store_release(cell, (uintptr_t)a);
    }
    return true;
}

static void set_entry(uintptr_t page, uint32_t entry)
{
    /* relaxed: P1 */
    a32_store_relaxed(&pagemap_arena(page)->entry[arena_page(page)], entry);
}

/* How many of the span's pages have an entry: conservative scans never look for manual blocks,
   so of a large one the first page is enough. */
static size_t mapped_pages(const struct span *s)
{
    bool one_block = s->code == CLASS_LARGE || (s->code < CLASS_COUNT && sizeclass_is_run(s->code));
    return one_block ? 1 : s->pages;
}

static void set_entries(uintptr_t page, size_t n, uint32_t entry)
{
    while (n > 0) {
        size_t first = arena_page(page), here = ARENA_PAGES - first < n ? ARENA_PAGES - first : n;
        struct atomic32 *e = &pagemap_arena(page)->entry[first];
        for (size_t i = 0; i < here; i++)
            a32_store_relaxed(&e[i], entry); /* relaxed: P1 */
        page += here * PAGE_BYTES;
        n -= here;
    }
}

/* An entry reaches 4 GiB back. Of a longer object the pages of each 2 GiB but the first lead to the
   first page of the 2 GiB before. */
#define FAR_PAGES ((size_t)1 << (31 - PAGE_SHIFT))

static void set_far_entries(const struct span *s)
{
    for (size_t i = FAR_PAGES; i < s->pages; i += FAR_PAGES) {
        uintptr_t back = s->base + (i - FAR_PAGES) * PAGE_BYTES;
        size_t n = s->pages - i < FAR_PAGES ? s->pages - i : FAR_PAGES;
        set_entries(s->base + i * PAGE_BYTES, n, (uint32_t)back | (uint32_t)CODE_MANAGED_FAR << ENTRY_CODE_SHIFT);
    }
}

void pagemap_set(const struct span *s)
{
    size_t n = mapped_pages(s);
    uint32_t entry = (uint32_t)s->base | (uint32_t)s->code << ENTRY_CODE_SHIFT;
    if (s->code >= CODE_MANAGED)
        entry |= (uint32_t)s->trace << ENTRY_TRACE_SHIFT;
    set_entries(s->base, n < FAR_PAGES ? n : FAR_PAGES, entry);
    if (unlikely(n > FAR_PAGES))
        set_far_entries(s);
}

void pagemap_clear(const struct span *s)
{
    set_entries(s->base, mapped_pages(s), 0);
}

void pagemap_set_purged(const struct span *s, uintptr_t start, uintptr_t stop)
{
    for (uintptr_t page = round_down(start, PAGE_BYTES); page < stop; page += PAGE_BYTES)
        set_entry(page, (uint32_t)s->base | (uint32_t)CLASS_PURGED << ENTRY_CODE_SHIFT);
}

bool pagemap_claim(uintptr_t base, unsigned code)
{
    struct atomic32 *entry = &pagemap_arena(base)->entry[arena_page(base)];
    return a32_cas_full(entry, (uint32_t)base | code << ENTRY_CODE_SHIFT, 0);
}

void pagemap_set_run(const struct span *run)
{
    uintptr_t last = run->base + (run->pages - 1) * PAGE_BYTES;
    set_entry(run->base, ENTRY_EDGE);
    set_entry(last, ENTRY_EDGE);
    pagemap_record(last)->base = run->base;
}

void pagemap_clear_run(const struct span *run)
{
    set_entry(run->base, 0);
    set_entry(run->base + (run->pages - 1) * PAGE_BYTES, 0);
}

void pagemap_each_arena(void (*visit)(struct arena *a, void *context), void *context)
{
    for (size_t i = 0; i < WINDOW_SLOTS; i++) {
        struct arena *a = (struct arena *)aw_load_acquire(&pagemap_window[i]);
        if (a != NULL)
            visit(a, context);
    }
    for (size_t i = 0; i < TREE_SIZE; i++) {
        struct leaf *leaf = (struct leaf *)aw_load_acquire(&tree[i]);
        for (size_t j = 0; leaf != NULL && j < TREE_SIZE; j++) {
            struct arena *a = (struct arena *)aw_load_acquire(&leaf->arena[j]);
            if (a != NULL)
                visit(a, context);
        }
    }
}
