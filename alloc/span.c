/* span: taking slots, and the walk that checks a record. */
#include "alloc/span.h"

#include <string.h>

static void init(struct span *s, unsigned code, size_t slots)
{
    s->slots = s->free_count = (uint16_t)slots;
    s->free_index = 0;
    s->code = (uint8_t)code;
    s->kind = KIND_MANUAL;
    s->list = LIST_NONE;
    s->scan_word = 0;
    s->sweep_gen = 0;
    s->next = s->prev = NULL;
}

void span_init(struct span *s, unsigned code)
{
    assert(s->pages == size_classes[code].pages);
    init(s, code, size_classes[code].slots);
    if (sizeclass_is_run(code)) {
        s->free_count = 0; /* its one block goes straight to the program */
        return;
    }
    memset(s->alloc_bits, 0, sizeof s->alloc_bits);
}

void span_init_large(struct span *s)
{
    init(s, CLASS_LARGE, 1);
    s->free_count = 0;
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

/* Never used slots: here they get their cookie (S3), before anyone can see them. */
static size_t take_fresh(struct span *s, uintptr_t *out, size_t max)
{
    size_t size = size_classes[s->code].size, n = s->slots - s->free_index;
    if (n > max)
        n = max;
    uintptr_t block = s->base + s->free_index * size;
    for (size_t i = 0; i < n; i++, block += size) {
        *cookie_at(block) = cookie_of(block);
        out[max - 1 - i] = block;
    }
    if (block + MIN_ALIGN <= s->base + s->pages * PAGE_BYTES)
        *cookie_at(block) = cookie_of(block);
    bits_set_range(s->alloc_bits, s->free_index, n);
    s->free_index = (uint16_t)(s->free_index + n);
    return n;
}

size_t span_take_slots(struct span *s, uintptr_t *out, size_t max)
{
    size_t taken = 0;
    if (s->free_count > s->slots - s->free_index)
        taken = take_freed(s, out, max);
    if (taken < max && s->free_index < s->slots)
        taken += take_fresh(s, out, max - taken);
    s->free_count = (uint16_t)(s->free_count - taken);
    check(span_check(s));
    return taken;
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
