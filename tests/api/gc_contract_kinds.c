/* As many custom kinds as there may be, each with its own callback: objects of each keep what their kind's
   callback names, and nothing else; one kind more is refused. */
#include "gc_contract.h"

enum { WORDS = 8 }; /* of an object: its tag, then references, one of which its kind names */

#define NAMED(n)         (1 + (n) % (WORDS - 1))
#define CALLBACK(n)                                                                                          \
    static void trace_##n(void *object, struct grey_tracer *t)                                               \
    {                                                                                                        \
        grey_trace(t, (void **)object + NAMED(n));                                                           \
    }
#define EIGHT(f, n)      f(n##0) f(n##1) f(n##2) f(n##3) f(n##4) f(n##5) f(n##6) f(n##7)
#define ALL(f)                                                                                               \
    EIGHT(f, 0) EIGHT(f, 01) EIGHT(f, 02) EIGHT(f, 03) /* in octal: 00 to 077 */                             \
    EIGHT(f, 04) EIGHT(f, 05) EIGHT(f, 06) EIGHT(f, 07)
ALL(CALLBACK)

#define ADDRESS(n) trace_##n,
static void (*const callbacks[])(void *object, struct grey_tracer *t) = { ALL(ADDRESS) };
_Static_assert(COUNT(callbacks) == GREY_CUSTOM_KINDS, "a callback for each kind");

static grey_kind kinds[GREY_CUSTOM_KINDS];
static void **kept[GREY_CUSTOM_KINDS];
static grey_weak *weak[GREY_CUSTOM_KINDS][WORDS];

static void trace_too_many(void *object, struct grey_tracer *t)
{
    grey_trace(t, object);
}

static void create(void)
{
    char name[32];
    for (size_t i = 0; i < COUNT(kinds); i++) {
        snprintf(name, sizeof name, "kind %zu", i);
        kinds[i] = grey_kind_create(&(struct grey_kind_info){ name, callbacks[i] });
        CHECK(kinds[i] >= GREY_KIND_FIRST_CUSTOM, "%s", name);
        for (size_t k = 0; k < i; k++)
            CHECK(kinds[k] != kinds[i], "kinds %zu and %zu are two", k, i);
    }
    errno = 0;
    CHECK(grey_kind_create(&(struct grey_kind_info){ "one more", trace_too_many }) == 0 && errno == ENOSPC,
          "no more than %d", GREY_CUSTOM_KINDS);
    for (size_t i = 0; i < COUNT(kinds); i++) {
        snprintf(name, sizeof name, "kind %zu", i);
        CHECK(grey_kind_create(&(struct grey_kind_info){ "again", callbacks[i] }) == kinds[i],
              "%s is known by its callback", name);
        CHECK(strcmp(grey_kind_name(kinds[i]), name) == 0, "its name is still %s", name);
    }
}

static void *make(void *unused)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        void **object = (void **)grey_alloc(kinds[i], WORDS * sizeof(void *));
        object[0] = (void *)1;
        kept[i] = object;
        for (size_t w = 1; w < WORDS; w++) {
            grey_write(&object[w], grey_alloc(GREY_NOSCAN, 64));
            weak[i][w] = grey_weak_create(object[w]);
        }
    }
    return unused;
}

static void check(void)
{
    size_t others = 0;
    grey_collect();
    grey_collect();
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct grey_object o;
        CHECK(grey_object_at(kept[i], &o) && o.kind == kinds[i], "an object is of kind %u", kinds[i]);
        for (size_t w = 1; w < WORDS; w++)
            if (w == NAMED(i))
                CHECK(grey_weak_get(weak[i][w]) == kept[i][w], "kind %u: what word %zu names lives", kinds[i], w);
            else
                others += grey_weak_get(weak[i][w]) != NULL;
    }
    /* A stale word may hold one or another. */
    CHECK(others < COUNT(kinds) / 2, "%zu live that no callback names", others);
}

int main(void)
{
    create();
    on_thread(make, NULL);
    check();
    CHECK(grey_verify(), "the heap is sound");
    return result();
}
