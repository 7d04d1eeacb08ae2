/* mheap_fixture: a page heap over invented addresses for each test, and short words for its calls. */
#ifndef FAKE_MHEAP_FIXTURE_H
#define FAKE_MHEAP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "alloc/mheap.h"
#include "alloc/os.h"
#include "tests/fake/os_fake.h"
#include "tests/unit/walk.h"

struct fixture {
    struct mheap heap;
    uintptr_t hint;
    size_t reserved_before; /* of earlier tests' heaps */
};

static inline void fixture_start(struct fixture *f)
{
    memset(&f->heap, 0, sizeof f->heap);
    f->hint = os_fake_fresh_hint();
    f->reserved_before = os_fake_reserved();
    mheap_init(&f->heap, f->hint);
    f->heap.surplus_bytes = SIZE_MAX;
}

static inline int fixture_setup(void **state)
{
    static struct fixture f;
    os_fake_reset();
    os_fake_memory(OS_INVENTED, OS_FOLLOW);
    fixture_start(&f);
    *state = &f;
    return 0;
}

/* Whatever a test did, the heap is whole and no address space is lost. */
static inline int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    assert_sound(walk_mheap(&f->heap));
    mheap_check(&f->heap);
    assert_int_equal(os_fake_reserved() - f->reserved_before, f->heap.stats.reserved_bytes);
    return 0;
}

#define fixture_test(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

/* All spans here are of one large block: the page heap does not care. */
static inline struct run_request request(size_t pages)
{
    return (struct run_request){ .pages = { pages }, .align = 1, .code = CLASS_LARGE };
}

static inline struct span *take_aligned(struct mheap *h, size_t pages, size_t align)
{
    struct run_request want = request(pages);
    want.align = align;
    return mheap_alloc(h, want, SPAN_MANUAL);
}

static inline struct span *take(struct mheap *h, size_t pages)
{
    return take_aligned(h, pages, 1);
}

static inline void give(struct mheap *h, struct span *s)
{
    mheap_free(h, s, (struct pages){ 0 });
}

static inline bool extend(struct mheap *h, struct span *s, size_t pages)
{
    return mheap_extend(h, s, (struct pages){ pages }, CLASS_LARGE);
}

static inline void shrink(struct mheap *h, struct span *s, size_t pages)
{
    mheap_shrink(h, s, (struct pages){ pages }, CLASS_LARGE);
}

static inline uintptr_t end_of(const struct span *s)
{
    return s->base + s->pages * PAGE_BYTES;
}

/* The bytes that the next calls of commit may not go beyond in one go. */
static inline size_t pages_of_mib(size_t mib)
{
    return MIB(mib) >> PAGE_SHIFT;
}

#endif
