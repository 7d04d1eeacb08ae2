/* sizeclass: the tables, computed rather than written down, so that they cannot disagree. */
#include "alloc/sizeclass.h"

uint64_t class_magic[CODE_COUNT];
struct size_class size_classes[CLASS_COUNT];
uint8_t size_to_class8[TABLE8_MAX / 8 + 1];
uint8_t size_to_class128[(SMALL_MAX - TABLE8_MAX) / 128 + 1];
uint8_t pages_to_class[(RUN_MAX >> PAGE_SHIFT) + 1];

/* The next size after this one: eight steps a doubling, at least 16 bytes (a page for runs). */
static size_t next_size(size_t size)
{
    size_t least = size < SMALL_MAX ? MIN_ALIGN : PAGE_BYTES;
    size_t step = ((size_t)1 << highest_bit(size)) / 8;
    return size + (step > least ? step : least);
}

/* Pages of a span: enough blocks that a refill seldom needs a new span, but not so many that a
   span hardly ever becomes empty again, or that a class of which a thread has three blocks
   spreads over the address space; and little lost at the end. */
static size_t span_pages(size_t size)
{
    size_t want = size * 32, most = size > KIB(8) ? size * 4 : KIB(32);
    if (want > most)
        want = most;
    size_t first = pages_for(want).n, best = first;
    for (size_t n = first; n <= first + 8 && n * PAGE_BYTES / size <= SLOTS_MAX; n++) {
        if (n * PAGE_BYTES % size * 32 <= n * PAGE_BYTES)
            return n;
        if (n * PAGE_BYTES % size * best < best * PAGE_BYTES % size * n)
            best = n;
    }
    return best;
}

static void set_class(unsigned code, size_t size, size_t pages)
{
    size_classes[code] = (struct size_class){
        .size = (uint32_t)size,
        .slots = (uint16_t)(pages * PAGE_BYTES / size),
        .pages = (uint16_t)pages,
    };
    class_magic[code] = UINT64_MAX / size + 1;
    assert(size_classes[code].slots >= 1 && size_classes[code].slots <= SLOTS_MAX);
}

void sizeclass_init(void)
{
    unsigned code = CLASS_SMALL_FIRST;
    size_t size = MIN_ALIGN;
    for (; size <= SMALL_MAX; size = next_size(size))
        set_class(code++, size, span_pages(size));
    assert(code == CLASS_SMALL_LAST + 1);
    for (; size <= RUN_MAX; size = next_size(size))
        set_class(code++, size, size >> PAGE_SHIFT);
    assert(code == CLASS_COUNT);

    code = CLASS_SMALL_FIRST;
    for (size_t i = 0; i < COUNT(size_to_class8); i++) {
        code += i * 8 > size_classes[code].size;
        size_to_class8[i] = (uint8_t)code;
    }
    for (size_t i = 0; i < COUNT(size_to_class128); i++) {
        code += TABLE8_MAX + i * 128 > size_classes[code].size;
        size_to_class128[i] = (uint8_t)code;
    }
    for (size_t i = (SMALL_MAX >> PAGE_SHIFT) + 1; i < COUNT(pages_to_class); i++) {
        code += i * PAGE_BYTES > size_classes[code].size;
        pages_to_class[i] = (uint8_t)code;
    }
}
