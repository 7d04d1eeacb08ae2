/* calloc gives zeroes, whoever had the memory before and whatever was done with it. */
#include "front.h"
#include <pthread.h>

static const size_t sizes[] = {
    1,     7,     8,     16,    24,    48,     63,     100,     512,     1000,    4096,     8192,
    10000, 16384, 32768, 32769, 65536, 100000, 131072, 1000000, 1 << 20, 5 << 20, 16 << 20, 70 << 20,
};

enum { LIVE = 32 };

static char *blocks[LIVE];

static size_t live_count(size_t size)
{
    return size > 4 * MIB ? 2 : size > 256 * KIB ? 6 : LIVE;
}

static void make_dirty(size_t size)
{
    for (size_t i = 0; i < live_count(size); i++) {
        blocks[i] = hidep(malloc(hide(size)));
        memset(blocks[i], 0xff, malloc_usable_size(blocks[i]));
    }
}

static void *free_all(void *argument)
{
    size_t count = *(size_t *)argument;
    for (size_t i = 0; i < count; i++)
        free(blocks[i]);
    return NULL;
}

static void check_zero(size_t size, const char *when)
{
    for (size_t i = 0; i < live_count(size); i++) {
        blocks[i] = hidep(i % 2 == 0 ? calloc(hide(size), 1) : calloc(1, hide(size)));
        CHECK(all_zero(blocks[i], size), "calloc of %zu bytes is zero %s", size, when);
        memset(blocks[i], 0xff, malloc_usable_size(blocks[i]));
    }
    size_t count = live_count(size);
    free_all(&count);
}

int main(void)
{
    for (size_t k = 0; k < COUNT(sizes); k++) {
        size_t size = sizes[k], count = live_count(size);
        pthread_t other;

        check_zero(size, "when fresh");
        make_dirty(size);
        free_all(&count);
        check_zero(size, "after a dirty block was freed");
        check_zero(size, "after a dirty calloc block was freed");

        make_dirty(size);
        REQUIRE(pthread_create(&other, NULL, free_all, &count) == 0, "a thread starts");
        pthread_join(other, NULL);
        check_zero(size, "after another thread freed dirty blocks");

        /* Large memory cut into small pieces, and small pieces grown together. */
        make_dirty(3 * size);
        count = live_count(3 * size);
        free_all(&count);
        check_zero(size, "in the place of larger dirty blocks");
    }

    make_dirty(40000);
    malloc_trim(0);
    size_t count = live_count(40000);
    free_all(&count);
    malloc_trim(0);
    check_zero(40000, "after malloc_trim");
    return front_result();
}
