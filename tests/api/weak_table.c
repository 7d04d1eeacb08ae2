/* Weak tables against a model: random puts, removals, lookups, keys that die; grey_weak_table_each while the
   table changes; strings made unique by several threads. */
#include "api.h"
#include "blocking.h"

enum { KEYS = 3000, STEPS = 60000, WORDS = 2000, THREADS = 4 };

/* ---- by address, against a model ---- */

static void *keys[KEYS];                 /* held by the program's data; NULL: dropped */
static grey_handle *values[KEYS];        /* what the table should say, NULL: no entry */
static uint64_t seed = 42;

static size_t any(size_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(seed >> 33) % n;
}

static void step(grey_weak_table *t)
{
    size_t i = any(KEYS);
    if (keys[i] == NULL)
        keys[i] = grey_alloc(GREY_CONSERVATIVE, 32);
    void *value = grey_handle_get(values[i]);
    CHECK(grey_weak_table_get(t, keys[i]) == value, "an entry is what was put");
    CHECK(grey_weak_table_find(t, keys[i]) == (value == NULL ? NULL : keys[i]), "the key is the one put");
    switch (any(8)) {
    case 0:
        CHECK(grey_weak_table_remove(t, keys[i]) == (value != NULL), "removal says whether there was one");
        grey_handle_set(values[i], NULL);
        break;
    case 1: /* the key is dropped, and the value with it */
        keys[i] = NULL;
        grey_handle_set(values[i], NULL);
        break;
    default:
        value = grey_alloc(GREY_CONSERVATIVE, 48);
        CHECK(grey_weak_table_put(t, keys[i], value), "an entry is put");
        grey_handle_set(values[i], value);
    }
}

static size_t in_model(void)
{
    size_t n = 0;
    for (size_t i = 0; i < KEYS; i++)
        n += keys[i] != NULL && grey_handle_get(values[i]) != NULL;
    return n;
}

static void a_table_is_what_the_model_is(void)
{
    grey_weak_table *t = grey_weak_table_create(NULL);
    CHECK(grey_weak_table_count(t) == 0 && grey_weak_table_get(t, &seed) == NULL, "it begins empty");
    for (size_t i = 0; i < KEYS; i++)
        values[i] = grey_handle_create(NULL);
    for (size_t i = 0; i < STEPS; i++) {
        step(t);
        if (i % 5000 == 4999) {
            grey_collect();
            size_t have = grey_weak_table_count(t), want = in_model();
            CHECK(have >= want && have <= want + want / 10 + 20,
                  "entries of dead keys go: %zu, the model has %zu", have, want);
        }
    }
    for (size_t i = 0; i < KEYS; i++)
        keys[i] = NULL;
    memset(keys, 0, sizeof keys);
    grey_collect();
    CHECK(grey_weak_table_count(t) < KEYS / 50, "an empty program leaves an empty table: %zu",
          grey_weak_table_count(t));
    grey_keep(t);
    for (size_t i = 0; i < KEYS; i++)
        grey_handle_release(values[i]);
}

/* ---- each ---- */

static struct {
    grey_weak_table *t;
    size_t seen, wrong;
} walk;

static void remove_and_add(void *key, void *value, void *data)
{
    walk.seen++;
    walk.wrong += *(void **)key != value || data != &walk;
    grey_weak_table_remove(walk.t, key);
    for (int i = 0; i < 3; i++)
        grey_weak_table_put(walk.t, grey_alloc(GREY_CONSERVATIVE, 32), value);
    if (walk.seen % 100 == 0)
        grey_collect();
}

static void each_sees_what_was_there(void)
{
    walk.t = grey_weak_table_create(NULL);
    void **held = grey_alloc(GREY_CONSERVATIVE, 500 * sizeof *held);
    for (int i = 0; i < 500; i++) {
        void **key = grey_alloc(GREY_CONSERVATIVE, 32);
        grey_write(key, grey_alloc(GREY_NOSCAN, 64));
        grey_write(&held[i], key);
        grey_weak_table_put(walk.t, key, *key);
    }
    grey_weak_table_each(walk.t, remove_and_add, &walk);
    CHECK(walk.seen == 500, "each entry once: %zu", walk.seen);
    CHECK(walk.wrong == 0, "%zu were not what was put", walk.wrong);
    for (int i = 0; i < 500; i++)
        CHECK(grey_weak_table_get(walk.t, held[i]) == NULL, "what was removed is gone");
    grey_keep(held);
    walk.t = NULL;
}

/* Nothing else holds these keys. */
static void *make_weak_only(void *table)
{
    for (uintptr_t i = 1; i <= 500; i++) {
        uintptr_t *key = grey_alloc(GREY_NOSCAN, 32), *value = grey_alloc(GREY_NOSCAN, 64);
        key[0] = value[0] = ~i;
        grey_weak_table_put(table, key, value);
    }
    return NULL;
}

static void check_and_collect(void *key, void *value, void *data)
{
    (void)data;
    walk.wrong += *(uintptr_t *)key != *(uintptr_t *)value || *(uintptr_t *)key < ~(uintptr_t)500;
    if (walk.seen++ % 50 == 0)
        grey_collect();
}

static void each_keeps_what_it_goes_over(void)
{
    walk.t = grey_weak_table_create(NULL);
    walk.seen = walk.wrong = 0;
    grey_disable();
    run_on_a_thread(make_weak_only, walk.t);
    grey_weak_table_each(walk.t, check_and_collect, NULL);
    grey_enable();
    CHECK(walk.seen == 500, "each entry once: %zu", walk.seen);
    CHECK(walk.wrong == 0, "%zu died meanwhile", walk.wrong);
    grey_collect();
    CHECK(grey_weak_table_count(walk.t) < 50, "and they go then: %zu are left",
          grey_weak_table_count(walk.t));
    walk.t = NULL;
}

static void keys_that_are_no_objects_stay(void)
{
    grey_weak_table *t = grey_weak_table_create(NULL);
    for (uintptr_t i = 1; i < 100; i++)
        CHECK(grey_weak_table_put(t, (void *)(2 * i + 1), grey_alloc(GREY_NOSCAN, 32)), "a number is a key");
    grey_collect();
    for (uintptr_t i = 1; i < 100; i++)
        CHECK(grey_object_at(grey_weak_table_get(t, (void *)(2 * i + 1)), NULL), "and its value lives");
    CHECK(!grey_weak_table_put(t, NULL, t) && errno == EINVAL, "NULL is none");
    CHECK(grey_weak_table_count(t) == 99, "all of them");
}

/* ---- strings made unique ---- */

struct string {
    uint64_t hash;
    char text[24];
};

static _Atomic int asked;

static uint64_t hash_string(const void *key)
{
    const struct string *s = key;
    return s->hash % 512; /* so that equal is asked a lot */
}

static bool equal_strings(const void *a, const void *b)
{
    const struct string *x = a, *y = b;
    if (++asked % 1000 == 0 && grey_alloc(GREY_CONSERVATIVE, 64) == NULL)
        abort();
    return strcmp(x->text, y->text) == 0;
}

static grey_weak_table *unique;
static _Atomic int two_of_a_kind, misfits;

static struct string *intern(int word)
{
    struct string probe = { .hash = (uint64_t)word * 2654435761u };
    snprintf(probe.text, sizeof probe.text, "word %d", word);
    struct string *s = grey_weak_table_find(unique, &probe);
    if (s == NULL) {
        struct string *new = grey_alloc(GREY_NOSCAN, sizeof *new);
        *new = probe;
        CHECK(grey_weak_table_put(unique, new, NULL), "a string is put");
        s = grey_weak_table_find(unique, &probe); /* somebody else's, perhaps */
        grey_keep(new);
    }
    misfits += s == NULL || strcmp(s->text, probe.text) != 0;
    return s;
}

/* While somebody holds a string, everybody gets the same. */
static void *intern_all(void *number)
{
    uint64_t random = (uintptr_t)number + 1;
    for (int i = 0; i < 12000; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        int word = (int)((random >> 33) % WORDS);
        struct string *a = intern(word), *b = intern(word);
        two_of_a_kind += a != b;
        grey_keep(a);
        if (i % 3000 == 0)
            grey_collect();
    }
    return NULL;
}

/* The table grows while equal is asked: the search must not go on where it was. */
static bool grow_now;
static void *volatile grown[300]; /* volatile: nobody reads it but the collector */

static bool equal_and_grow(const void *a, const void *b)
{
    if (grow_now) {
        grow_now = false;
        for (size_t i = 0; i < COUNT(grown); i++) {
            struct string *s = grey_alloc(GREY_NOSCAN, sizeof *s);
            grown[i] = s;
            s->hash = 3 + i;
            snprintf(s->text, sizeof s->text, "grown %zu", i);
            grey_weak_table_put(unique, s, s);
        }
    }
    return strcmp(((const struct string *)a)->text, ((const struct string *)b)->text) == 0;
}

static void a_search_begins_anew_when_the_table_grew(void)
{
    struct grey_weak_table_info info = { hash_string, equal_and_grow };
    struct string probe = { .hash = 1, .text = "here" }, *held = grey_alloc(GREY_NOSCAN, sizeof *held);
    for (int round = 0; round < 3; round++) {
        unique = grey_weak_table_create(&info);
        *held = probe;
        grey_weak_table_put(unique, held, held);
        grow_now = true;
        CHECK(grey_weak_table_find(unique, &probe) == held, "it is found all the same");
        CHECK(!grow_now && grey_weak_table_count(unique) == COUNT(grown) + 1, "the table did grow: %zu",
              grey_weak_table_count(unique));
        probe.hash = (uint64_t)round + 1;
    }
    grey_keep(held);
}

static void strings_are_unique(void)
{
    struct grey_weak_table_info info = { hash_string, equal_strings };
    pthread_t t[THREADS];
    unique = grey_weak_table_create(&info);
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&t[i], NULL, intern_all, (void *)i);
    for (int i = 0; i < THREADS; i++)
        join(t[i]);
    CHECK(two_of_a_kind == 0, "%d times a held string was not found again", two_of_a_kind);
    CHECK(misfits == 0, "%d times another string was found", misfits);
    CHECK(grey_weak_table_count(unique) <= WORDS, "no word is there twice: %zu",
          grey_weak_table_count(unique));
    grey_collect();
    CHECK(grey_weak_table_count(unique) < WORDS / 10, "words nobody holds go: %zu",
          grey_weak_table_count(unique));
}

int main(void)
{
    a_table_is_what_the_model_is();
    each_sees_what_was_there();
    each_keeps_what_it_goes_over();
    keys_that_are_no_objects_stay();
    a_search_begins_anew_when_the_table_grew();
    strings_are_unique();
    return result();
}
