/* A span's slots against a model of them, on memory of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alloc/span.h"

enum slot { SLOT_FRESH, SLOT_USED, SLOT_FREED };

struct fixture {
    struct span span;
    char *memory;
    uint8_t slots[SLOTS_MAX]; /* enum slot */
};

static int setup(void **state)
{
    static struct fixture f;
    sizeclass_init();
    f.memory = aligned_alloc(PAGE_BYTES, MIB(1));
    *state = &f;
    return f.memory == NULL;
}

static int teardown(void **state)
{
    free(((struct fixture *)*state)->memory);
    return 0;
}

static struct span *start(struct fixture *f, unsigned code)
{
    struct span *s = &f->span;
    memset(s, 0xa5, sizeof *s); /* a record is used again and again */
    memset(f->memory, 0x5a, size_classes[code].pages * PAGE_BYTES);
    memset(f->slots, SLOT_FRESH, sizeof f->slots);
    s->base = (uintptr_t)f->memory;
    s->pages = size_classes[code].pages;
    span_init(s, code);
    return s;
}

static size_t slot_of(const struct span *s, uintptr_t block)
{
    size_t offset = block - s->base, size = size_classes[s->code].size;
    assert_int_equal(offset % size, 0);
    assert_in_range(offset / size, 0, s->slots - 1u);
    return offset / size;
}

static void check_against_model(struct fixture *f)
{
    struct span *s = &f->span;
    size_t free_slots = 0;
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        bool used = i < s->slots && f->slots[i] == SLOT_USED;
        free_slots += i < s->slots && !used;
        assert_int_equal(s->alloc_bits[i / 64] >> (i % 64) & 1, used);
        assert_true(i >= s->slots || (f->slots[i] == SLOT_FRESH) == (i >= s->free_index));
    }
    assert_int_equal(s->free_count, free_slots);
    assert_true(span_check(s));
}

/* Takes and checks: the lowest freed slots first, then fresh ones, lowest last in the array. */
static size_t take(struct fixture *f, size_t max)
{
    struct span *s = &f->span;
    uintptr_t out[SLOTS_MAX];
    size_t got = span_take_slots(s, out, max), freed = 0, fresh = 0;
    for (size_t i = 0; i < s->slots; i++) {
        freed += f->slots[i] == SLOT_FREED;
        fresh += f->slots[i] == SLOT_FRESH;
    }
    assert_int_equal(got, freed + fresh < max ? freed + fresh : max);
    for (size_t i = 0, at = 0; i < got; i++) {
        uintptr_t block = out[max - 1 - i];
        size_t slot = slot_of(s, block);
        if (i == freed)
            at = 0; /* then the fresh ones */
        enum slot kind = i < freed ? SLOT_FREED : SLOT_FRESH;
        while (f->slots[at] != kind)
            at++;
        assert_int_equal(slot, at);
        assert_int_equal(*cookie_at(block), cookie_of(block)); /* S3 */
        f->slots[slot] = SLOT_USED;
    }
    check_against_model(f);
    return got;
}

static void give(struct fixture *f, size_t slot)
{
    struct span *s = &f->span;
    uintptr_t block = s->base + slot * size_classes[s->code].size;
    *cookie_at(block) = cookie_of(block); /* the cache that had it wrote it */
    bool was_used = f->slots[slot] == SLOT_USED;
    assert_int_equal(span_free_slot(s, block), was_used);
    if (was_used)
        f->slots[slot] = SLOT_FREED;
    check_against_model(f);
}

static void a_new_span_is_all_fresh(void **state)
{
    struct fixture *f = *state;
    for (unsigned code = CLASS_SMALL_FIRST; code <= CLASS_SMALL_LAST; code++) {
        struct span *s = start(f, code);
        assert_int_equal(s->slots, size_classes[code].slots);
        assert_int_equal(s->free_index, 0);
        assert_int_equal(s->code, code);
        assert_int_equal(s->kind, KIND_MANUAL);
        assert_int_equal(s->list, LIST_NONE);
        check_against_model(f);
    }
}

static void the_one_block_of_a_run_is_in_use_at_once(void **state)
{
    struct fixture *f = *state;
    struct span *s = start(f, CLASS_RUN_LAST);
    assert_int_equal(s->slots, 1);
    assert_int_equal(s->free_count, 0);
    s->pages = 7777;
    span_init(s, CLASS_LARGE);
    assert_int_equal(s->code, CLASS_LARGE);
    assert_int_equal(s->free_count, 0);
    assert_int_equal(s->pages, 7777);
}

static void all_slots_of_every_class_can_be_taken_and_freed(void **state)
{
    struct fixture *f = *state;
    for (unsigned code = CLASS_SMALL_FIRST; code <= CLASS_SMALL_LAST; code++) {
        struct span *s = start(f, code);
        size_t taken = 0;
        while (s->free_count > 0)
            taken += take(f, 1 + taken % 100);
        assert_int_equal(taken, s->slots);
        assert_int_equal(take(f, 5), 0);
        for (size_t slot = 0; slot < s->slots; slot++)
            give(f, (slot * 7 + 3) % s->slots);
        for (size_t slot = 0; slot < s->slots; slot++)
            if (f->slots[slot] == SLOT_USED)
                give(f, slot);
        assert_int_equal(s->free_count, s->slots);
        assert_int_equal(take(f, SLOTS_MAX), s->slots);
    }
}

static void random_takes_and_frees_agree_with_the_model(void **state)
{
    struct fixture *f = *state;
    static const unsigned codes[] = { 1, 2, 7, 24, 48, CLASS_SMALL_LAST };
    unsigned seed = 12345;
    for (size_t i = 0; i < COUNT(codes); i++) {
        struct span *s = start(f, codes[i]);
        for (int step = 0; step < 1000; step++) {
            seed = seed * 1664525u + 1013904223u;
            if (seed >> 30 == 0)
                take(f, 1 + (seed >> 8) % 40);
            else
                give(f, (seed >> 8) % s->slots);
        }
    }
}

static void a_slot_freed_twice_is_told_and_changes_nothing(void **state)
{
    struct fixture *f = *state;
    start(f, 4);
    take(f, 10);
    give(f, 3);
    struct span before = f->span;
    give(f, 3);
    assert_memory_equal(&before, &f->span, sizeof before);
    give(f, 11); /* never handed out */
    assert_memory_equal(&before, &f->span, sizeof before);
}

static void slots_of_one_word_are_freed_together(void **state)
{
    struct fixture *f = *state;
    struct span *s = start(f, 1);
    take(f, 200);
    assert_int_equal(span_free_slots(s, 1, 0xf0f0), 0xf0f0);
    for (size_t i = 0; i < 16; i++)
        if (0xf0f0 >> i & 1)
            f->slots[64 + i] = SLOT_FREED;
    check_against_model(f);
    assert_int_equal(span_free_slots(s, 1, 0xffff), 0x0f0f); /* those that were free are not counted again */
    for (size_t i = 0; i < 16; i++)
        f->slots[64 + i] = SLOT_FREED;
    check_against_model(f);
    assert_int_equal(take(f, 20), 20);
}

/* The slot behind the last one that was handed out, or what is left at the end, cannot be taken for a
   block: it carries a cookie, as if it were free. */
static void what_lies_behind_the_last_slot_looks_free(void **state)
{
    struct fixture *f = *state;
    for (unsigned code = CLASS_SMALL_FIRST; code <= CLASS_SMALL_LAST; code++) {
        struct span *s = start(f, code);
        size_t size = size_classes[code].size;
        while (s->free_count > 0) {
            take(f, s->slots / 3 + 1);
            uintptr_t next = s->base + s->free_index * size;
            if (next < s->base + s->pages * PAGE_BYTES)
                assert_int_equal(*cookie_at(next), cookie_of(next));
        }
    }
}

static void a_cookie_belongs_to_its_address(void **state)
{
    (void)state;
    for (uintptr_t block = MIN_ALIGN; block < (uintptr_t)1 << 47; block = block * 3 / 16 * 16 + 16) {
        assert_true(cookie_of(block) != cookie_of(block + 16));
        assert_true(cookie_of(block) != block);
        assert_true(cookie_of(block) != 0);
    }
}

static void spans_are_pushed_and_unlinked(void **state)
{
    (void)state;
    static struct span s[4];
    struct span *head = NULL;
    memset(s, 0, sizeof s);
    for (size_t i = 0; i < 4; i++)
        span_push(&head, &s[i]);
    span_unlink(&head, &s[1]);
    assert_ptr_equal(head, &s[3]);
    assert_ptr_equal(s[2].next, &s[0]);
    assert_ptr_equal(s[0].prev, &s[2]);
    span_unlink(&head, &s[3]);
    span_unlink(&head, &s[0]);
    assert_ptr_equal(head, &s[2]);
    assert_true(s[2].next == NULL && s[2].prev == NULL);
    span_unlink(&head, &s[2]);
    assert_null(head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_span_is_all_fresh),
        cmocka_unit_test(the_one_block_of_a_run_is_in_use_at_once),
        cmocka_unit_test(all_slots_of_every_class_can_be_taken_and_freed),
        cmocka_unit_test(random_takes_and_frees_agree_with_the_model),
        cmocka_unit_test(a_slot_freed_twice_is_told_and_changes_nothing),
        cmocka_unit_test(slots_of_one_word_are_freed_together),
        cmocka_unit_test(what_lies_behind_the_last_slot_looks_free),
        cmocka_unit_test(a_cookie_belongs_to_its_address),
        cmocka_unit_test(spans_are_pushed_and_unlinked),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
