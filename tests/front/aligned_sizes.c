/* Every power of two as an alignment, with many sizes, several live at once: a size that is a
   multiple of the alignment is where a small class's first slot is aligned and the next is not. */
#include "front.h"

enum { LIVE = 6, TOP = 26 };

struct sizes {
    size_t n;
    size_t of[64];
};

static void add(struct sizes *s, size_t size)
{
    if (s->n < COUNT(s->of))
        s->of[s->n++] = size;
}

static struct sizes sizes_for(size_t alignment)
{
    static const size_t fixed[] = { 1,    8,    24,   40,   48,    72,    100,   320,
                                    1000, 2000, 4097, 9000, 32768, 32769, 100000 };
    struct sizes s = { 0, { 0 } };
    for (size_t i = 0; i < COUNT(fixed); i++)
        add(&s, fixed[i]);
    if (alignment > 1)
        add(&s, alignment - 1);
    add(&s, alignment + 1);
    for (size_t k = 1; k <= 24 && k * alignment <= 4 * MIB; k++)
        add(&s, k * alignment);
    return s;
}

static void *allocate(unsigned how, size_t alignment, size_t size)
{
    void *p = NULL;
    switch (how) {
    case 0:
        return aligned_alloc(hide(alignment), hide(size));
    case 1:
        return memalign(hide(alignment), hide(size));
    default:
        return posix_memalign(&p, alignment < 8 ? 8 : alignment, hide(size)) == 0 ? p : NULL;
    }
}

/* The edges are enough for the large ones: their middle is nobody else's. */
static void fill(char *p, size_t size, uint64_t seed)
{
    if (size <= 256 * KIB) {
        pattern_fill(p, size, seed);
    } else {
        pattern_fill(p, 4096, seed);
        pattern_fill(p + size - 4096, 4096, seed);
    }
}

static bool holds(const char *p, size_t size, uint64_t seed)
{
    if (size <= 256 * KIB)
        return pattern_holds(p, size, seed);
    return pattern_holds(p, 4096, seed) && pattern_holds(p + size - 4096, 4096, seed);
}

static void one_pair(size_t alignment, size_t size, unsigned how)
{
    char *live[LIVE];
    for (unsigned i = 0; i < LIVE; i++) {
        live[i] = hidep(allocate(how, alignment, size));
        REQUIRE(live[i] != NULL, "alignment %zu, size %zu: there is a block", alignment, size);
        CHECK((uintptr_t)live[i] % alignment == 0, "block %u of alignment %zu, size %zu is aligned", i,
              alignment, size);
        CHECK((uintptr_t)live[i] % 16 == 0, "alignment %zu, size %zu: at least to 16", alignment, size);
        CHECK(malloc_usable_size(live[i]) >= size, "alignment %zu, size %zu: usable", alignment, size);
        fill(live[i], malloc_usable_size(live[i]), size + i);
    }
    for (unsigned i = 0; i < LIVE; i++)
        CHECK(holds(live[i], malloc_usable_size(live[i]), size + i), "alignment %zu, size %zu: no overlap",
              alignment, size);
    if (size > 16) {
        live[0] = hidep(realloc(live[0], hide(size * 2)));
        CHECK(pattern_holds(live[0], size < 4096 ? size / 8 * 8 : 4096, size),
              "an aligned block survives realloc");
    }
    for (unsigned i = 0; i < LIVE; i++)
        free(live[i]);
}

int main(void)
{
    for (unsigned shift = 0; shift <= TOP; shift++) {
        size_t alignment = (size_t)1 << shift;
        struct sizes s = sizes_for(alignment);
        for (unsigned how = 0; how < 3; how++)
            for (size_t i = 0; i < s.n; i++)
                one_pair(alignment, s.of[i], how);
    }
    return front_result();
}
