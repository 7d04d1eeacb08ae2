/* realloc keeps the content: from every size to every other, in small steps, of aligned
   blocks, with the size it has, and in the company of other live blocks. */
#include "front.h"

static const size_t sizes[] = {
    1,     8,     16,    17,    24,    48,     100,    255,     1000,    1024,    4000,     8192,
    10000, 32760, 32768, 32769, 65536, 100000, 262144, 1 << 20, 3000000, 8 << 20, 20 << 20,
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void matrix(void)
{
    for (size_t i = 0; i < COUNT(sizes); i++) {
        for (size_t k = 0; k < COUNT(sizes); k++) {
            size_t from = sizes[i], to = sizes[k], common = smaller(from, to);
            char *p = hidep(malloc(hide(from)));
            pattern_fill(p, from, from);
            p = hidep(realloc(p, hide(to)));
            REQUIRE(p != NULL, "realloc from %zu to %zu succeeds", from, to);
            CHECK((uintptr_t)p % 16 == 0, "realloc from %zu to %zu keeps the alignment of malloc", from, to);
            CHECK(malloc_usable_size(p) >= to, "realloc from %zu to %zu gives the whole size", from, to);
            CHECK(pattern_holds(p, common / 8 * 8, from), "realloc from %zu to %zu keeps the content", from,
                  to);
            p[to - 1] = 1;
            free(p);
        }
    }
}

/* Grows by about an eighth up to 64 MiB and back down, with others in the way. */
static void up_and_down(void)
{
    enum { OTHERS = 256 };
    static char *others[OTHERS];
    size_t size = 16, n = 0;
    char *p = hidep(malloc(size));
    pattern_fill(p, size, 9);
    for (; size < 64 * MIB; n++) {
        size_t next = size + size / 8 + 8;
        p = hidep(realloc(p, hide(next)));
        REQUIRE(p != NULL, "growing to %zu succeeds", next);
        CHECK(pattern_holds(p, size / 8 * 8, 9), "growing from %zu to %zu keeps the content", size, next);
        pattern_fill(p + size / 8 * 8, 0, 9);
        pattern_fill(p, next, 9);
        size = next;
        if (n < OTHERS) {
            others[n] = hidep(malloc(hide(size % 100000 + 1)));
            memset(others[n], 0xee, size % 100000 + 1);
        }
    }
    while (size > 16) {
        size -= size / 5 + 8 < size ? size / 5 + 8 : size - 16;
        p = hidep(realloc(p, hide(size)));
        REQUIRE(p != NULL, "shrinking to %zu succeeds", size);
        CHECK(pattern_holds(p, size / 8 * 8, 9), "shrinking to %zu keeps the content", size);
    }
    free(p);
    for (n = 0; n < OTHERS; n++)
        free(others[n]);
}

static void same_size_and_usable_size(void)
{
    for (size_t size = 1; size < 3 * MIB; size += size / 3 + 1) {
        char *p = hidep(malloc(hide(size)));
        pattern_fill(p, size, size);
        p = hidep(realloc(p, hide(size)));
        CHECK(pattern_holds(p, size, size), "realloc to the same size %zu keeps the content", size);
        size_t usable = hide(malloc_usable_size(p));
        p = hidep(realloc(p, usable));
        CHECK(pattern_holds(p, size, size), "realloc of %zu to its usable size keeps the content", size);
        CHECK(malloc_usable_size(p) >= usable, "and the block then has that size");
        free(p);
    }
}

static void shrinking_gives_memory_back(void)
{
    enum { BLOCKS = 32 };
    char *blocks[BLOCKS];
    size_t before = resident_bytes();
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = hidep(malloc(hide(4 * MIB)));
        touch(blocks[i], 4 * MIB);
        blocks[i] = hidep(realloc(blocks[i], hide(100)));
    }
    CHECK(resident_bytes() < before + 40 * MIB,
          "blocks shrunk from 4 MiB to 100 bytes do not keep their 4 MiB");
    for (size_t i = 0; i < BLOCKS; i++)
        free(blocks[i]);
}

int main(void)
{
    matrix();
    up_and_down();
    same_size_and_usable_size();
    shrinking_gives_memory_back();
    return front_result();
}
