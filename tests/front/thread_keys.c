/* Destructors of thread-specific data run after a thread's own cache may be gone: they
   allocate and free in each of the four rounds that POSIX grants, and nothing leaks. */
#include "front.h"
#include <limits.h>
#include <pthread.h>

/* More keys than libc keeps in the thread itself: from the 32nd on they are calloced. */
enum { KEYS = 70, THREADS = 300, ROUNDS = PTHREAD_DESTRUCTOR_ITERATIONS };

static pthread_key_t keys[KEYS];
static size_t key_count;
static unsigned long destructor_calls;

struct value {
    size_t key;
    size_t rounds;
    char *blocks[3];
};

static void fill(struct value *v)
{
    for (size_t i = 0; i < COUNT(v->blocks); i++) {
        size_t size = (v->key + 1) * (i + 1) * 37 + (v->key % 10 == 0 ? 50000 : 0);
        v->blocks[i] = hidep(malloc(hide(size)));
        REQUIRE(v->blocks[i] != NULL, "malloc works in a destructor");
        memset(v->blocks[i], (int)v->rounds, size);
    }
}

static void drop(struct value *v)
{
    for (size_t i = 0; i < COUNT(v->blocks); i++) {
        CHECK((size_t)v->blocks[i][0] == v->rounds, "a block of a thread-specific value is intact");
        free(v->blocks[i]);
    }
}

static void destroy(void *argument)
{
    struct value *v = argument;
    __atomic_add_fetch(&destructor_calls, 1, __ATOMIC_RELAXED);
    drop(v);
    if (++v->rounds == ROUNDS) {
        free(v);
        return;
    }
    /* Setting the value again asks for another round; a fresh record asks more of the heap. */
    struct value *again = malloc(sizeof *again);
    *again = *v;
    free(v);
    fill(again);
    pthread_setspecific(keys[again->key], again);
}

static void *thread(void *argument)
{
    for (size_t k = 0; k < key_count; k++) {
        struct value *v = calloc(1, sizeof *v);
        v->key = k;
        fill(v);
        pthread_setspecific(keys[k], v);
    }
    return argument;
}

static void make_keys(size_t n)
{
    for (size_t i = 0; i < n; i++)
        REQUIRE(pthread_key_create(&keys[key_count++], destroy) == 0, "a key can be made");
}

static void run_threads(int n)
{
    for (int i = 0; i < n; i += 4) {
        pthread_t t[4];
        for (size_t k = 0; k < COUNT(t); k++)
            REQUIRE(pthread_create(&t[k], NULL, thread, NULL) == 0, "a thread starts");
        for (size_t k = 0; k < COUNT(t); k++)
            pthread_join(t[k], NULL);
    }
}

/* The first keys are made before this program allocates, thus perhaps before the allocator
   made one of its own; the others after. */
__attribute__((constructor(101))) static void first_keys(void)
{
    make_keys(3);
}

int main(void)
{
    free(hidep(malloc(100)));
    make_keys(KEYS - 3);

    run_threads(THREADS / 3);
    CHECK(destructor_calls == (unsigned long)THREADS / 3 * KEYS * ROUNDS,
          "every destructor ran in every round");
    size_t before = resident_bytes();
    run_threads(THREADS);
    size_t after = resident_bytes();
    CHECK(after < before + 8 * MIB, "threads that allocate in destructors leave nothing behind (%zu, %zu)",
          before, after);
    return front_result();
}
