/* grey_realloc_array: typed arrays that grow and shrink, small, large and in between, keep what they hold and
   what it refers to. */
#include "api.h"

struct pair {
    uintptr_t number;
    uintptr_t *box;
};

static const grey_type *type;
static struct pair *array; /* a root */

static void fill(size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        array[i].number = i * 3;
        uintptr_t *box = (uintptr_t *)grey_alloc(GREY_NOSCAN, 24);
        *box = ~i;
        grey_write(&array[i].box, box);
    }
}

static void check(size_t from, size_t to, const char *when)
{
    for (size_t i = from; i < to; i++)
        CHECK(array[i].number == i * 3 && *array[i].box == ~i, "%s: element %zu", when, i);
}

static void resize(size_t from, size_t to)
{
    struct pair *moved = (struct pair *)grey_realloc_array(type, array, to);
    CHECK(moved != NULL, "%zu to %zu", from, to);
    if (moved == NULL)
        return;
    array = moved;
    for (size_t i = from; i < to; i++)
        CHECK(array[i].number == 0 && array[i].box == NULL, "%zu to %zu: element %zu is zero", from, to, i);
    if (from < to)
        fill(from, to);
    grey_collect();
    for (int i = 0; i < 3000; i++)
        *(uintptr_t *)grey_alloc(GREY_NOSCAN, 24) = 7;
    check(0, from < to ? from : to, "old");
    check(0, to, "all");
}

int main(void)
{
    uint64_t map = 2;
    struct grey_type_info info = { "pair", sizeof(struct pair), &map };
    type = grey_type_create(&info);
    size_t counts[] = { 1, 2, 3, 5, 20, 31, 32, 33, 60, 500, 499, 9000, 20000, 12, 13, 1, 700 };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        resize(i == 0 ? 0 : counts[i - 1], counts[i]);
    errno = 0;
    CHECK(grey_realloc_array(NULL, array, 1) == NULL && errno == EINVAL, "no type");
    CHECK(grey_realloc_array(type, array, SIZE_MAX / 8) == NULL && errno == ENOMEM, "too many");
    void *other = grey_alloc(GREY_CONSERVATIVE, 64);
    errno = 0;
    CHECK(grey_realloc_array(type, other, 9) == NULL && errno == EINVAL, "not typed");
    check(0, 700, "at the end");
    return failures != 0;
}
