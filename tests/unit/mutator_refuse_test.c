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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_attach_that_is_refused_leaves_nothing),
        cmocka_unit_test(threads_that_cannot_be_created_leave_nothing),
    };
    options.period = 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
