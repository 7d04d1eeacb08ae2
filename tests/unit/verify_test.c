/* The second mark: what it reaches, and that it sees a mark that is missing. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/mman.h>
#include <sys/resource.h>
#include <valgrind/valgrind.h>

#include "gc/collector.h"
#include "gc/verify.h"
#include "tests/unit/capture.h"
#include "tests/unit/child.h"

enum { LENGTH = 1000 };

static void *first; /* of a list: writable data */

/* ---- piles ---- */

static void count_up(void *record, void *next)
{
    assert_int_equal(*(size_t *)record, (*(size_t *)next)++);
}

static void a_pile_is_taken_from_both_ends(void **state)
{
    enum { RECORDS = 200000 };
    struct pile p = { .size = sizeof(size_t) };
    size_t n, from = 0, to = RECORDS, next = 0;
    (void)state;
    assert_false(pile_take_first(&p, &n));
    assert_false(pile_take_last(&p, &n));
    for (size_t i = 0; i < RECORDS; i++)
        *(size_t *)pile_add(&p) = i;
    pile_each(&p, count_up, &next);
    assert_int_equal(next, RECORDS);
    while (to - from > 100000) {
        assert_true(pile_take_last(&p, &n));
        assert_int_equal(n, --to);
        assert_true(pile_take_first(&p, &n));
        assert_int_equal(n, from++);
    }
    next = from;
    pile_each(&p, count_up, &next);
    assert_int_equal(next, to);
    while (from < to) {
        assert_true(pile_take_first(&p, &n));
        assert_int_equal(n, from++);
    }
    assert_false(pile_take_first(&p, &n));
    pile_release(&p);
}

static void a_cursor_follows_a_pile_that_grows(void **state)
{
    struct pile p = { .size = 40 };
    struct pile_cursor at = { 0 };
    (void)state;
    assert_null(pile_next(&p, &at));
    for (size_t i = 0; i < 30000; i++) {
        *(size_t *)pile_add(&p) = i;
        if (i % 3 == 2)
            for (size_t k = i - 2; k <= i; k++) {
                const size_t *record = pile_next(&p, &at);
                assert_non_null(record);
                assert_int_equal(*record, k);
            }
        if (i % 3 == 2)
            assert_null(pile_next(&p, &at));
    }
    pile_release(&p);
}

/* ---- walks ---- */

static int setup(void **state)
{
    void **last = NULL;
    (void)state;
    for (int i = 0; i < LENGTH; i++) {
        void **node = grey_alloc(GREY_CONSERVATIVE, 32);
        if (node == NULL)
            return 1;
        if (i == 0)
            first = node;
        else
            grey_write(&last[1], node);
        last = node;
    }
    return 0;
}

/* The n-th node of the list. */
static void **node(size_t n)
{
    void **p = first;
    while (n-- > 0)
        p = p[1];
    return p;
}

static void with_world_stopped(void (*f)(void *), void *context)
{
    struct mutator *m = mutator_enter("test");
    assert_non_null(m);
    mutator_leave(m);
    assert_true(collector_with_world_stopped(m, f, context));
}

struct counted {
    struct walk walk; /* first */
    size_t nodes;
    bool has_last;
};

static void count_reached(struct walk *w, const struct walk_edge *e, const struct object *to)
{
    (void)e;
    if (to->size == 32 && to->span->kind == GREY_CONSERVATIVE)
        ((struct counted *)w)->nodes++;
}

static void walk(void *counted)
{
    struct counted *c = counted;
    struct object last;
    if (walk_open(&c->walk) && walk_all_stopped(&c->walk) && object_find((uintptr_t)node(LENGTH - 1), &last))
        c->has_last = walk_has_reached(&c->walk, &last);
    walk_close(&c->walk);
}

/* In one stop: what lies on the stack by chance is the same for both. */
static void walk_twice(void *two)
{
    walk(&((struct counted *)two)[0]);
    walk(&((struct counted *)two)[1]);
}

static void a_walk_reaches_all_once(void **state)
{
    static struct counted two[] = { { .walk = { .reached = count_reached } },
                                    { .walk = { .reached = count_reached, .breadth_first = true } } };
    (void)state;
    with_world_stopped(walk_twice, two);
    assert_in_range(two[0].nodes, LENGTH, LENGTH + 20);
    assert_int_equal(two[1].nodes, two[0].nodes);
    assert_true(two[0].has_last && two[1].has_last);
}

/* Pointers past their objects' ends, which is all that names them, and the complements of the objects. */
static GREY_NOINLINE void make_ends(char *volatile ends[], uintptr_t hidden[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *object = grey_alloc(GREY_NOSCAN, 48);
        ends[i] = object + 48;
        hidden[i] = ~(uintptr_t)object;
    }
}

static void walk_to_ends(void *hidden)
{
    struct walk w = { 0 };
    struct object o;
    size_t reached = 0;
    if (walk_open(&w) && walk_all_stopped(&w))
        for (size_t i = 0; i < 100; i++)
            reached += object_find(~((uintptr_t *)hidden)[i], &o) && walk_has_reached(&w, &o);
    walk_close(&w);
    ((uintptr_t *)hidden)[0] = reached;
}

static void words_past_the_end_reach_the_object_on_stacks_alone(void **state)
{
    static char *volatile elsewhere[100];
    char *volatile here[100];
    uintptr_t hidden[100];
    (void)state;
    make_ends(here, hidden, 100);
    with_world_stopped(walk_to_ends, hidden);
    assert_int_equal(hidden[0], 100);
    make_ends(elsewhere, hidden, 100);
    for (size_t i = 1; i < 100; i += 2)
        elsewhere[i] = NULL; /* else each is named by its neighbour's end */
    memset((void *)here, 0, sizeof here);
    with_world_stopped(walk_to_ends, hidden);
    assert_in_range(hidden[0], 0, 60);
}

/* ---- marks ---- */

static void set_mark(const struct object *o, void *unused)
{
    (void)unused;
    aw_or_relaxed(mark_word_of(o->span->base, o->slot), (uintptr_t)1 << (o->slot % 64));
}

static void clear_mark(const struct object *o, void *unused)
{
    (void)unused;
    aw_and_relaxed(mark_word_of(o->span->base, o->slot), ~((uintptr_t)1 << (o->slot % 64)));
}

struct marks {
    size_t missing[2]; /* places in the list */
    size_t count;
    bool sound;
};

static void verify_marks(void *marks)
{
    struct marks *m = marks;
    struct object o;
    object_each_stopped(set_mark, NULL);
    for (size_t i = 0; i < m->count; i++)
        if (object_find((uintptr_t)node(m->missing[i]), &o))
            clear_mark(&o, NULL);
    m->sound = verify_marks_stopped();
    object_each_stopped(clear_mark, NULL);
}

static void marks_of_all_are_sound(void **state)
{
    struct marks m = { .count = 0 };
    (void)state;
    with_world_stopped(verify_marks, &m);
    assert_true(m.sound);
    assert_true(verify_counts.reached >= LENGTH);
    assert_int_equal(verify_counts.missed, 0);
}

static void a_missing_mark_is_named(void **state)
{
    static struct capture c;
    struct marks m = { .missing = { 500, 700 }, .count = 2 };
    char wanted[512];
    (void)state;
    capture_begin(&c);
    with_world_stopped(verify_marks, &m);
    const char *text = capture_end(&c);
    assert_false(m.sound);
    assert_int_equal(verify_counts.missed, 2);
    snprintf(wanted, sizeof wanted,
             "greyspan: verify: object %p (kind \"conservative\", 32 bytes) can be reached but is not marked:"
             " offset 8 of object %p (kind \"conservative\", 32 bytes) refers to it\n",
             (void *)node(500), (void *)node(499));
    assert_non_null(strstr(text, wanted));
    assert_non_null(strstr(text, " can be reached 2 are not marked; 0 references dangle\n"));
}

static void a_missing_root_mark_names_the_variable(void **state)
{
    static struct capture c;
    struct marks m = { .count = 1 };
    (void)state;
    capture_begin(&c);
    with_world_stopped(verify_marks, &m);
    const char *text = capture_end(&c);
    assert_false(m.sound);
    assert_non_null(strstr(text, " can be reached but is not marked: the word at 0x"));
}

static uintptr_t hidden_object;

/* An object that nothing names; those after it on the stack are others. */
static GREY_NOINLINE void make_hidden(void)
{
    hidden_object = ~(uintptr_t)grey_alloc(GREY_NOSCAN, 300);
    for (int i = 0; i < 10; i++)
        grey_keep(grey_alloc(GREY_NOSCAN, 700));
}

static void *volatile changing; /* as if by a thread that is not attached, while others are stopped */

struct change {
    void *before, *after;
    bool sound;
};

static void verify_change(void *change)
{
    struct change *c = change;
    struct object o;
    object_each_stopped(set_mark, NULL);
    if (object_find(~hidden_object, &o))
        clear_mark(&o, NULL);
    changing = c->before == NULL ? NULL : (void *)~hidden_object;
    verify_begin_stopped();
    changing = c->after == NULL ? NULL : (void *)~hidden_object;
    c->sound = verify_marks_stopped();
    changing = NULL;
    object_each_stopped(clear_mark, NULL);
}

static void a_root_that_appears_during_the_mark_is_no_miss(void **state)
{
    static struct capture c;
    struct change appears = { NULL, &appears, false }, stays = { &stays, &stays, true };
    (void)state;
    make_hidden();
    capture_begin(&c);
    with_world_stopped(verify_change, &appears);
    assert_string_equal(capture_end(&c), "");
    assert_true(appears.sound);
    capture_begin(&c);
    with_world_stopped(verify_change, &stays);
    assert_non_null(strstr(capture_end(&c), "can be reached but is not marked"));
    assert_false(stays.sound);
}

enum { KEYS = 50 };
static void *volatile ephemerons[KEYS];
static uintptr_t hidden_keys[KEYS];

static GREY_NOINLINE void make_ephemerons(void)
{
    for (size_t i = 0; i < KEYS; i++) {
        void *key = grey_alloc(GREY_NOSCAN, 100);
        ephemerons[i] = grey_ephemeron_create(key, NULL);
        hidden_keys[i] = ~(uintptr_t)key;
    }
}

static void verify_dead_keys(void *sound)
{
    struct object key;
    object_each_stopped(set_mark, NULL);
    for (size_t i = 0; i < KEYS; i++)
        if (object_find(~hidden_keys[i], &key))
            clear_mark(&key, NULL);
    *(bool *)sound = verify_marks_stopped();
    object_each_stopped(clear_mark, NULL);
}

static void dead_keys_that_stay_are_named(void **state)
{
    static struct capture c;
    bool sound = true;
    (void)state;
    make_ephemerons();
    capture_begin(&c);
    with_world_stopped(verify_dead_keys, &sound);
    const char *text = capture_end(&c);
    for (size_t i = 0; i < KEYS; i++)
        ephemerons[i] = NULL;
    assert_false(sound);
    assert_in_range(verify_counts.dangling, KEYS * 9 / 10, KEYS);
    assert_non_null(strstr(text, ", which is dead\n"));
}

static void what_floats_is_counted(void **state)
{
    struct marks m = { .count = 0 };
    (void)state;
    grey_disable();
    for (int i = 0; i < 1000; i++)
        grey_keep(grey_alloc(GREY_CONSERVATIVE, 64));
    with_world_stopped(verify_marks, &m);
    grey_enable();
    assert_true(m.sound);
    assert_true(verify_counts.floating >= 990);
}

/* ---- no memory ---- */

/* Does a dump that was written piece by piece end as it should? */
static bool is_whole_dump(int fd)
{
    char end[64] = "";
    size_t roots, objects, edges;
    off_t bytes = lseek(fd, 0, SEEK_END);
    if (pread(fd, end, sizeof end - 1, bytes - (off_t)sizeof end + 1) <= 0)
        return false;
    const char *last = strstr(end, "\nend ");
    return last != NULL && sscanf(last, "\nend %zu roots %zu objects %zu edges\n", &roots, &objects, &edges) == 3
           && objects > 0;
}

static int verify_without_memory(void *unused)
{
    struct rlimit none = { 1 << 20, 1 << 20 };
    int fd = memfd_create("dump", 0);
    (void)unused;
    child_ensure(grey_verify());
    setrlimit(RLIMIT_AS, &none);
    child_ensure(grey_verify());
    child_ensure(!grey_why_live(node(3), STDERR_FILENO));
    child_ensure(grey_dump(fd) && is_whole_dump(fd));
    return 0;
}

static void refused_memory_is_no_error(void **state)
{
    (void)state;
    if (RUNNING_ON_VALGRIND)
        skip(); /* it needs memory itself */
    struct child_end end = child_run(verify_without_memory, NULL);
    assert_int_equal(end.status, 0);
    assert_string_equal(end.said, "greyspan: verify: no memory\ngreyspan: grey_why_live: no memory\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pile_is_taken_from_both_ends),
        cmocka_unit_test(a_cursor_follows_a_pile_that_grows),
        cmocka_unit_test(a_walk_reaches_all_once),
        cmocka_unit_test(words_past_the_end_reach_the_object_on_stacks_alone),
        cmocka_unit_test(marks_of_all_are_sound),
        cmocka_unit_test(a_missing_mark_is_named),
        cmocka_unit_test(a_missing_root_mark_names_the_variable),
        cmocka_unit_test(a_root_that_appears_during_the_mark_is_no_miss),
        cmocka_unit_test(dead_keys_that_stay_are_named),
        cmocka_unit_test(what_floats_is_counted),
        cmocka_unit_test(refused_memory_is_no_error),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
