/* Threads that are attached while the system has no memory: false with ENOMEM, nothing left behind, and
   when there is memory again the next attempt succeeds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <valgrind/valgrind.h>

#include "alloc/machine.h"
#include "alloc/os.h"
#include "gc/collector.h"
#include "tests/unit/child.h"

/* Sanitizers and valgrind need address space themselves. */
#ifdef GREY_SANITIZED
#define NEEDS_ROOM true
#else
#define NEEDS_ROOM (RUNNING_ON_VALGRIND != 0)
#endif

enum { REFUSED = 3, STEPS = 40 };

static void limit_to(rlim_t bytes)
{
    struct rlimit r;
    getrlimit(RLIMIT_AS, &r);
    r.rlim_cur = bytes;
    setrlimit(RLIMIT_AS, &r);
}

static rlim_t mapped_now(void)
{
    size_t pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%zu", &pages) != 1)
        abort();
    fclose(f);
    return (rlim_t)pages * os_page_size();
}

/* In a process of its own, for the collector begins once. */
static int attach_with(void *room)
{
    limit_to(mapped_now() + *(const size_t *)room);
    errno = 0;
    bool attached = grey_thread_attach();
    int error = errno;
    limit_to(RLIM_INFINITY);
    if (!attached) {
        child_ensure(error == ENOMEM);
        child_ensure(mutator_count() == 0);
        child_ensure(!grey_thread_is_attached());
        child_ensure(grey_thread_attach());
    }
    child_ensure(mutator_count() == 1);
    child_ensure(grey_alloc(GREY_CONSERVATIVE, 64) != NULL);
    grey_collect();
    grey_thread_detach();
    child_ensure(mutator_count() == 0);
    return attached ? 0 : REFUSED;
}

static void an_attach_that_is_refused_leaves_nothing(void **state)
{
    (void)state;
    if (NEEDS_ROOM)
        skip();
    size_t refused = 0;
    for (size_t step = 0; step < STEPS; step++) {
        size_t room = step * KIB(64);
        struct child_end end = child_run(attach_with, &room);
        if (!WIFEXITED(end.status) || (WEXITSTATUS(end.status) != 0 && WEXITSTATUS(end.status) != REFUSED))
            fail_msg("with %zu bytes of room: status %x: %s", room, end.status, end.said);
        refused += WEXITSTATUS(end.status) == REFUSED;
    }
    assert_true(refused > 0);
}

static void *nothing(void *unused)
{
    return unused;
}

static int create_without_memory(void *unused)
{
    (void)unused;
    enum { THREADS = 64 };
    pthread_t t[THREADS];
    size_t made = 0;
    child_ensure(grey_thread_attach());
    limit_to(mapped_now() + MIB(40)); /* some stacks */
    while (made < THREADS && grey_pthread_create(&t[made], NULL, nothing, NULL) == 0)
        made++;
    child_ensure(made < THREADS);
    limit_to(RLIM_INFINITY);
    for (size_t i = 0; i < made; i++)
        child_ensure(grey_pthread_join(t[i], NULL) == 0);
    child_ensure(mutator_count() == 1);
    return 0;
}

static void threads_that_cannot_be_created_leave_nothing(void **state)
{
    (void)state;
    if (NEEDS_ROOM)
        skip();
    assert_child_passed(create_without_memory, NULL);
}

static void *use_objects(void *argument)
{
    uintptr_t *mine = grey_alloc(GREY_CONSERVATIVE, 64);
    limit_to(RLIM_INFINITY);
    child_ensure(*(const uintptr_t *)argument == 0x5eed);
    if (mine != NULL)
        *mine = 0x5eed;
    grey_collect();
    for (int i = 0; i < 1000; i++)
        (void)grey_alloc(GREY_CONSERVATIVE, 64);
    child_ensure(mine == NULL || *mine == 0x5eed);
    child_ensure(mutator_count() == 2);
    return argument;
}

static int attach_without_memory(void *unused)
{
    (void)unused;
    pthread_t t;
    void *result = NULL;
    child_ensure(grey_thread_attach());
    uintptr_t *argument = grey_alloc(GREY_CONSERVATIVE, 64);
    *argument = 0x5eed;
    /* It leaves its stack to the next thread, and no memory of malloc's. */
    child_ensure(pthread_create(&t, NULL, nothing, NULL) == 0 && pthread_join(t, NULL) == 0);
    limit_to(mapped_now());
    child_ensure(grey_pthread_create(&t, NULL, use_objects, argument) == 0);
    child_ensure(grey_pthread_join(t, &result) == 0 && result == argument);
    child_ensure(mutator_count() == 1);
    return 0;
}

static void a_thread_attaches_without_memory(void **state)
{
    (void)state;
    if (NEEDS_ROOM)
        skip();
    assert_child_passed(attach_without_memory, NULL);
}

/* ---- a thread's stack, told without memory ---- */

struct told {
    bool by_libc, by_record;
    struct machine_thread thread;
    struct machine_range stack;
};

static void *tell_stack(void *told)
{
    struct told *t = told;
    t->by_libc = machine_thread_self(&t->thread);
    t->by_record = machine_thread_stack(t->thread.pointer, &t->stack);
    return NULL;
}

static void a_stack_is_found_by_the_record_at_its_end(void **state)
{
    static const size_t sizes[] = { 0, KIB(64), KIB(256), MIB(1) + KIB(12), KIB(100) + 192 /* no whole pages */, MIB(16) };
    (void)state;
    assert_true(grey_thread_attach());
    for (size_t i = 0; i < COUNT(sizes); i++) {
        pthread_attr_t attr;
        pthread_t t;
        struct told told;
        pthread_attr_init(&attr);
        if (sizes[i] != 0)
            assert_int_equal(pthread_attr_setstacksize(&attr, sizes[i]), 0);
        if (i % 2 == 1)
            assert_int_equal(pthread_attr_setguardsize(&attr, KIB(16)), 0);
        assert_int_equal(pthread_create(&t, &attr, tell_stack, &told), 0);
        assert_int_equal(pthread_join(t, NULL), 0);
        pthread_attr_destroy(&attr);
        assert_true(told.by_libc);
        if (!told.by_record)
            continue; /* another libc */
        assert_int_equal(told.stack.from, told.thread.stack.from);
        assert_int_equal(told.stack.to, round_up(told.thread.stack.to, os_page_size()));
    }
    grey_thread_detach();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_attach_that_is_refused_leaves_nothing),
        cmocka_unit_test(threads_that_cannot_be_created_leave_nothing),
        cmocka_unit_test(a_thread_attaches_without_memory),
        cmocka_unit_test(a_stack_is_found_by_the_record_at_its_end),
    };
    options.period = 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
