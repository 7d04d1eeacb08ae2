/* Cleanups: after the object is gone, several an object, in their thread; cancelling; early frees. */
#include "api.h"
#include "blocking.h"

enum { OBJECTS = 500, EACH = 3 };

struct record {
    grey_weak *object;
    _Atomic int ran, while_there;
};
static struct record records[OBJECTS][EACH];
static uint64_t ids[OBJECTS][EACH];

static void clean(void *data)
{
    struct record *r = data;
    r->while_there += grey_weak_get(r->object) != NULL;
    r->ran++;
}

static void *make(void *unused)
{
    for (int i = 0; i < OBJECTS; i++) {
        void *p = grey_alloc(GREY_CONSERVATIVE, 64);
        for (int k = 0; k < EACH; k++) {
            records[i][k].object = grey_weak_create(p);
            ids[i][k] = grey_cleanup_add(p, clean, &records[i][k]);
            CHECK(ids[i][k] != 0, "a cleanup is added");
        }
        if (i % 5 == 0)
            CHECK(grey_cleanup_cancel(ids[i][1]), "a cleanup is cancelled");
        if (i % 7 == 0)
            grey_free(p);
    }
    return unused;
}

static int sum(void)
{
    int n = 0;
    for (int i = 0; i < OBJECTS; i++)
        for (int k = 0; k < EACH; k++)
            n += records[i][k].ran;
    return n;
}

static _Atomic bool alone_ran;

static void clean_alone(void *unused)
{
    (void)unused;
    alone_ran = true;
}

/* No collection is due, and nothing else has started the thread yet. */
static void an_early_free_is_cleaned_up_after_at_once(void)
{
    void *p = grey_alloc(GREY_NOSCAN, 64);
    errno = EDOM;
    CHECK(grey_cleanup_add(p, clean_alone, NULL) != 0, "a cleanup is added");
    grey_free(p);
    CHECK(errno == EDOM, "errno is kept");
    for (int i = 0; i < 6000 && !alone_ran; i++)
        nap(5000);
    CHECK(alone_ran, "the cleanup ran");
}

int main(void)
{
    enum { EXPECTED = OBJECTS * EACH - OBJECTS / 5 };
    an_early_free_is_cleaned_up_after_at_once();
    run_on_a_thread(make, NULL);
    grey_collect();
    for (int i = 0; i < 2000 && sum() < EXPECTED * 9 / 10; i++) {
        nap(5000);
        if (i % 100 == 99)
            grey_collect();
    }
    CHECK(sum() >= EXPECTED * 9 / 10 && sum() <= EXPECTED, "%d of %d ran", sum(), EXPECTED);
    for (int i = 0; i < OBJECTS; i++)
        for (int k = 0; k < EACH; k++) {
            const struct record *r = &records[i][k];
            CHECK(r->ran <= 1, "cleanup %d.%d ran %d times", i, k, r->ran);
            CHECK(r->while_there == 0, "cleanup %d.%d ran while the object was there", i, k);
            CHECK(k != 1 || i % 5 != 0 || r->ran == 0, "cleanup %d.%d was cancelled and ran", i, k);
            CHECK(!r->ran || !grey_cleanup_cancel(ids[i][k]), "what ran cannot be cancelled");
        }
    return result();
}
