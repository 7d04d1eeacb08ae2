/* grey_no_memory_set: who is asked before an allocation fails, and what it may do. */
#include "api.h"

#include <pthread.h>
#include <setjmp.h>

enum { MIB = 1 << 20, BLOCKS = 64 };

static void *kept[BLOCKS]; /* a root: the program's data */
static size_t calls, asked_for;
static void *given_data;
static jmp_buf out;

static void drop_all(void)
{
    for (int i = 0; i < BLOCKS; i++)
        kept[i] = NULL;
}

/* Until an allocation fails; how many did not. */
static int fill(void)
{
    int n = 0;
    while (n < BLOCKS && (kept[n] = grey_alloc(GREY_NOSCAN, MIB)) != NULL)
        n++;
    return n;
}

static bool refuse(size_t size, void *data)
{
    calls++;
    asked_for = size;
    given_data = data;
    return false;
}

static bool give_in_at_the_third(size_t size, void *data)
{
    (void)size;
    (void)data;
    return ++calls < 3;
}

static bool drop_some(size_t size, void *data)
{
    (void)size;
    int *left = data;
    calls++;
    if (*left == 0)
        return false;
    kept[--*left] = NULL;
    return true;
}

static bool allocate_and_collect(size_t size, void *data)
{
    (void)size;
    (void)data;
    calls++;
    drop_all();
    grey_collect();
    void *small = grey_alloc(GREY_NOSCAN, 100); /* from within: there is room again */
    CHECK(small != NULL, "the hook may allocate");
    return true;
}

static bool jump(size_t size, void *data)
{
    (void)size;
    calls++;
    longjmp(out, *(int *)data);
}

static bool raise_the_limit(size_t size, void *data)
{
    (void)size;
    (void)data;
    calls++;
    return grey_set(GREY_SET_HARD_LIMIT, grey_get(GREY_SET_HARD_LIMIT) + 8 * MIB);
}

static void without_a_hook_it_fails(void)
{
    errno = 0;
    int n = fill();
    CHECK(n >= 16 && n <= 32, "some blocks fit the limit: %d", n);
    CHECK(errno == ENOMEM, "the next one does not");
    drop_all();
    CHECK(fill() >= 16, "garbage is collected before an allocation fails");
    drop_all();
}

static void a_refusing_hook_is_asked_once(void)
{
    int other, data;
    calls = 0;
    CHECK(grey_no_memory_set(refuse, &other), "a hook");
    CHECK(grey_no_memory_set(refuse, &data), "the same with other data");
    fill();
    CHECK(calls == 1 && asked_for == MIB && given_data == &data, "it is told the size: %zu calls, %zu bytes",
          calls, asked_for);
    drop_all();

    calls = 0;
    CHECK(grey_no_memory_set(give_in_at_the_third, NULL), "another hook");
    fill();
    CHECK(calls == 3, "it is asked as long as it says so: %zu", calls);
    drop_all();
}

static void what_it_gives_up_is_found(void)
{
    CHECK(grey_no_memory_set(NULL, NULL), "no hook");
    int left = fill();
    calls = 0;
    CHECK(grey_no_memory_set(drop_some, &left), "a hook that gives up a block at a time");
    void *more = grey_alloc(GREY_NOSCAN, MIB);
    CHECK(more != NULL && calls >= 1, "an allocation succeeds after %zu calls", calls);
    left = 0;
    drop_all();
}

static void it_may_do_all_that_others_may(void)
{
    calls = 0;
    CHECK(grey_no_memory_set(allocate_and_collect, NULL), "a hook");
    CHECK(fill() == BLOCKS && calls >= 1, "no allocation fails, after %zu calls", calls);
    drop_all();

    int value = 7;
    calls = 0;
    CHECK(grey_no_memory_set(jump, &value), "a hook that jumps");
    int got = setjmp(out);
    if (got == 0)
        fill();
    CHECK(got == 7 && calls == 1, "it leaves by longjmp: %d, %zu calls", got, calls);
    drop_all();
    grey_collect();
    CHECK(grey_verify(), "and the heap lives on");

    calls = 0;
    CHECK(grey_no_memory_set(raise_the_limit, NULL), "a hook that raises the limit");
    CHECK(fill() == BLOCKS && calls >= 2, "no allocation fails, after %zu calls", calls);
    drop_all();
}

/* Many threads set hooks while one runs into the limit: what is called is always one of the pairs. */
struct pair {
    int number;
};
static struct pair pairs[8];
static bool stop;

static bool check_pair(size_t size, void *data)
{
    const struct pair *p = data;
    CHECK(size == MIB, "the size is right");
    CHECK(p >= pairs && p < pairs + COUNT(pairs) && p->number == 42, "the data are those of the hook");
    calls++;
    return false;
}

static bool check_nothing(size_t size, void *data)
{
    CHECK(size == MIB, "the size is right");
    CHECK(data == NULL, "this one has no data");
    calls++;
    return false;
}

static void *set_hooks(void *unused)
{
    for (unsigned i = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++) {
        if (i % 3 == 0)
            grey_no_memory_set(check_nothing, NULL);
        else
            grey_no_memory_set(check_pair, &pairs[i % COUNT(pairs)]);
    }
    return unused;
}

static void hooks_may_change_at_any_time(void)
{
    pthread_t setters[2];
    for (size_t i = 0; i < COUNT(pairs); i++)
        pairs[i].number = 42;
    calls = 0;
    grey_no_memory_set(check_nothing, NULL);
    for (size_t i = 0; i < COUNT(setters); i++)
        CHECK(pthread_create(&setters[i], NULL, set_hooks, NULL) == 0, "a thread");
    fill();
    for (int i = 0; i < 30; i++)
        CHECK(grey_alloc(GREY_NOSCAN, MIB) == NULL, "no room");
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (size_t i = 0; i < COUNT(setters); i++)
        pthread_join(setters[i], NULL);
    CHECK(calls >= 31, "each was asked about: %zu", calls);
    drop_all();
}

int main(void)
{
    CHECK(grey_set(GREY_SET_HARD_LIMIT, 32 * MIB), "a hard limit");
    CHECK(grey_root_add(kept, sizeof kept), "a root");
    without_a_hook_it_fails();
    a_refusing_hook_is_asked_once();
    what_it_gives_up_is_found();
    hooks_may_change_at_any_time();
    it_may_do_all_that_others_may();
    return result();
}
