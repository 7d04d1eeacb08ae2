/* Objects that are still all zero: their trace callback is not called. */
#include "mutants.h"

enum { OBJECTS = 500 };

static int zeroed, called;

static void trace(void *object, struct grey_tracer *t)
{
    __atomic_store_n(&called, 1, __ATOMIC_RELAXED);
    if (*(uint64_t *)object == 0)
        __atomic_store_n(&zeroed, 1, __ATOMIC_RELAXED);
    else
        grey_trace(t, (uint64_t *)object + 1);
}

static uint64_t *volatile kept[OBJECTS];

int main(int argc, char **argv)
{
    mutants_begin(argc, argv);
    if (grey_get(GREY_SET_CHECK_TRACE) != 0)
        skip("callbacks are called at odd moments");
    grey_kind kind = grey_kind_create(&(struct grey_kind_info){ "traced", trace });
    for (size_t i = 0; i < OBJECTS; i++) {
        kept[i] = (uint64_t *)grey_alloc(kind, 16 + i * 10);
        REQUIRE(kept[i] != NULL, "there is memory");
        if (i % 2 == 0)
            *kept[i] = 1;
    }
    grey_collect();
    if (zeroed)
        seen("a callback was called for an object that is all zero");
    CHECK(called, "it was called for the others");
    return front_result();
}
