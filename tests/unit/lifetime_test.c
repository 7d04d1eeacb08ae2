/* What hangs on reachability: finalizers, cleanups, weak references, ephemerons, weak tables, as a table of
   cases; records that come and go; mistakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <pthread.h>

#include "gc/collector.h"
#include "gc/lifetime.h"
#include "tests/unit/child.h"

/* ---- a small language of shapes ----

   Words of a shape, in which a capital letter is an object, a small one an ephemeron or weak table:

     *A     a handle holds A               *e      a handle holds the ephemeron or table e
     A>B    A refers to B                  A>e     A refers to e
     e=A:B  e is an ephemeron, A its key   t+A:B   t is a weak table, A a key of it
     A!     A has a finalizer              A!!     one that makes a handle for A
     A~     A has a cleanup                A?      a weak reference refers to A
     A-     the program frees A early

   Words of an outcome:

     A      A is there                     -A      it is gone
     e      e has its key and value        -e      it is gone, or they are
     A?     the weak reference has it      -A?     it reads NULL
     A!     its finalizer has run          -A!     it has not (once at most, ever)
     A~     its cleanup has run            -A~     it has not
     ~e     e has its key and value, unless a stale word named it when only finalizers led to its key */

enum { LETTERS = 26, COPIES = 24, SLOTS = 4 };

struct object_node {
    void *slot[SLOTS];
};

struct copy {
    uintptr_t hidden[LETTERS], hidden_small[LETTERS]; /* complements of addresses */
    grey_weak *weak[LETTERS];
    grey_handle *handle[2 * LETTERS];
    grey_handle *resurrected[LETTERS];
    uint64_t cleanup_id[LETTERS];
    bool resurrects[LETTERS], is_table[LETTERS];
    int finalized[LETTERS], cleaned[LETTERS];
    uintptr_t key_of[LETTERS]; /* of small letters: hidden */
};

static struct copy copies[COPIES];

struct shape_case {
    const char *sentence, *shape;
    const char *first;  /* after one collection, nothing run */
    const char *second; /* after what was due was run, and another collection; NULL: as the first */
    const char *third;  /* once more; NULL: as the second */
};

static const struct shape_case cases[] = {
    { "what a handle reaches lives", "*A A>B B>C D>C", "A B C -D", NULL, NULL },
    { "cycles die", "A>B B>A *C", "-A -B C", NULL, NULL },

    { "a weak reference does not keep", "A?", "-A -A?", NULL, NULL },
    { "a weak reference to what lives has it", "*A A>B A? B?", "A? B? A B", NULL, NULL },
    { "a weak reference is cleared before the finalizer runs", "A! A?", "A -A? -A!", "-A A!", NULL },
    { "weak references are cleared in what a finalizer keeps", "A! A>B B?", "A B -B? -A!", "-A -B A!", NULL },

    { "a finalizer keeps its object once", "A!", "A -A!", "-A A!", NULL },
    { "it keeps what the object reaches", "A! A>B B>C", "A B C", "-A -B -C A!", NULL },
    { "finalizers of a chain run at once", "A! B! A>B", "A B -A! -B!", "A! B! -A -B", NULL },
    { "finalizers of a cycle run", "A! B! A>B B>A", "A B", "A! B! -A -B", NULL },
    { "no finalizer of what lives runs", "*A A! A>B B!", "A B -A! -B!", NULL, NULL },
    { "a resurrected object lives on without one", "A!! A>B B?", "A B -B? -A!", "A B A!", "A B A!" },

    { "a cleanup does not keep", "A~", "-A -A~", "A~", NULL },
    { "no cleanup of what lives runs", "*A A~", "A -A~", NULL, NULL },
    { "a cleanup waits for the finalizer", "A! A~", "A -A! -A~", "-A A! -A~", "A~" },
    { "a cleanup of what a finalizer keeps waits", "A! A>B B~", "B -B~", "-B -B~ A!", "B~" },
    { "a cleanup waits for the resurrected", "A!! A~", "A -A~", "A -A~ A!", "A -A~" },

    { "an ephemeron does not keep its key", "*e e=A:B", "-A -B -e", NULL, NULL },
    { "it keeps the value while the key lives", "*e *A e=A:B B>C", "A B C e", NULL, NULL },
    { "it keeps nothing when it is not reached", "*A e=A:B", "A -B -e", NULL, NULL },
    { "a value does not keep its own key", "*e e=A:B B>A", "-A -B -e", NULL, NULL },
    { "a value that is its key does not keep it", "*e e=A:A", "-A -e", NULL, NULL },
    { "two that need each other's key die", "*e *f e=A:B f=B:A", "-A -B -e -f", NULL, NULL },
    { "a chain in this order lives", "*A *e *f *g e=A:B f=B:C g=C:D", "A B C D e f g", NULL, NULL },
    { "a chain in that order lives", "*A *g *f *e g=C:D f=B:C e=A:B", "A B C D e f g", NULL, NULL },
    { "a chain through objects lives", "*A *e *f e=A:B B>C C>D f=D:E", "A B C D E e f", NULL, NULL },
    { "a chain ends at a dead key", "*A *e *f *g e=A:B f=X:C g=C:D", "A B -X -C -D e -f -g", NULL, NULL },
    { "an ephemeron may be a value", "*A *e e=A:B B>f f=A:C", "A B C e f", NULL, NULL },
    { "an ephemeron behind a dead key dies", "*A *e e=X:B B>f f=A:C", "A -X -B -C -e -f", NULL, NULL },
    { "two with one key", "*A *e *f e=A:B f=A:C", "A B C e f", NULL, NULL },
    { "a dead key's finalizer does not bring the value back", "*e e=A:B A!", "A -B -e -A!", "-A A!", NULL },
    { "a finalizer's object keeps values", "A! A>e A>K e=K:V", "A K ~V ~e", "-A -K -V -e", NULL },
    { "and of those, dead keys are cleared", "A! A>e e=K:V", "A -K -V -e", "-A", NULL },
    { "a key that two finalizers reach", "A! B! A>e B>K e=K:V", "A B K ~V ~e", "-K -V -e", NULL },
    { "a weak reference to a value", "*e *A e=A:B B?", "B B? e", NULL, NULL },

    { "a weak table does not keep its keys", "*t t+A:B t+C:D", "-A -B -C -D -t", NULL, NULL },
    { "it keeps values of living keys", "*t *A t+A:B t+C:D", "A B -C -D", NULL, NULL },
    { "its values may reach its keys", "*t *A t+A:B t+C:D t+E:F B>C D>E", "A B C D E F t", NULL, NULL },
    { "but not their own", "*t t+A:B B>A", "-A -B -t", NULL, NULL },
    { "a chain through two tables", "*t *u *A t+A:B u+B:C t+C:D u+D:E", "A B C D E t u", NULL, NULL },
    { "a chain through a table and an ephemeron", "*t *e *A e=A:B t+B:C", "A B C e t", NULL, NULL },
    { "a table that is not reached keeps nothing", "*A t+A:B", "A -B -t", NULL, NULL },
    { "a dead key's finalizer does not keep its entry", "*t t+A:B A!", "A -B -t", "-A A!", NULL },
    { "a finalizer's object keeps a table", "A! A>t A>K t+K:V t+L:W", "A K ~V -L -W", "-A -K -V -t", NULL },

    { "early freeing: no finalizer", "A! A-", "-A -A!", NULL, NULL },
    { "early freeing: the cleanup runs", "A~ A-", "-A", "A~", NULL },
    { "early freeing: weak references are cleared", "A? A-", "-A -A?", NULL, NULL },
};

/* ---- making a shape ---- */

static bool is_small(char c)
{
    return c >= 'a' && c <= 'z';
}

static void *object_of(struct copy *c, char letter)
{
    uintptr_t *hidden = is_small(letter) ? &c->hidden_small[letter - 'a'] : &c->hidden[letter - 'A'];
    if (*hidden == 0)
        *hidden = ~(uintptr_t)grey_alloc(GREY_CONSERVATIVE, sizeof(struct object_node));
    return (void *)~*hidden;
}

/* What a finalizer or cleanup gets. A stale word may keep an object until a later case has begun. */
struct run {
    struct copy *copy;
    const char *shape;
    int letter;
};
static struct run (*runs)[LETTERS]; /* of this case; those of former ones stay until the end */
static const char *shape_now;

static void finalize(void *object, void *data)
{
    struct run *r = data;
    if (r->shape != shape_now)
        return;
    r->copy->finalized[r->letter]++;
    if (r->copy->resurrects[r->letter])
        r->copy->resurrected[r->letter] = grey_handle_create(object);
}

static void clean_up(void *data)
{
    struct run *r = data;
    if (r->shape != shape_now)
        return;
    r->copy->cleaned[r->letter]++;
}

static void make_pair(struct copy *c, const char *word)
{
    void *key = object_of(c, word[2]), *value = object_of(c, word[4]);
    uintptr_t *hidden = &c->hidden_small[word[0] - 'a'];
    c->key_of[word[0] - 'a'] = ~(uintptr_t)key;
    if (word[1] == '=') {
        *hidden = ~(uintptr_t)grey_ephemeron_create(key, value);
        return;
    }
    c->is_table[word[0] - 'a'] = true;
    if (*hidden == 0)
        *hidden = ~(uintptr_t)grey_weak_table_create(NULL);
    assert_true(grey_weak_table_put((grey_weak_table *)~*hidden, key, value));
}

static void make_edge(struct copy *c, const char *word)
{
    struct object_node *from = object_of(c, word[0]);
    for (int i = 0; i < SLOTS; i++)
        if (from->slot[i] == NULL) {
            grey_write(&from->slot[i], object_of(c, word[2]));
            return;
        }
    fail();
}

static void make_mark(struct copy *c, const char *word)
{
    int letter = word[0] - 'A';
    void *object = object_of(c, word[0]);
    struct run *r = &runs[c - copies][letter];
    *r = (struct run){ c, shape_now, letter };
    switch (word[1]) {
    case '!':
        c->resurrects[letter] = word[2] == '!';
        assert_true(grey_finalizer_set(object, finalize, r));
        break;
    case '~':
        c->cleanup_id[letter] = grey_cleanup_add(object, clean_up, r);
        assert_true(c->cleanup_id[letter] != 0);
        break;
    case '?':
        c->weak[letter] = grey_weak_create(object);
        assert_non_null(c->weak[letter]);
        break;
    default:
        fail();
    }
}

static void each_word(const char *words, void (*f)(struct copy *c, const char *word), struct copy *c)
{
    for (; words != NULL && *words != '\0'; words += strcspn(words, " "), words += strspn(words, " "))
        f(c, words);
}

/* Pairs first, for a capital letter's edge to one needs it; then all but what ends objects. */
static void first_pass(struct copy *c, const char *word)
{
    if (word[1] == '=' || word[1] == '+')
        make_pair(c, word);
}

static void second_pass(struct copy *c, const char *word)
{
    if (word[0] == '*')
        c->handle[is_small(word[1]) ? word[1] - 'a' : LETTERS + word[1] - 'A']
            = grey_handle_create(object_of(c, word[1]));
    else if (word[1] == '>')
        make_edge(c, word);
    else if (word[1] != '=' && word[1] != '+' && word[1] != '-')
        make_mark(c, word);
}

static void third_pass(struct copy *c, const char *word)
{
    if (word[1] == '-')
        grey_free(object_of(c, word[0]));
}

/* On a thread of its own: when it has ended, no stack names the objects. No collection meanwhile. */
static void *make_copies(void *shape)
{
    grey_disable();
    for (struct copy *c = copies; c < copies + COPIES; c++) {
        memset(c, 0, sizeof *c);
        each_word(shape, first_pass, c);
        each_word(shape, second_pass, c);
    }
    for (struct copy *c = copies; c < copies + COPIES; c++)
        each_word(shape, third_pass, c); /* no slot is reused */
    grey_enable();
    return NULL;
}

static void on_a_thread(void *(*f)(void *), void *argument)
{
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, f, argument), 0);
    grey_blocking_enter(); /* where threads stop at safepoints only, this is one */
    pthread_join(t, NULL);
    grey_blocking_leave();
}

static void release(struct copy *c)
{
    for (int i = 0; i < LETTERS; i++) {
        grey_weak_release(c->weak[i]);
        if (c->resurrected[i] != NULL)
            grey_handle_release(c->resurrected[i]);
        (void)grey_cleanup_cancel(c->cleanup_id[i]);
    }
    for (int i = 0; i < 2 * LETTERS; i++)
        if (c->handle[i] != NULL)
            grey_handle_release(c->handle[i]);
}

/* ---- looking at what became of it ---- */

static bool is_there(uintptr_t hidden)
{
    return grey_object_at((void *)~hidden, NULL);
}

static bool is_whole(const struct copy *c, int small)
{
    if (!is_there(c->hidden_small[small]))
        return false;
    void *p = (void *)~c->hidden_small[small], *key = (void *)~c->key_of[small];
    if (c->is_table[small])
        return grey_weak_table_find(p, key) == key && grey_weak_table_get(p, key) != NULL;
    return grey_ephemeron_key(p) == key && grey_ephemeron_value(p) != NULL;
}

static bool holds(const struct copy *c, const char *word)
{
    bool no = *word == '-';
    word += no || *word == '~';
    if (is_small(*word))
        return is_whole(c, *word - 'a') != no;
    int letter = *word - 'A';
    switch (word[1]) {
    case '!':
        return c->finalized[letter] == (no ? 0 : 1);
    case '~':
        return c->cleaned[letter] == (no ? 0 : 1);
    case '?':
        return (grey_weak_get(c->weak[letter]) == (void *)~c->hidden[letter]) != no
               && (!no || grey_weak_get(c->weak[letter]) == NULL);
    default:
        return is_there(c->hidden[letter]) != no;
    }
}

/* What must not be lost is looked for in every copy. Of what must go, a stale word somewhere may keep a few;
   and what runs when it goes, likewise. */
static bool must_hold_everywhere(const char *word)
{
    if (*word == '~')
        return false;
    return *word == '-' ? word[1 + 1] == '!' || word[1 + 1] == '~' : word[1] != '!' && word[1] != '~';
}

static void expect(const struct shape_case *sc, const char *when, const char *outcome)
{
    for (const char *w = outcome; *w != '\0'; w += strcspn(w, " "), w += strspn(w, " ")) {
        int count = 0;
        for (struct copy *c = copies; c < copies + COPIES; c++)
            count += holds(c, w);
        if (count < (must_hold_everywhere(w) ? COPIES : COPIES * 3 / 4))
            fail_msg("%s: after the %s collection, \"%.*s\" holds in %d of %d copies of \"%s\"", sc->sentence,
                     when, (int)strcspn(w, " "), w, count, COPIES, sc->shape);
    }
}

static void never_twice(const struct shape_case *sc)
{
    for (struct copy *c = copies; c < copies + COPIES; c++)
        for (int i = 0; i < LETTERS; i++)
            if (c->finalized[i] > 1 || c->cleaned[i] > 1)
                fail_msg("%s: %c: finalized %d times, cleaned up %d times", sc->sentence, 'A' + i,
                         c->finalized[i], c->cleaned[i]);
}

static void *collect(void *unused)
{
    grey_collect();
    return unused;
}

static void *run_due(void *unused)
{
    grey_finalizers_run();
    return unused;
}

static struct run all_runs[COUNT(cases)][COPIES][LETTERS];

static void what_is_reachable_decides(void **state)
{
    (void)state;
    for (const struct shape_case *sc = cases; sc < cases + COUNT(cases); sc++) {
        const char *second = sc->second != NULL ? sc->second : sc->first;
        shape_now = sc->shape;
        runs = all_runs[sc - cases];
        on_a_thread(make_copies, (void *)sc->shape);
        on_a_thread(collect, NULL);
        expect(sc, "first", sc->first);
        on_a_thread(collect, NULL); /* nothing was run: what waits for that is still kept */
        expect(sc, "next", sc->first);
        on_a_thread(run_due, NULL);
        on_a_thread(collect, NULL);
        expect(sc, "second", second);
        on_a_thread(run_due, NULL);
        on_a_thread(collect, NULL);
        expect(sc, "third", sc->third != NULL ? sc->third : second);
        never_twice(sc);
        for (struct copy *c = copies; c < copies + COPIES; c++)
            release(c);
        on_a_thread(collect, NULL);
        on_a_thread(run_due, NULL);
    }
}

/* ---- records ---- */

static void never(void *object, void *data)
{
    (void)object;
    (void)data;
    fail();
}

static void never_clean(void *data)
{
    (void)data;
    fail();
}

static void many_records_come_and_go(void **state)
{
    (void)state;
    enum { MANY = 30000 };
    static grey_weak *weak[MANY];
    static uint64_t id[MANY];
    void **objects = grey_alloc(GREY_CONSERVATIVE, MANY * sizeof *objects);
    for (size_t i = 0; i < MANY; i++) {
        grey_write(&objects[i], grey_alloc(GREY_NOSCAN, 32));
        weak[i] = grey_weak_create(objects[i]);
        id[i] = grey_cleanup_add(objects[i], never_clean, NULL);
        assert_true(grey_finalizer_set(objects[i], never, NULL));
        assert_true(id[i] > (i == 0 ? 0 : id[i - 1]));
    }
    grey_collect();
    for (size_t i = 0; i < MANY; i++) {
        size_t k = (i * 7919) % MANY;
        assert_ptr_equal(grey_weak_get(weak[k]), objects[k]);
        assert_true(grey_cleanup_cancel(id[k]));
        assert_false(grey_cleanup_cancel(id[k]));
        assert_true(grey_finalizer_set(objects[k], NULL, NULL));
        grey_weak_release(weak[k]);
    }
    grey_keep(objects);
    objects = NULL;
    grey_collect();
    grey_finalizers_run(); /* none of these */
}

static int count_replaced;

static void count_one(void *object, void *data)
{
    (void)object;
    count_replaced += data == &count_replaced;
}

static void *make_replaced(void *unused)
{
    for (int i = 0; i < 100; i++) {
        void *p = grey_alloc(GREY_NOSCAN, 48);
        assert_true(grey_finalizer_set(p, never, NULL));
        assert_true(grey_finalizer_set(p, count_one, &count_replaced));
    }
    return unused;
}

static void the_last_finalizer_that_was_set_is_the_one(void **state)
{
    (void)state;
    on_a_thread(make_replaced, NULL);
    on_a_thread(collect, NULL);
    on_a_thread(run_due, NULL);
    assert_in_range(count_replaced, 75, 100);
}

static _Atomic(void *) tiny_seen[200];
static int tiny_count;

static void note_tiny(void *object, void *data)
{
    tiny_count++;
    tiny_seen[(uintptr_t)data] = object;
}

static void *make_tiny(void *hidden)
{
    for (uintptr_t i = 0; i < COUNT(tiny_seen); i++) {
        char *p = grey_alloc(GREY_NOSCAN, 4);
        ((uintptr_t *)hidden)[i] = ~(uintptr_t)p;
        assert_true(grey_finalizer_set(p, note_tiny, (void *)i));
    }
    return NULL;
}

/* Two of them in a slot. */
static void tiny_objects_have_finalizers_each(void **state)
{
    static uintptr_t hidden[COUNT(tiny_seen)];
    (void)state;
    on_a_thread(make_tiny, hidden);
    on_a_thread(collect, NULL);
    on_a_thread(run_due, NULL);
    assert_in_range(tiny_count, COUNT(tiny_seen) * 3 / 4, COUNT(tiny_seen));
    for (size_t i = 0; i < COUNT(tiny_seen); i++)
        if (tiny_seen[i] != NULL)
            assert_ptr_equal(tiny_seen[i], (void *)~hidden[i]);
}

/* A cleanup that is due may still be cancelled. */
static struct due {
    uint64_t id;
    int ran;
} dues[100];

static void note_due(void *due)
{
    ((struct due *)due)->ran++;
}

static void *make_due(void *unused)
{
    for (size_t i = 0; i < COUNT(dues); i++)
        dues[i].id = grey_cleanup_add(grey_alloc(GREY_NOSCAN, 48), note_due, &dues[i]);
    return unused;
}

static void a_cleanup_can_be_cancelled_until_it_runs(void **state)
{
    (void)state;
    on_a_thread(make_due, NULL);
    on_a_thread(collect, NULL);
    size_t due = lifetime_sums().finalizers_waiting;
    assert_in_range(due, 75, 100);
    for (size_t i = 0; i < COUNT(dues); i += 2)
        assert_true(grey_cleanup_cancel(dues[i].id));
    assert_in_range(lifetime_sums().finalizers_waiting, due - 50, 50);
    assert_in_range(grey_finalizers_run(), 25, 50);
    for (size_t i = 0; i < COUNT(dues); i++) {
        assert_in_range(dues[i].ran, 0, (i + 1) % 2 == 0);
        if (dues[i].ran)
            assert_false(grey_cleanup_cancel(dues[i].id));
    }
}

/* ---- mistakes ---- */

static int release_twice(void *unused)
{
    grey_weak *w = grey_weak_create(grey_alloc(GREY_NOSCAN, 32));
    grey_weak_release(w);
    for (int i = 0; i < 20; i++)
        (void)grey_weak_create(grey_alloc(GREY_NOSCAN, 32)); /* none of them is the same yet */
    grey_weak_release(w);
    (void)unused;
    return 0;
}

static int get_released(void *unused)
{
    grey_weak *w = grey_weak_create(grey_alloc(GREY_NOSCAN, 32));
    grey_weak_release(w);
    (void)grey_weak_get(w);
    (void)unused;
    return 0;
}

static int finalize_foreign(void *unused)
{
    (void)grey_finalizer_set(&unused, never, NULL);
    return 0;
}

static int finalize_inside(void *unused)
{
    (void)grey_finalizer_set((char *)grey_alloc(GREY_NOSCAN, 64) + 8, never, NULL);
    (void)unused;
    return 0;
}

static int not_a_table(void *unused)
{
    (void)grey_weak_table_get(grey_alloc(GREY_CONSERVATIVE, 64), &unused);
    return 0;
}

static int not_an_ephemeron(void *unused)
{
    (void)grey_ephemeron_value((grey_ephemeron *)grey_weak_table_create(NULL));
    (void)unused;
    return 0;
}

static int destroyed_pool(void *unused)
{
    grey_pool *p = grey_pool_create(NULL, NULL);
    grey_pool_destroy(p);
    (void)grey_pool_get(p);
    (void)unused;
    return 0;
}

static void mistakes_end_in_a_sentence(void **state)
{
    static const struct {
        int (*act)(void *);
        const char *call, *sentence;
    } mistakes[] = {
        { release_twice, "greyspan: grey_weak_release(0x", "): released already\n" },
        { get_released, "greyspan: grey_weak_get(0x", "): released already\n" },
        { finalize_foreign, "greyspan: grey_finalizer_set(0x", "): not a managed object\n" },
        { finalize_inside, "greyspan: grey_finalizer_set(0x", "): not the start of an object\n" },
        { not_a_table, "greyspan: grey_weak_table_get(0x", "): not a weak table\n" },
        { not_an_ephemeron, "greyspan: grey_ephemeron_value(0x", "): not an ephemeron\n" },
        { destroyed_pool, "greyspan: grey_pool_get(0x", "): the pool was destroyed\n" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        struct child_end end = child_run(mistakes[i].act, NULL);
        if (!child_aborted(&end) || strstr(end.said, mistakes[i].call) != end.said
            || strstr(end.said, mistakes[i].sentence) == NULL)
            fail_msg("%s...%s: status %x, said: %s", mistakes[i].call, mistakes[i].sentence, end.status,
                     end.said);
    }
}

static void nothing_is_refused_quietly(void **state)
{
    (void)state;
    assert_null(grey_weak_create(NULL));
    assert_null(grey_weak_get(NULL));
    grey_weak_release(NULL);
    assert_false(grey_finalizer_set(NULL, never, NULL));
    assert_true(grey_cleanup_add(NULL, never_clean, NULL) == 0);
    assert_false(grey_cleanup_cancel(0));
    uint64_t id = grey_cleanup_add(grey_alloc(GREY_NOSCAN, 32), never_clean, NULL);
    for (unsigned bit = 32; bit < 64; bit++)
        assert_false(grey_cleanup_cancel((UINT64_C(1) << bit) + id));
    assert_true(grey_cleanup_cancel(id));
    assert_null(grey_ephemeron_create(NULL, NULL));
    assert_null(grey_ephemeron_key(NULL));
    assert_null(grey_weak_table_get(NULL, NULL));
    assert_null(grey_pool_get(NULL));
    grey_pool_put(NULL, NULL);
    struct grey_weak_table_info half = { NULL, (bool (*)(const void *, const void *))(uintptr_t)never };
    assert_null(grey_weak_table_create(&half));
}

static int setup(void **state)
{
    (void)state;
    /* The library's own data lie in this program's, and would be loose roots. */
    bool set = grey_set(GREY_SET_ROOTS, GREY_ROOTS_EXACT)
               && grey_set(GREY_SET_FINALIZERS, GREY_FINALIZERS_PUMP);
    return set ? 0 : 1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_end_in_a_sentence), /* first: no record was ever given back */
        cmocka_unit_test(what_is_reachable_decides),
        cmocka_unit_test(many_records_come_and_go),
        cmocka_unit_test(the_last_finalizer_that_was_set_is_the_one),
        cmocka_unit_test(tiny_objects_have_finalizers_each),
        cmocka_unit_test(a_cleanup_can_be_cancelled_until_it_runs),
        cmocka_unit_test(nothing_is_refused_quietly),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
