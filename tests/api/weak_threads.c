/* Weak references from several threads while collections run: what one gives is whole, or nothing. */
#include "api.h"
#include "blocking.h"

enum { THREADS = 4, SLOTS = 256, STEPS = 60000 };

struct object {
    uint64_t stamp, copy;
    void *filler[6];
};

/* Each slot's reference and strong holder change under the slot's lock; readers read without keeping. */
static struct slot {
    pthread_mutex_t lock;
    grey_weak *weak;
    grey_handle *strong;
    uint64_t stamp;
} slots[SLOTS];

static _Atomic uint64_t got, gone, torn, lost;

static void refill(struct slot *s, uint64_t stamp)
{
    struct object *o = grey_alloc(GREY_CONSERVATIVE, sizeof *o);
    o->stamp = stamp;
    o->copy = ~stamp;
    grey_weak_release(s->weak);
    s->weak = grey_weak_create(o);
    s->stamp = stamp;
    grey_handle_set(s->strong, stamp % 2 == 0 ? o : NULL);
}

static void look(struct slot *s)
{
    struct object *o = grey_weak_get(s->weak);
    if (o == NULL) {
        gone++;
        lost += s->stamp % 2 == 0;
        return;
    }
    got++;
    torn += o->stamp != s->stamp || o->copy != ~s->stamp;
}

static void *work(void *number)
{
    uint64_t seed = (uintptr_t)number * 77 + 1;
    for (uint64_t i = 0; i < STEPS; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        struct slot *s = &slots[(seed >> 33) % SLOTS];
        take(&s->lock);
        if (s->weak == NULL || seed >> 60 == 0)
            refill(s, i * THREADS * 2 + (uintptr_t)number * 2 + (seed >> 40) % 2);
        else
            look(s);
        pthread_mutex_unlock(&s->lock);
        if (i % 8192 == 8191)
            grey_collect();
    }
    return NULL;
}

static void get_returns_the_address_that_create_was_given(void)
{
    static const size_t offsets[] = { 0, 1, 40, 99, 50000 };
    for (size_t i = 0; i < COUNT(offsets); i++) {
        char *inside = (char *)grey_alloc(GREY_NOSCAN, offsets[i] + 1) + offsets[i];
        grey_weak *w = grey_weak_create(inside);
        CHECK(grey_weak_get(w) == inside, "an address %zu bytes inside", offsets[i]);
        grey_collect();
        CHECK(grey_weak_get(w) == inside, "an address %zu bytes inside, after a collection", offsets[i]);
        grey_weak_release(w);
    }
}

int main(void)
{
    pthread_t t[THREADS];
    get_returns_the_address_that_create_was_given();
    for (int i = 0; i < SLOTS; i++) {
        pthread_mutex_init(&slots[i].lock, NULL);
        slots[i].strong = grey_handle_create(NULL);
    }
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&t[i], NULL, work, (void *)i);
    for (int i = 0; i < THREADS; i++)
        join(t[i]);
    CHECK(torn == 0, "%d times an object was not what it should be", (int)torn);
    CHECK(lost == 0, "%d objects were lost that a handle held", (int)lost);
    CHECK(got > 1000 && gone > 1000, "both happened: %d there, %d gone", (int)got, (int)gone);
    struct grey_gc_stats s;
    CHECK(grey_gc_stats(&s, sizeof s) && s.weak_cleared >= 100, "the statistics count them");
    return result();
}
