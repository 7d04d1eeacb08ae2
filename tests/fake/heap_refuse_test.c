/* The whole heap when the system refuses. For each call of the program's and each call of the system's
   a child of this process starts with a heap of its own and refuses the nth: the program's call
   either succeeds or returns NULL with ENOMEM; errno is untouched in the first case; every block
   keeps its bytes; the heap is whole; and the next attempt succeeds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc/heap.h"
#include "alloc/memcheck.h"
#include "tests/fake/os_fake.h"
#include "tests/unit/walk.h"

/* ---- what a program does ---- */

/* The block that a call works on, of old_size bytes; 0: none. */
struct call {
    const char *name;
    size_t old_size;
    size_t size; /* of the block it returns */
    void *(*act)(void *old);
};

#define CALL(name, expression)                                                                               \
    static void *name(void *old)                                                                             \
    {                                                                                                        \
        (void)old;                                                                                           \
        return expression;                                                                                   \
    }
CALL(small_malloc, heap_malloc(32, "malloc"))
CALL(class_malloc, heap_malloc(20000, "malloc"))
CALL(run_malloc, heap_malloc(50000, "malloc"))
CALL(large_malloc, heap_malloc(MIB(3), "malloc"))
CALL(huge_malloc, heap_malloc(MIB(200), "malloc"))
CALL(small_calloc, heap_calloc(3, 100, "calloc"))
CALL(large_calloc, heap_calloc(3, MIB(1), "calloc"))
CALL(page_aligned, heap_aligned(4096, 100, "memalign"))
CALL(arena_aligned, heap_aligned(ARENA_BYTES, 100, "memalign"))
CALL(small_realloc, heap_realloc(old, 1000, "realloc"))
CALL(shrinking_realloc, heap_realloc(old, 100, "realloc"))
CALL(growing_realloc, heap_realloc(old, MIB(2), "realloc"))
CALL(in_place_realloc, heap_realloc(old, MIB(40), "realloc"))
#undef CALL

static const struct call calls[] = {
    { "malloc(32)", 0, 32, small_malloc },
    { "malloc(20000)", 0, 20000, class_malloc },
    { "malloc(50000)", 0, 50000, run_malloc },
    { "malloc(3 MiB)", 0, MIB(3), large_malloc },
    { "malloc(200 MiB)", 0, MIB(200), huge_malloc },
    { "calloc(3, 100)", 0, 300, small_calloc },
    { "calloc(3, 1 MiB)", 0, MIB(3), large_calloc },
    { "memalign(4096, 100)", 0, 100, page_aligned },
    { "memalign(64 MiB, 100)", 0, 100, arena_aligned },
    { "realloc from 100 to 1000", 100, 1000, small_realloc },
    { "realloc from 20000 to 100", 20000, 100, shrinking_realloc },
    { "realloc from 600000 to 2 MiB", 600000, MIB(2), growing_realloc },
    { "realloc from 2 MiB to 40 MiB", MIB(2), MIB(40), in_place_realloc },
};

/* ---- one child ---- */

/* What a child ends with. */
enum outcome { HOLDS, HOLDS_AND_NOTHING_WAS_REFUSED, BROKEN };

static const struct call *now; /* for the message */
static size_t now_nth;

#define ensure(x)                                                                                            \
    do {                                                                                                     \
        if (!(x)) {                                                                                          \
            fprintf(stderr, "%s, refusal %zu: line %d: %s\n", now->name, now_nth, __LINE__, #x);             \
            _exit(BROKEN);                                                                                   \
        }                                                                                                    \
    } while (0)

static void ensure_whole(void)
{
    const char *fault = walk_heap(&heap_pages);
    if (fault != NULL)
        fprintf(stderr, "%s, refusal %zu: %s\n", now->name, now_nth, fault);
    ensure(fault == NULL);
}

/* The bytes of a block by its number; long blocks are looked at here and there. */
static size_t step_at(size_t i)
{
    return i < 64 ? 1 : i < KIB(512) ? 509 : KIB(500);
}

static void fill(unsigned char *p, size_t size, unsigned number)
{
    for (size_t i = 0; i < size; i += step_at(i))
        p[i] = (unsigned char)(number + i);
}

static bool is_filled(const unsigned char *p, size_t size, unsigned number)
{
    for (size_t i = 0; i < size; i += step_at(i))
        if (p[i] != (unsigned char)(number + i))
            return false;
    return true;
}

enum { BYSTANDERS = 8 };
static unsigned char *bystanders[BYSTANDERS];
static const size_t bystander_sizes[BYSTANDERS] = { 16, 300, 5000, 33000, 70000, 900000, MIB(2), 24 };

static void make_bystanders(void)
{
    for (unsigned i = 0; i < BYSTANDERS; i++) {
        bystanders[i] = heap_malloc(bystander_sizes[i], "malloc");
        ensure(bystanders[i] != NULL);
        fill(bystanders[i], bystander_sizes[i], i);
    }
}

static void check_and_free_bystanders(void)
{
    for (unsigned i = 0; i < BYSTANDERS; i++) {
        ensure(is_filled(bystanders[i], bystander_sizes[i], i));
        heap_free(bystanders[i], "free");
    }
}

/* Acts once, the nth call of the operation refused. The block, or NULL. */
static unsigned char *act_refused(const struct call *c, enum os_fake_op op, size_t nth, unsigned char *old)
{
    os_fake_refuse(op, nth);
    errno = 0;
    unsigned char *p = c->act(old);
    os_fake_refuse(op, 0);
    ensure(errno == (p == NULL ? ENOMEM : 0));
    ensure(p != NULL || os_fake_refusals(op) > 0);
    ensure_whole();
    return p;
}

static enum outcome child(const struct call *c, enum os_fake_op op, size_t nth, bool warm)
{
    unsigned char *old = NULL;
    memcheck_on = false;
    if (warm)
        make_bystanders();
    if (c->old_size > 0) {
        old = heap_malloc(c->old_size, "malloc");
        ensure(old != NULL);
        fill(old, c->old_size, 99);
    }
    unsigned char *p = act_refused(c, op, nth, old);
    bool refused = os_fake_refusals(op) > 0;
    if (p == NULL) {
        ensure(old == NULL || is_filled(old, c->old_size, 99)); /* a failed realloc keeps the block */
        p = c->act(old);
        ensure(p != NULL);
    }
    ensure(is_filled(p, c->old_size < c->size ? c->old_size : c->size, 99));
    ensure(heap_usable(p, "malloc_usable_size") >= c->size);
    fill(p, c->size, 5);
    heap_free(p, "free");
    if (warm)
        check_and_free_bystanders();
    heap_trim();
    ensure_whole();
    ensure(heap_pages.stats.in_use.n == 0 && heap_pages.stats.spans == 0);
    return refused ? HOLDS : HOLDS_AND_NOTHING_WAS_REFUSED;
}

/* Every block that can be had is taken; a block that shrinks stays a block. */
static enum outcome shrink_with_nothing_left(void)
{
    static const size_t sizes[] = { 20000, 3000, MIB(1), MIB(8) };
    unsigned char *blocks[COUNT(sizes)];
    memcheck_on = false;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        blocks[i] = heap_malloc(sizes[i], "malloc");
        ensure(blocks[i] != NULL);
        fill(blocks[i], 100, (unsigned)i);
    }
    os_fake_refuse_all(OS_RESERVE);
    os_fake_refuse_all(OS_COMMIT);
    os_fake_refuse_all(OS_MAP);
    for (size_t size = MIB(1); size > 0; size = size * 7 / 8)
        while (heap_malloc(size, "malloc") != NULL)
            ;
    errno = 0;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        unsigned char *p = heap_realloc(blocks[i], 100, "realloc");
        ensure(p != NULL && is_filled(p, 100, (unsigned)i));
    }
    ensure(errno == 0);
    ensure_whole();
    return HOLDS;
}

static enum outcome run_child(const struct call *c, enum os_fake_op op, size_t nth, bool warm)
{
    int status;
    now = c;
    now_nth = nth;
    pid_t pid = fork();
    if (pid == 0)
        _exit(child(c, op, nth, warm));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFEXITED(status))
        fail_msg("%s, refusal %zu: the child died of signal %d", c->name, nth, WTERMSIG(status));
    return (enum outcome)WEXITSTATUS(status);
}

/* ---- the tests ---- */

static void refuse_each(enum os_fake_op op, bool warm)
{
    for (size_t i = 0; i < COUNT(calls); i++) {
        enum outcome outcome = HOLDS;
        for (size_t nth = 1; outcome == HOLDS; nth++) {
            outcome = run_child(&calls[i], op, nth, warm);
            assert_int_not_equal(outcome, BROKEN);
            assert_true(nth < 30);
        }
    }
}

static void each_refused_reservation_is_survived(void **state)
{
    (void)state;
    refuse_each(OS_RESERVE, false);
    refuse_each(OS_RESERVE, true);
}

static void each_refused_commit_is_survived(void **state)
{
    (void)state;
    refuse_each(OS_COMMIT, false);
    refuse_each(OS_COMMIT, true);
}

static void each_refused_map_of_metadata_is_survived(void **state)
{
    (void)state;
    refuse_each(OS_MAP, false);
    refuse_each(OS_MAP, true);
}

static void a_block_shrinks_even_when_there_is_no_memory_at_all(void **state)
{
    static const struct call shrinking = { .name = "realloc to 100" };
    int status;
    (void)state;
    now = &shrinking;
    pid_t pid = fork();
    if (pid == 0)
        _exit(shrink_with_nothing_left());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == HOLDS);
}

#define heap_test(f) cmocka_unit_test(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        heap_test(each_refused_reservation_is_survived),
        heap_test(each_refused_commit_is_survived),
        heap_test(each_refused_map_of_metadata_is_survived),
        heap_test(a_block_shrinks_even_when_there_is_no_memory_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
