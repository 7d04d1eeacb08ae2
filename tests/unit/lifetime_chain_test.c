/* Long chains of ephemerons and weak table entries: in the best and in the worst order, without memory for
   the chase, with a mark queue that runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <valgrind/valgrind.h>

#include "gc/lifetime.h"
#include "gc/queue.h"
#include "tests/unit/child.h"

#ifdef GREY_SANITIZED
#define SANITIZED true /* needs memory of its own, and takes many times as long */
#else
#define SANITIZED false
#endif

static void on_a_thread(void *(*f)(void *), void *argument)
{
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, f, argument), 0);
    grey_blocking_enter(); /* where threads stop at safepoints only, this is one */
    pthread_join(t, NULL);
    grey_blocking_leave();
}

static void *collect(void *unused)
{
    grey_collect();
    return unused;
}

struct chain {
    size_t length;
    bool through_objects, one_table, backwards;
};

/* The first key; an array of the ephemerons, or the table; the orphans, ephemerons with dead keys that the
   chain's values refer to. */
static grey_handle *chain_first, *chain_links, *chain_orphans;

static void add_link(const struct chain *c, size_t i, void *key, void *value)
{
    if (c->one_table)
        assert_true(grey_weak_table_put(grey_handle_get(chain_links), key, value));
    else
        grey_write((void **)grey_handle_get(chain_links) + i, grey_ephemeron_create(key, value));
}

/* An object between a value and the next key; it refers to an orphan, too, which is known elsewhere by its
   complement only. */
static void *between(size_t i, void *next_key)
{
    void **value = grey_alloc(GREY_CONSERVATIVE, 32);
    grey_write(&value[1], grey_ephemeron_create(grey_alloc(GREY_NOSCAN, 16), next_key));
    grey_write(&value[2], next_key);
    ((uintptr_t *)grey_handle_get(chain_orphans))[i] = ~(uintptr_t)value[1];
    return value;
}

/* Key 0 is rooted, value i is or refers to key i + 1. */
static void *make_chain(void *chain)
{
    const struct chain *c = chain;
    size_t bytes = c->length * sizeof(void *);
    void **keys = grey_alloc(GREY_CONSERVATIVE, bytes);
    for (size_t i = 0; i < c->length; i++)
        grey_write(&keys[i], grey_alloc(GREY_CONSERVATIVE, 32));
    chain_first = grey_handle_create(keys[0]);
    chain_orphans = grey_handle_create(grey_alloc(GREY_NOSCAN, bytes));
    chain_links = grey_handle_create(NULL);
    if (c->one_table)
        grey_handle_set(chain_links, grey_weak_table_create(NULL));
    else
        grey_handle_set(chain_links, grey_alloc(GREY_CONSERVATIVE, bytes));
    for (size_t n = 0; n + 1 < c->length; n++) {
        size_t i = c->backwards ? c->length - 2 - n : n;
        add_link(c, i, keys[i], c->through_objects ? between(i, keys[i + 1]) : keys[i + 1]);
    }
    grey_keep(keys);
    return NULL;
}

static size_t whole, orphans_whole;

/* On a thread, too: it leaves addresses behind. */
static void *count_whole(void *chain)
{
    const struct chain *c = chain;
    void **links = grey_handle_get(chain_links);
    uintptr_t *orphans = grey_handle_get(chain_orphans);
    whole = orphans_whole = 0;
    if (c->one_table)
        whole = grey_weak_table_count((grey_weak_table *)links);
    for (size_t i = 0; i + 1 < c->length; i++) {
        void *value = c->one_table ? NULL : grey_ephemeron_value(links[i]);
        whole += value != NULL && grey_object_at(value, NULL);
        if (orphans[i] != 0 && grey_object_at((void *)~orphans[i], NULL))
            orphans_whole += grey_ephemeron_key((grey_ephemeron *)~orphans[i]) != NULL;
    }
    return NULL;
}

static size_t whole_links(struct chain *c)
{
    on_a_thread(count_whole, c);
    return whole;
}

static void release_first(void)
{
    grey_handle_release(chain_first);
    on_a_thread(collect, NULL);
}

static void drop_chain(void)
{
    grey_handle_release(chain_links);
    grey_handle_release(chain_orphans);
    on_a_thread(collect, NULL);
}

static void a_chain_is_no_longer_than_its_work(void **state)
{
    (void)state;
    const size_t length = SANITIZED || RUNNING_ON_VALGRIND ? 10000 : 100000;
    for (unsigned i = 0; i < 8; i++) {
        struct chain c = { length, (i & 1) != 0, (i & 2) != 0, (i & 4) != 0 };
        on_a_thread(make_chain, &c);
        on_a_thread(collect, NULL);
        if (whole_links(&c) != c.length - 1)
            fail_msg("chain %u: of %zu links, %zu are whole", i, c.length - 1, whole_links(&c));
        if (orphans_whole > c.length / 100)
            fail_msg("chain %u: %zu ephemerons kept dead keys", i, orphans_whole);
        release_first();
        if (whole_links(&c) > c.length / 100)
            fail_msg("chain %u: %zu links of a dead chain are whole", i, whole_links(&c));
        drop_chain();
    }
}

/* The address space may grow by no more than a stack needs, and so much. */
static void refuse_memory(size_t but)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    child_ensure(f != NULL && fscanf(f, "%lu", &pages) == 1);
    fclose(f);
    rlim_t most = pages * (rlim_t)sysconf(_SC_PAGESIZE) + KIB(128) + but;
    struct rlimit limit = { most, most };
    child_ensure(setrlimit(RLIMIT_AS, &limit) == 0);
}

static int settle_without_memory(void *but)
{
    struct chain c = { 4000, true, false, true };
    on_a_thread(make_chain, &c);
    grey_collect(); /* threads and packets are made */
    refuse_memory((uintptr_t)but);
    grey_collect();
    count_whole(&c);
    child_ensure(whole == c.length - 1);
    return 0;
}

/* Some tables of the chase can be had, and some not. */
static void without_memory_chains_are_slow_but_whole(void **state)
{
    (void)state;
    if (SANITIZED || RUNNING_ON_VALGRIND)
        skip();
    for (uintptr_t but = 0; but <= KIB(896); but += KIB(128)) {
        struct child_end end = child_run(settle_without_memory, (void *)but);
        if (!WIFEXITED(end.status) || WEXITSTATUS(end.status) != 0)
            fail_msg("%zu KiB more: status %x: %s", but >> 10, end.status, end.said);
    }
}

/* Objects are scanned again, ephemerons reported again. */
static void a_mark_queue_that_runs_out_changes_nothing(void **state)
{
    (void)state;
    struct chain c = { 20000, true, false, true };
    on_a_thread(make_chain, &c);
    queue_limit(2);
    on_a_thread(collect, NULL);
    on_a_thread(collect, NULL);
    queue_limit(0);
    assert_int_equal(whole_links(&c), c.length - 1);
    release_first();
    assert_true(whole_links(&c) < c.length / 100);
    drop_chain();
}

static int setup(void **state)
{
    (void)state;
    /* The library's own data lie in this program's, and would be loose roots. */
    return grey_set(GREY_SET_ROOTS, GREY_ROOTS_EXACT) ? 0 : 1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_is_no_longer_than_its_work),
        cmocka_unit_test(without_memory_chains_are_slow_but_whole),
        cmocka_unit_test(a_mark_queue_that_runs_out_changes_nothing),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
