/* span: taking slots, and the walk that checks a record. */
#include "alloc/span.h"

#include <string.h>

#include "alloc/os.h"
#include "alloc/pagemap.h"

/* What of a managed span is the same for all kinds; the rest is gc/central.c's. */
static void init_managed(struct span *s, unsigned code)
{
    s->slots = s->free_count = s->free_index = 0;
    s->code = (uint8_t)code;
    s->kind = KIND_MANUAL;
    s->list = LIST_NONE;
    s->trace = s->rescan = 0;
    s->next = s->prev = NULL;
}

void span_init(struct span *s, unsigned code)
{
    if (code >= CODE_MANAGED) {
        init_managed(s, code);
        return;
    }
    bool small = code <= CLASS_SMALL_LAST;
    assert(code == CLASS_LARGE || s->pages == size_classes[code].pages);
    s->slots = small ? size_classes[code].slots : 1;
    s->free_count = small ? s->slots : 0; /* the one block goes straight to the program */
    s->free_index = s->cookie_index = s->quiet_count = 0;
    s->code = (uint8_t)code;
    s->kind = KIND_MANUAL;
    s->list = LIST_NONE;
    s->scan_word = s->purged = 0;
    a32_store_relaxed(&s->sweep_gen, 0);
    s->returned = 0;
    s->next = s->prev = NULL;
    if (small)
        memset(s->alloc_bits, 0, sizeof s->alloc_bits);
}

/* Freed slots first, lowest address first: they are warm, and packing keeps other spans empty. */
static size_t take_freed(struct span *s, uintptr_t *out, size_t max)
{
    size_t size = size_classes[s->code].size, taken = 0, words = (s->free_index + 63u) / 64;
    size_t w = s->scan_word;
    for (; w < words && taken < max; w++) {
        uint64_t used = low_mask(s->free_index - w * 64);
        uint64_t clear = ~s->alloc_bits[w] & used, took = 0;
        uintptr_t base = s->base + w * 64 * size;
        while (clear != 0 && taken < max) {
            uint64_t bit = clear & -clear;
            out[max - ++taken] = base + lowest_bit(clear) * size;
            took |= bit;
            clear ^= bit;
        }
        s->alloc_bits[w] |= took;
        if (clear != 0)
            break;
    }
    s->scan_word = (uint8_t)w;
    return taken;
}

/* Spans up to this length get all their cookies at once: they cost little memory. */
#define COOKIES_AT_ONCE KIB(16)

/* Where cookies should end when slots below index are about to be used: memory up to there is
   about to be touched anyway. slots + 1 when that includes what is left at the span's end. */
static size_t cookies_wanted(const struct span *s, size_t index)
{
    size_t size = size_classes[s->code].size, bytes = s->pages * PAGE_BYTES;
    uintptr_t end = s->base + index * size + MIN_ALIGN;
    end = bytes <= COOKIES_AT_ONCE ? s->base + bytes : round_up(end, KIB(4));
    /* The slots whose second word lies below end. */
    size_t count = (end - s->base - MIN_ALIGN) / size + 1;
    if (count <= s->slots)
        return count;
    return bytes - s->slots * size >= MIN_ALIGN ? s->slots + 1u : s->slots;
}

static void write_cookies(struct span *s, size_t index)
{
    size_t size = size_classes[s->code].size;
    uintptr_t block = s->base + s->cookie_index * size;
    for (size_t i = s->cookie_index; i < index; i++, block += size)
        *cookie_at(block) = cookie_of(block);
    s->cookie_index = (uint16_t)index;
}

/* Never used slots: their cookies are written (S3) before anyone can see them. */
static size_t take_fresh(struct span *s, uintptr_t *out, size_t max)
{
    size_t size = size_classes[s->code].size, n = s->slots - s->free_index;
    if (n > max)
        n = max;
    if (s->free_index + n >= s->cookie_index)
        write_cookies(s, cookies_wanted(s, s->free_index + n));
    uintptr_t block = s->base + s->free_index * size;
    for (size_t i = 0; i < n; i++, block += size)
        out[max - 1 - i] = block;
    bits_set_range(s->alloc_bits, s->free_index, n);
    s->free_index = (uint16_t)(s->free_index + n);
    return n;
}

size_t span_take_slots(struct span *s, uintptr_t *out, size_t max)
{
    size_t taken = 0;
    if (unlikely(s->purged))
        span_unpurge(s);
    s->returned = 0;
    if (s->free_count > s->slots - s->free_index)
        taken = take_freed(s, out, max);
    if (taken < max && s->free_index < s->slots)
        taken += take_fresh(s, out, max - taken);
    s->free_count = (uint16_t)(s->free_count - taken);
    check(span_check(s));
    return taken;
}

/* What the program may have written to, and we: whole slots, and one cookie further. */
static size_t touched_bytes(const struct span *s)
{
    size_t size = size_classes[s->code].size, slots = s->free_index * size;
    size_t cookies = s->cookie_index == 0 ? 0 : (s->cookie_index - 1u) * size + MIN_ALIGN;
    return slots > cookies ? slots : cookies;
}

struct pages span_untouched(const struct span *s)
{
    size_t touched = pages_for(touched_bytes(s)).n;
    return (struct pages){ s->zeroed && touched < s->pages ? s->pages - touched : 0 };
}

/* The first slot from i on whose bit is as wanted, or end. */
static size_t find_slot(const uint64_t *bits, size_t i, size_t end, bool set)
{
    while (i < end && (bits[i / 64] >> (i % 64) & 1) != set)
        i++;
    return i;
}

size_t span_purge(struct span *s, const uint64_t alloc_bits[SLOTS_MAX / 64])
{
    size_t size = size_classes[s->code].size, unit = os_page_size(), end = s->cookie_index;
    size_t bytes = 0;
    if (end > s->slots)
        end = s->slots;
    for (size_t i = 0; i < end;) {
        size_t from = find_slot(alloc_bits, i, end, false), to = find_slot(alloc_bits, from, end, true);
        uintptr_t start = round_up(s->base + from * size, unit), stop = round_down(s->base + to * size, unit);
        i = to;
        if (start >= stop)
            continue;
        /* First the entries: whoever frees here from now on looks at the bits. */
        pagemap_set_purged(s, start, stop);
        s->purged = 1;
        if (os_discard((void *)start, stop - start))
            bytes += stop - start;
    }
    return bytes;
}

void span_unpurge(struct span *s)
{
    size_t size = size_classes[s->code].size, end = s->cookie_index < s->slots ? s->cookie_index : s->slots;
    for (size_t i = 0; i < end; i++) {
        uintptr_t block = s->base + i * size;
        if ((s->alloc_bits[i / 64] >> (i % 64) & 1) == 0)
            *cookie_at(block) = cookie_of(block);
    }
    pagemap_set(s);
    s->purged = 0;
}

bool span_check(const struct span *s)
{
    size_t set = 0;
    for (size_t i = 0; i < COUNT(s->alloc_bits); i++) {
        size_t below = s->free_index > i * 64 ? s->free_index - i * 64 : 0;
        assert((s->alloc_bits[i] & ~low_mask(below)) == 0);
        assert(i >= s->scan_word || s->alloc_bits[i] == low_mask(below));
        set += (size_t)__builtin_popcountll(s->alloc_bits[i]);
    }
    assert(set + s->free_count == s->slots);
    assert(s->free_index <= s->slots);
    return true;
}
