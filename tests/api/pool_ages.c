/* Pools: what is put comes back, at most once, until two collections later; threads, their end, make(),
   several pools, destroying. */
#include "api.h"
#include "blocking.h"

enum { OBJECTS = 200, THREADS = 4, STEPS = 40000 };

static uintptr_t hidden[OBJECTS];

static void *put_many(void *pool)
{
    for (int i = 0; i < OBJECTS; i++) {
        void *p = grey_alloc(GREY_CONSERVATIVE, 256);
        hidden[i] = ~(uintptr_t)p;
        grey_pool_put(pool, p);
    }
    return NULL;
}

static void *collect(void *unused)
{
    grey_collect();
    return unused;
}

static int there(void)
{
    int n = 0;
    for (int i = 0; i < OBJECTS; i++)
        n += grey_object_at((void *)~hidden[i], NULL);
    return n;
}

/* The thread that put them has ended, or still lives. */
static void *put_and_collect(void *pool)
{
    put_many(pool);
    grey_collect();
    CHECK(there() == OBJECTS, "in a living thread: one collection keeps all, %d", there());
    return NULL;
}

static void objects_stay_for_one_collection(void)
{
    grey_pool *p = grey_pool_create(NULL, NULL);
    run_on_a_thread(put_many, p);
    CHECK(there() == OBJECTS, "all are there: %d", there());
    run_on_a_thread(collect, NULL);
    CHECK(there() == OBJECTS, "one collection keeps all: %d", there());
    run_on_a_thread(collect, NULL);
    CHECK(there() < OBJECTS / 10, "two do not: %d", there());
    CHECK(grey_pool_get(p) == NULL, "and the pool is empty");
    run_on_a_thread(put_and_collect, p);
    run_on_a_thread(collect, NULL);
    CHECK(there() < OBJECTS / 10, "a second one does not: %d", there());
    grey_pool_destroy(p);
}

static void *get_all(void *pool)
{
    static int seen[OBJECTS];
    int n = 0, unknown = 0;
    memset(seen, 0, sizeof seen);
    for (void *p; (p = grey_pool_get(pool)) != NULL; n++) {
        int i = 0;
        while (i < OBJECTS && hidden[i] != ~(uintptr_t)p)
            i++;
        unknown += i == OBJECTS || seen[i]++ != 0;
    }
    CHECK(n == OBJECTS, "as many come back as were put: %d", n);
    CHECK(unknown == 0, "%d came twice, or from nowhere", unknown);
    return NULL;
}

static void *put_collect_get(void *pool)
{
    put_many(pool);
    grey_collect();
    return get_all(pool);
}

static void what_is_put_comes_back(void)
{
    grey_pool *p = grey_pool_create(NULL, NULL);
    run_on_a_thread(put_many, p);
    run_on_a_thread(get_all, p);
    run_on_a_thread(put_many, p);
    run_on_a_thread(collect, NULL);
    run_on_a_thread(get_all, p);
    run_on_a_thread(put_collect_get, p);
    grey_pool_put(p, NULL);
    CHECK(grey_pool_get(p) == NULL, "NULL is not kept");
    grey_pool_destroy(p);
}

/* ---- make ---- */

static int made;

static void *make(void *data)
{
    made++;
    CHECK(data == &made, "make gets its data");
    return grey_alloc(GREY_CONSERVATIVE, 64);
}

static void an_empty_pool_makes(void)
{
    grey_pool *p = grey_pool_create(make, &made);
    void *a = grey_pool_get(p);
    CHECK(a != NULL && made == 1, "made for the first");
    grey_pool_put(p, a);
    CHECK(grey_pool_get(p) == a && made == 1, "and not for the second");
    grey_pool_destroy(p);
}

/* More pools than a thread's directory has room for at first; records are used again. */
static void many_pools(void)
{
    enum { POOLS = 100 };
    grey_pool *p[POOLS];
    void *objects[POOLS];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < POOLS; i++) {
            p[i] = grey_pool_create(NULL, NULL);
            CHECK(grey_pool_get(p[i]) == NULL, "a new pool is empty");
            objects[i] = grey_alloc(GREY_NOSCAN, 32);
            grey_pool_put(p[i], objects[i]);
        }
        for (int i = 0; i < POOLS; i++) {
            if (i % 2 == 0)
                CHECK(grey_pool_get(p[i]) == objects[i], "each has its own");
            grey_pool_destroy(p[i]);
        }
    }
}

/* ---- threads ---- */

struct thing {
    _Atomic int owners;
    uint64_t stamp;
};
static _Atomic int twice, torn;

static void *make_thing(void *unused)
{
    (void)unused;
    struct thing *t = grey_alloc(GREY_NOSCAN, sizeof *t);
    t->stamp = ~(uintptr_t)t;
    return t;
}

static void *work(void *pool)
{
    struct thing *held[40];
    unsigned seed = (unsigned)(uintptr_t)&held;
    size_t n = 0;
    for (int i = 0; i < STEPS; i++) {
        seed = seed * 1664525u + 1013904223u;
        if (n < COUNT(held) && (n == 0 || (seed >> 24) % 2 == 0)) {
            struct thing *t = held[n++] = grey_pool_get(pool);
            twice += t->owners++ != 0;
            torn += t->stamp != ~(uint64_t)(uintptr_t)t;
        } else {
            struct thing *t = held[--n];
            held[n] = NULL;
            t->owners--;
            grey_pool_put(pool, t);
        }
        if (i % 5000 == 4999)
            grey_collect();
    }
    return NULL;
}

static void threads_share(void)
{
    grey_pool *p = grey_pool_create(make_thing, NULL);
    pthread_t t[THREADS];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < THREADS; i++)
            pthread_create(&t[i], NULL, work, p);
        for (int i = 0; i < THREADS; i++)
            join(t[i]);
    }
    CHECK(twice == 0, "%d times an object had two owners", twice);
    CHECK(torn == 0, "%d times an object was dead", torn);
    grey_pool_destroy(p);
}

int main(void)
{
    grey_disable(); /* but for those that are counted */
    objects_stay_for_one_collection();
    what_is_put_comes_back();
    an_empty_pool_makes();
    many_pools();
    grey_enable();
    threads_share();
    return result();
}
