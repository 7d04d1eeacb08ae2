/* malloc before the allocator's own constructor: in .preinit_array, in a constructor of the
   highest priority, and in that of a library which the loader initialises first. */
#include "subprocess.h"

enum { BLOCKS = 200 };

static void *preinit_blocks[BLOCKS], *constructor_blocks[BLOCKS];

static void allocate(void **blocks, uint64_t seed)
{
    for (size_t i = 0; i < BLOCKS; i++) {
        size_t size = i * i * i / 20 + 1;
        blocks[i] = i % 3 == 0 ? calloc(1, hide(size)) : malloc(hide(size));
        REQUIRE(blocks[i] != NULL, "malloc works before main");
        pattern_fill(hidep(blocks[i]), size, seed + i);
    }
    for (size_t i = 0; i < BLOCKS; i += 4) {
        free(blocks[i]);
        blocks[i] = NULL;
    }
}

static void check_and_free(void **blocks, uint64_t seed)
{
    for (size_t i = 0; i < BLOCKS; i++) {
        size_t size = i * i * i / 20 + 1;
        if (blocks[i] == NULL)
            continue;
        CHECK(malloc_usable_size(blocks[i]) >= size, "an early block has its size");
        CHECK(pattern_holds(blocks[i], size, seed + i), "an early block of %zu bytes is intact", size);
        free(blocks[i]);
    }
}

static void preinit(void)
{
    allocate(preinit_blocks, 100);
    memalign(1024, hide(10));
}

__attribute__((section(".preinit_array"), used)) static void (*preinit_entry)(void) = preinit;

__attribute__((constructor(101))) static void first_constructor(void)
{
    allocate(constructor_blocks, 200);
}

static int with_the_plugin(void)
{
    void *(*early_block)(int) = (void *(*)(int))symbol("early_block");
    REQUIRE(early_block != NULL, "the module is preloaded");
    for (int i = 0; i < 500; i++) {
        char *p = early_block(i);
        CHECK(pattern_holds(p, (size_t)(i * i), (uint64_t)i),
              "a block from before our constructor is intact");
        free(p);
    }
    return front_result();
}

int main(int argc, char **argv)
{
    check_and_free(preinit_blocks, 100);
    check_and_free(constructor_blocks, 200);
    if (argc > 1 && strcmp(argv[1], "plugin") == 0)
        return with_the_plugin();

    static struct run r;
    run_self(&r, "plugin", preload_with("early_plugin.so"), NULL);
    CHECK(run_ended_well(&r), "with an earlier library the program ends well: status %#x\n%s", r.status,
          r.err);
    return front_result();
}
