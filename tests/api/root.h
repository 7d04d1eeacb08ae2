/* What the tests of roots share. Chains of objects hang on words that a test hides in one kind of
   root. Whoever has seen their addresses is a thread that has ended since, so that no other word names
   them: they must live as long as the root does, their contents untouched, and most of them must die
   when it is gone. */
#ifndef TESTS_API_ROOT_H
#define TESTS_API_ROOT_H

#include "api.h"

#include <pthread.h>
#include <sys/mman.h>

enum { ROOT_CHAIN = 10, ROOT_GARBAGE = 20000 };

struct root_node {
    struct root_node *next;
    uintptr_t canary; /* of its word and place */
    unsigned char text[16];
};

/* A kind of root: words that a test stores into it and loads again. Any but name and words may be NULL. */
struct root_kind {
    const char *name;
    size_t words;
    void (*begin)(void); /* on the main thread */
    void (*store)(size_t i, void *p);
    void *(*load)(size_t i);
    void (*drop)(void);  /* on the main thread: the words are no roots any more */
    bool lost;           /* they never were */
};

static size_t root_died; /* cleanups that ran */

__attribute__((unused)) static void root_on_thread(void *(*f)(void *), const void *argument)
{
    pthread_t t;
    if (grey_pthread_create(&t, NULL, f, (void *)(uintptr_t)argument) != 0)
        abort();
    grey_pthread_join(t, NULL);
}

static void root_died_once(void *unused)
{
    (void)unused;
    root_died++;
}

static uintptr_t root_canary(size_t word, size_t place)
{
    return (word * ROOT_CHAIN + place + 1) * (uintptr_t)0x9e3779b97f4a7c15u;
}

static void *root_fill(void *argument)
{
    const struct root_kind *k = argument;
    for (size_t i = 0; i < k->words; i++) {
        struct root_node *head = NULL;
        for (size_t place = 0; place < ROOT_CHAIN; place++) {
            struct root_node *n = grey_alloc(GREY_CONSERVATIVE, sizeof *n);
            if (n == NULL || grey_cleanup_add(n, root_died_once, NULL) == 0)
                abort();
            grey_init(&n->next, head);
            n->canary = root_canary(i, place);
            memset(n->text, (int)place, sizeof n->text);
            head = n;
        }
        k->store(i, head);
    }
    return NULL;
}

static void *root_check(void *argument)
{
    const struct root_kind *k = argument;
    size_t bad = 0;
    for (size_t i = 0; i < k->words; i++) {
        const struct root_node *n = k->load(i);
        for (size_t place = ROOT_CHAIN; place-- > 0; n = n->next) {
            struct grey_object o;
            if (!grey_object_at(n, &o) || o.base != n || n->canary != root_canary(i, place)
                || n->text[15] != place) {
                bad++;
                break;
            }
        }
    }
    CHECK(bad == 0, "%s: %zu of %zu chains are damaged", k->name, bad, k->words);
    return NULL;
}

/* Objects like the chains', which take the places of those that were freed. */
static void *root_litter(void *unused)
{
    for (size_t i = 0; i < ROOT_GARBAGE; i++) {
        struct root_node *n = grey_alloc(GREY_CONSERVATIVE, sizeof *n);
        if (n == NULL)
            abort();
        memset(n->text, 0xee, sizeof n->text);
        n->canary = i;
    }
    return unused;
}

__attribute__((unused)) static void root_collect(void)
{
    for (int i = 0; i < 2; i++) {
        grey_collect();
        root_on_thread(root_litter, NULL);
    }
    grey_finalizers_run();
}

/* A word or two may stay on some stack. */
static void root_check_died(const struct root_kind *k)
{
    size_t all = k->words * ROOT_CHAIN, allowed = k->words < 10 ? 0 : all / 10;
    for (int i = 0; i < 3 && root_died + allowed < all; i++)
        root_collect();
    CHECK(root_died + allowed >= all, "%s: only %zu of %zu objects died", k->name, root_died, all);
}

__attribute__((unused)) static void root_test(const struct root_kind *k)
{
    root_died = 0;
    grey_set(GREY_SET_FINALIZERS, GREY_FINALIZERS_PUMP);
    if (k->begin != NULL)
        k->begin();
    root_on_thread(root_fill, k);
    root_collect();
    if (!k->lost) {
        CHECK(root_died == 0, "%s: %zu objects of a root died", k->name, root_died);
        root_on_thread(root_check, k);
        root_collect();
        root_on_thread(root_check, k);
        if (k->drop != NULL)
            k->drop();
    }
    root_check_died(k);
}

/* Memory that no collector knows. */
__attribute__((unused)) static void *root_hidden_memory(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        abort();
    return p;
}

#endif
