/* The centrals over real memory that can be refused: what is taken and in which order, what happens to
   spans that fill and empty, blocks given twice, spans that change their shard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alloc/heap.h"
#include "alloc/mcentral.h"
#include "alloc/scavenger.h"
#include "tests/fake/os_fake.h"
#include "tests/unit/walk.h"

#define BATCH MCENTRAL_BATCH

static size_t in_use_at_start;

static size_t pages_in_use(void)
{
    return mheap_stats_read(&heap_pages).in_use.n;
}

static int setup(void **state)
{
    (void)state;
    os_fake_reset();
    heap_init();
    in_use_at_start = pages_in_use();
    return 0;
}

/* Each test gives back all it took; then the empty spans go, too. */
static int teardown(void **state)
{
    (void)state;
    for (int op = 0; op < OS_OP_COUNT; op++)
        os_fake_refuse((enum os_fake_op)op, 0);
    mcentral_drop_kept();
    assert_sound(walk_heap(&heap_pages));
    assert_int_equal(pages_in_use(), in_use_at_start);
    return 0;
}

static void take_all(unsigned code, unsigned shard, struct span **cached, uintptr_t *out, size_t n)
{
    for (size_t got; n > 0; n -= got, out += got) {
        got = mcentral_take(code, shard, cached, out, n < BATCH ? n : BATCH);
        assert_in_range(got, 1, n);
    }
}

static void give_all(unsigned code, const uintptr_t *blocks, size_t n)
{
    uintptr_t batch[BATCH];
    for (size_t here; n > 0; n -= here, blocks += here) {
        here = n < BATCH ? n : BATCH;
        memcpy(batch, blocks, here * sizeof *batch);
        assert_int_equal(mcentral_give(code, batch, here), 0);
    }
}

static void uncache(struct span *s)
{
    if (s != NULL)
        mcentral_uncache(s);
}

/* ---- taking ---- */

static void blocks_come_with_the_lowest_on_top_of_the_stack(void **state)
{
    (void)state;
    for (unsigned code = CLASS_SMALL_FIRST; code <= CLASS_SMALL_LAST; code += 7) {
        struct span *cached = NULL;
        uintptr_t out[BATCH];
        size_t got = mcentral_take(code, 0, &cached, out, 10);
        assert_in_range(got, 1, 10);
        for (size_t i = 0; i < got; i++) {
            struct span *s = pagemap_find(out[i]);
            assert_int_equal(s->code, code);
            assert_int_equal((out[i] - s->base) % size_classes[code].size, 0);
            assert_true(i == 0 || out[i] < out[i - 1]);
            assert_int_equal(*cookie_at(out[i]), cookie_of(out[i])); /* S3 */
        }
        give_all(code, out, got);
        uncache(cached);
    }
}

static int compare_words(const void *a, const void *b)
{
    uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;
    return (x > y) - (x < y);
}

static void no_block_is_handed_out_twice(void **state)
{
    (void)state;
    enum { BLOCKS = 5000 };
    static uintptr_t blocks[BLOCKS], sorted[BLOCKS];
    struct span *cached = NULL;
    take_all(3, 0, &cached, blocks, BLOCKS);
    memcpy(sorted, blocks, sizeof blocks);
    qsort(sorted, BLOCKS, sizeof *sorted, compare_words);
    for (size_t i = 1; i < BLOCKS; i++)
        assert_true(sorted[i] - sorted[i - 1] >= size_classes[3].size);
    assert_sound(walk_heap(&heap_pages));
    give_all(3, blocks, BLOCKS);
    uncache(cached);
}

static void freed_blocks_go_out_again_before_fresh_ones_and_lowest_first(void **state)
{
    (void)state;
    struct span *cached = NULL;
    uintptr_t blocks[30], again[6];
    take_all(5, 0, &cached, blocks, 30);
    uintptr_t freed[] = { blocks[4], blocks[11], blocks[17], blocks[3] };
    qsort(freed, 4, sizeof *freed, compare_words);
    give_all(5, freed, 4);
    take_all(5, 0, &cached, again, 6);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(again[5 - i], freed[i]);
    assert_true(again[1] > blocks[0] && again[0] > blocks[0]);
    give_all(5, again, 6);
    for (size_t i = 0; i < 30; i++)
        if (bsearch(&blocks[i], freed, 4, sizeof *freed, compare_words) == NULL)
            give_all(5, &blocks[i], 1);
    uncache(cached);
}

static void a_span_that_was_full_is_used_again_when_a_block_comes_back(void **state)
{
    (void)state;
    const unsigned code = CLASS_SMALL_LAST;
    size_t slots = size_classes[code].slots;
    struct span *cached = NULL;
    uintptr_t blocks[SLOTS_MAX], again;
    take_all(code, 0, &cached, blocks, slots);
    assert_null(cached); /* full: nobody allocates from it */
    struct span *full = pagemap_find(blocks[0]);
    assert_int_equal(full->list, LIST_FULL);
    give_all(code, &blocks[1], 1);
    assert_int_equal(full->list, LIST_PARTIAL);
    take_all(code, 0, &cached, &again, 1);
    assert_int_equal(again, blocks[1]);
    assert_int_equal(full->list, LIST_FULL);
    give_all(code, blocks, slots);
    uncache(cached);
}

/* ---- spans that empty ---- */

static void empty_spans_go_back_but_for_a_few(void **state)
{
    (void)state;
    enum { BLOCKS = 8000 };
    static uintptr_t blocks[BLOCKS];
    const unsigned code = 40;
    struct span *cached = NULL;
    take_all(code, 0, &cached, blocks, BLOCKS);
    size_t most = pages_in_use();
    give_all(code, blocks, BLOCKS);
    uncache(cached);
    assert_true(pages_in_use() > in_use_at_start); /* one at least is kept */
    assert_true(pages_in_use() - in_use_at_start < (most - in_use_at_start) / 8);
    struct span *again = NULL;
    size_t created = mheap_stats_read(&heap_pages).spans_created;
    take_all(code, 0, &again, blocks, 1);
    assert_int_equal(mheap_stats_read(&heap_pages).spans_created, created);
    give_all(code, blocks, 1);
    uncache(again);
}

static void one_empty_span_is_kept_however_often_it_is_used(void **state)
{
    (void)state;
    uintptr_t block;
    size_t created = mheap_stats_read(&heap_pages).spans_created;
    for (int i = 0; i < 300; i++) {
        struct span *cached = NULL;
        take_all(22, 0, &cached, &block, 1);
        uncache(cached);
        give_all(22, &block, 1);
    }
    assert_int_equal(mheap_stats_read(&heap_pages).spans_created, created + 1);
}

/* Takes 64 pages one by one and looks at those that are called zeroed. */
static void check_zeroed_pages(void)
{
    struct run_request want = { .pages = { 1 }, .align = 1, .code = CLASS_LARGE };
    struct span *spans[64];
    for (size_t i = 0; i < COUNT(spans); i++) {
        spans[i] = mheap_alloc(&heap_pages, want, SPAN_MANUAL);
        for (size_t at = 0; spans[i]->zeroed && at < PAGE_BYTES; at += 8)
            assert_int_equal(*(const uint64_t *)(spans[i]->base + at), 0);
    }
    for (size_t i = 0; i < COUNT(spans); i++)
        mheap_free(&heap_pages, spans[i], (struct pages){ spans[i]->zeroed ? 1 : 0 });
}

/* Spans know which of their pages nobody touched; those may be called zero if they were so before. */
static void what_is_called_zeroed_after_spans_came_and_went_is_zero(void **state)
{
    (void)state;
    struct run_request want = { .pages = { 64 }, .align = 1, .code = CLASS_LARGE };
    for (int round = 0; round < 6; round++) {
        if (round % 2 == 0) {
            struct span *dirty = mheap_alloc(&heap_pages, want, SPAN_MANUAL);
            memset((void *)dirty->base, 0xff, 64 * PAGE_BYTES);
            mheap_free(&heap_pages, dirty, (struct pages){ 0 });
        }
        if (round >= 2)
            scavenger_give_all();
        struct span *cached = NULL;
        uintptr_t block;
        take_all(CLASS_SMALL_LAST, 0, &cached, &block, 1);
        memset((void *)block, 0xff, size_classes[CLASS_SMALL_LAST].size);
        uncache(cached);
        give_all(CLASS_SMALL_LAST, &block, 1);
        mcentral_drop_kept();
        check_zeroed_pages();
    }
}

static void dropping_the_empty_spans_leaves_those_in_use(void **state)
{
    (void)state;
    struct span *cached = NULL;
    uintptr_t block, more[20];
    take_all(20, 0, &cached, &block, 1);
    uncache(cached);
    cached = NULL;
    take_all(21, 0, &cached, more, 20);
    uncache(cached);
    give_all(21, more, 20);
    mcentral_drop_kept();
    assert_null(pagemap_find(more[0]));
    struct span *s = pagemap_find(block);
    assert_non_null(s);
    assert_int_equal(pages_in_use() - in_use_at_start, s->pages);
    give_all(20, &block, 1);
}

/* ---- purging ---- */

enum { HERD = 600 };

/* Blocks of a class, some runs of which were given back; live[] says which. */
struct herd {
    unsigned code;
    uintptr_t blocks[HERD];
    bool live[HERD];
};

static void make_herd(struct herd *h, unsigned code)
{
    struct span *cached = NULL;
    h->code = code;
    take_all(code, 0, &cached, h->blocks, HERD);
    uncache(cached);
    for (size_t i = 0; i < HERD; i++) {
        h->live[i] = i % 100 < 7;
        if (h->live[i])
            memset((void *)h->blocks[i], (int)i, size_classes[code].size);
        else
            give_all(code, &h->blocks[i], 1);
    }
}

static void check_herd(const struct herd *h)
{
    for (size_t i = 0; i < HERD; i++)
        for (size_t j = 0; h->live[i] && j < size_classes[h->code].size; j++)
            if (((unsigned char *)h->blocks[i])[j] != (unsigned char)i)
                fail_msg("a block in use lost its bytes");
    assert_sound(walk_heap(&heap_pages));
}

static void give_herd(struct herd *h)
{
    for (size_t i = 0; i < HERD; i++)
        if (h->live[i])
            give_all(h->code, &h->blocks[i], 1);
}

/* Spans are purged when nothing happened in them from one call to the next. */
static size_t purge(const struct herd *h)
{
    size_t bytes = 0;
    for (int call = 0; call < 2; call++)
        for (unsigned shard = 0; shard < MCENTRAL_SHARDS; shard++)
            bytes += mcentral_purge(h->code, shard);
    return bytes;
}

static void free_slots_lose_their_memory_and_blocks_in_use_do_not(void **state)
{
    (void)state;
    static const size_t pages[] = { KIB(4), KIB(16) };
    static struct herd h;
    for (size_t i = 0; i < COUNT(pages); i++) {
        os_fake_page_size(pages[i]);
        make_herd(&h, sizeclass_of(640));
        size_t discards = os_fake_calls(OS_DISCARD);
        assert_true(purge(&h) > 0);
        assert_true(os_fake_calls(OS_DISCARD) > discards);
        check_herd(&h);
        assert_int_equal(purge(&h), 0); /* it is done */
        give_herd(&h);
    }
}

static void a_purged_span_is_used_again(void **state)
{
    (void)state;
    static struct herd h;
    static uintptr_t all[2 * HERD];
    struct span *cached = NULL;
    make_herd(&h, sizeclass_of(640));
    assert_true(purge(&h) > 0);
    take_all(h.code, 0, &cached, all, COUNT(all)); /* with cookies, or the cache would complain: */
    for (size_t i = 0; i < COUNT(all); i++) {
        assert_int_equal(*cookie_at(all[i]), cookie_of(all[i]));
        memset((void *)all[i], 0xff, 640);
    }
    check_herd(&h);
    for (size_t i = 0; i < HERD; i++)
        assert_int_equal(arena_entry(pagemap_arena(all[i]), all[i]) & ENTRY_CODE, h.code << ENTRY_CODE_SHIFT);
    give_all(h.code, all, COUNT(all));
    give_herd(&h);
    uncache(cached);
}

static void a_block_given_twice_to_a_purged_span_is_named(void **state)
{
    (void)state;
    static struct herd h;
    make_herd(&h, sizeclass_of(640));
    assert_true(purge(&h) > 0);
    for (size_t i = 0; i < HERD; i += 11)
        if (!h.live[i]) {
            uintptr_t twice = h.blocks[i];
            assert_int_equal(mcentral_give(h.code, &twice, 1), h.blocks[i]);
        }
    check_herd(&h);
    give_herd(&h);
}

static void purging_is_harmless_when_the_system_refuses(void **state)
{
    (void)state;
    static struct herd h;
    make_herd(&h, sizeclass_of(640));
    os_fake_refuse_all(OS_DISCARD);
    assert_int_equal(purge(&h), 0);
    check_herd(&h);
    os_fake_refuse(OS_DISCARD, 0);
    give_herd(&h);
}

static void a_span_in_which_something_is_freed_is_not_purged(void **state)
{
    (void)state;
    static struct herd h;
    make_herd(&h, sizeclass_of(640));
    struct span *s = pagemap_find(h.blocks[0]);
    size_t left = (size_t)(s->slots - s->free_count);
    for (size_t i = 0; i < HERD && left > 1; i++) {
        if (!h.live[i] || pagemap_find(h.blocks[i]) != s)
            continue;
        mcentral_purge(h.code, 0);
        assert_false(s->purged);
        give_all(h.code, &h.blocks[i], 1);
        h.live[i] = false;
        left--;
    }
    assert_true(purge(&h) > 0 && s->purged);
    check_herd(&h);
    give_herd(&h);
}

static void the_helper_purges_what_is_quiet(void **state)
{
    (void)state;
    static struct herd h;
    size_t purged = 0;
    make_herd(&h, sizeclass_of(640));
    struct run_request want = { .pages = pages_for(MIB(20)), .align = 1, .code = CLASS_LARGE };
    mheap_free(&heap_pages, mheap_alloc(&heap_pages, want, SPAN_MANUAL), (struct pages){ 0 });
    scavenger_start_if_wanted(&h);
    assert_true(os_fake_helper_waits()); /* for the surplus; then it looks around */
    os_fake_helper_run();
    for (size_t i = 0; i < HERD; i++) {
        const struct span *s = pagemap_find(h.blocks[i]);
        assert_true(s != NULL || !h.live[i]); /* those without a block in use are gone altogether */
        purged += s != NULL && s->purged;
    }
    assert_true(purged > 0);
    check_herd(&h);
    give_herd(&h);
}

/* ---- blocks given twice ---- */

/* Batches in the order of addresses and such in disorder go different ways, and the size decides
   what is disorder. */
static const unsigned give_codes[] = { 7, 40 };

static void shuffle(uintptr_t *to, const uintptr_t *from, size_t n, size_t step)
{
    for (size_t i = 0; i < n; i++)
        to[i] = from[i * step % n];
}

static void a_block_given_twice_is_named_and_the_others_are_freed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(give_codes) * 2; i++) {
        unsigned code = give_codes[i / 2];
        struct span *cached = NULL;
        uintptr_t blocks[60], batch[61];
        take_all(code, 0, &cached, blocks, 60);
        shuffle(batch, blocks, 60, i % 2 == 0 ? 1 : 37);
        uintptr_t twice = batch[60] = batch[25];
        assert_int_equal(mcentral_give(code, batch, 61), twice);
        assert_sound(walk_heap(&heap_pages));
        for (size_t j = 0; j < 60; j++) { /* all are free now */
            struct span *s = pagemap_find(blocks[j]);
            assert_true(s == NULL || s->free_count == s->slots);
        }
        uncache(cached);
    }
}

static void a_block_given_in_two_batches_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(give_codes) * 2; i++) {
        unsigned code = give_codes[i / 2];
        struct span *cached = NULL;
        uintptr_t blocks[40], batch[40];
        take_all(code, 0, &cached, blocks, 40);
        give_all(code, &blocks[13], 1);
        shuffle(batch, blocks, 40, i % 2 == 0 ? 1 : 27);
        assert_int_equal(mcentral_give(code, batch, 40), blocks[13]);
        assert_sound(walk_heap(&heap_pages));
        uncache(cached);
    }
}

static void a_block_given_again_to_an_empty_span_does_not_upset_the_count(void **state)
{
    (void)state;
    struct span *cached = NULL;
    uintptr_t block, twice;
    take_all(11, 0, &cached, &block, 1);
    uncache(cached);
    give_all(11, &block, 1); /* empty, and kept */
    for (int i = 0; i < 3; i++) {
        twice = block;
        assert_int_equal(mcentral_give(11, &twice, 1), block);
    }
    mcentral_drop_kept();
    assert_int_equal(pages_in_use(), in_use_at_start);
    /* Its span is gone altogether. */
    twice = block;
    assert_int_equal(mcentral_give(11, &twice, 1), block);
    assert_sound(walk_heap(&heap_pages));
}

/* ---- shards ---- */

static void a_shard_without_spans_takes_one_of_another_rather_than_new_memory(void **state)
{
    (void)state;
    struct span *cached = NULL, *other = NULL;
    uintptr_t block, stolen;
    take_all(13, 0, &cached, &block, 1);
    struct span *s = cached;
    uncache(cached);
    size_t created = mheap_stats_read(&heap_pages).spans_created;
    take_all(13, 1, &other, &stolen, 1);
    assert_int_equal(mheap_stats_read(&heap_pages).spans_created, created);
    assert_ptr_equal(other, s);
    assert_int_equal(a32_load_relaxed(&s->shard), 1);
    uintptr_t both[] = { block, stolen };
    give_all(13, both, 2);
    uncache(other);
}

static void a_batch_may_hold_blocks_of_every_shard(void **state)
{
    (void)state;
    for (int shuffled = 0; shuffled < 2; shuffled++) {
        struct span *cached[2] = { NULL, NULL };
        uintptr_t blocks[2][50], batch[100];
        take_all(15, 0, &cached[0], blocks[0], 50);
        take_all(15, 1, &cached[1], blocks[1], 50);
        for (size_t i = 0; i < 100; i++)
            batch[i] = shuffled ? blocks[i % 2][i / 2] : blocks[i / 50][i % 50];
        assert_int_equal(mcentral_give(15, batch, 100), 0);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(cached[i]->free_count, cached[i]->slots);
            uncache(cached[i]);
        }
    }
}

/* ---- refusals ---- */

static void without_memory_nothing_is_taken_and_nothing_is_lost(void **state)
{
    (void)state;
    static const enum os_fake_op ops[] = { OS_COMMIT, OS_RESERVE, OS_MAP };
    enum { MOST = 4000 };
    static uintptr_t blocks[MOST];
    struct span *cached = NULL;
    size_t n = 0, got;
    for (size_t i = 0; i < COUNT(ops); i++)
        os_fake_refuse_all(ops[i]);
    while (n + BATCH <= MOST && (got = mcentral_take(CLASS_SMALL_LAST, 0, &cached, blocks + n, BATCH)) > 0)
        n += got;
    uintptr_t more[1];
    assert_int_equal(mcentral_take(CLASS_SMALL_LAST, 0, &cached, more, 1), 0);
    assert_int_equal(mcentral_take(CLASS_SMALL_LAST, 1, &cached, more, 1), 0);
    assert_null(cached);
    assert_sound(walk_heap(&heap_pages));
    for (size_t i = 0; i < COUNT(ops); i++)
        os_fake_refuse(ops[i], 0);
    take_all(CLASS_SMALL_LAST, 0, &cached, more, 1);
    give_all(CLASS_SMALL_LAST, more, 1);
    give_all(CLASS_SMALL_LAST, blocks, n);
    uncache(cached);
}

/* ---- all at random ---- */

static void random_takes_and_gives_agree_with_a_list(void **state)
{
    (void)state;
    enum { LIVE = 3000, ROUNDS = 400 };
    static uintptr_t live[LIVE];
    struct span *cached[2] = { NULL, NULL };
    size_t n = 0;
    const unsigned code = 30;
    unsigned seed = 7;
    for (int round = 0; round < ROUNDS; round++) {
        unsigned r = seed = seed * 1103515245u + 12345u, shard = r >> 20 & 1;
        size_t want = 1 + (r >> 8) % 100;
        if (r >> 30 < 2 && n + want <= LIVE) {
            size_t got = mcentral_take(code, shard, &cached[shard], live + n, want);
            assert_in_range(got, 1, want);
            n += got;
        } else if (n > want) {
            /* From anywhere: swap them to the end first. */
            for (size_t i = 0; i < want; i++) {
                size_t from = (r / 3 + i * 7919) % (n - i), to = n - 1 - i;
                uintptr_t kept = live[from];
                live[from] = live[to];
                live[to] = kept;
            }
            n -= want;
            give_all(code, live + n, want);
        }
        if (round % 97 == 0) {
            uncache(cached[0]);
            cached[0] = NULL;
        }
        if (round % 10 == 0)
            assert_sound(walk_heap(&heap_pages));
    }
    qsort(live, n, sizeof *live, compare_words);
    for (size_t i = 1; i < n; i++)
        assert_true(live[i] > live[i - 1]);
    give_all(code, live, n);
    uncache(cached[0]);
    uncache(cached[1]);
}

/* ---- fork ---- */

static void all_locks_can_be_taken_and_dropped_again(void **state)
{
    (void)state;
    struct span *cached = NULL;
    uintptr_t block;
    mcentral_each_lock(lock_take);
    mcentral_each_lock(lock_drop);
    take_all(2, 0, &cached, &block, 1); /* would wait for ever otherwise, which os_fake reports */
    give_all(2, &block, 1);
    uncache(cached);
}

#define mcentral_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        mcentral_test(blocks_come_with_the_lowest_on_top_of_the_stack),
        mcentral_test(no_block_is_handed_out_twice),
        mcentral_test(freed_blocks_go_out_again_before_fresh_ones_and_lowest_first),
        mcentral_test(a_span_that_was_full_is_used_again_when_a_block_comes_back),
        mcentral_test(empty_spans_go_back_but_for_a_few),
        mcentral_test(one_empty_span_is_kept_however_often_it_is_used),
        mcentral_test(what_is_called_zeroed_after_spans_came_and_went_is_zero),
        mcentral_test(dropping_the_empty_spans_leaves_those_in_use),
        mcentral_test(free_slots_lose_their_memory_and_blocks_in_use_do_not),
        mcentral_test(a_purged_span_is_used_again),
        mcentral_test(a_block_given_twice_to_a_purged_span_is_named),
        mcentral_test(purging_is_harmless_when_the_system_refuses),
        mcentral_test(a_span_in_which_something_is_freed_is_not_purged),
        mcentral_test(the_helper_purges_what_is_quiet),
        mcentral_test(a_block_given_twice_is_named_and_the_others_are_freed),
        mcentral_test(a_block_given_in_two_batches_is_named),
        mcentral_test(a_block_given_again_to_an_empty_span_does_not_upset_the_count),
        mcentral_test(a_shard_without_spans_takes_one_of_another_rather_than_new_memory),
        mcentral_test(a_batch_may_hold_blocks_of_every_shard),
        mcentral_test(without_memory_nothing_is_taken_and_nothing_is_lost),
        mcentral_test(random_takes_and_gives_agree_with_a_list),
        mcentral_test(all_locks_can_be_taken_and_dropped_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
