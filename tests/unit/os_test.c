/* The system as alloc/os.h promises it, on the machine we run on. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "alloc/os.h"
#include "tests/unit/child.h"

#define HINT ((uintptr_t)0xd1 << 32) /* unusual, and not where the heap goes */

static bool is_zero(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != 0)
            return false;
    return true;
}

/* Whether the page is in memory; a page that was never touched or given back is not. */
static bool is_resident(void *page)
{
    unsigned char in[1] = { 0 };
    assert_int_equal(mincore(page, os_page_size(), in), 0);
    return in[0] & 1;
}

static void the_page_size_is_the_systems(void **state)
{
    (void)state;
    assert_int_equal(os_page_size(), sysconf(_SC_PAGESIZE));
    assert_true(is_pow2(os_page_size()));
}

static int touch(void *p)
{
    *(volatile char *)p = 1;
    return 0;
}

static void reserved_memory_cannot_be_touched_and_committed_memory_can(void **state)
{
    (void)state;
    size_t page = os_page_size();
    char *p = os_reserve(0, 8 * page);
    assert_non_null(p);
    struct child_end end = child_run(touch, p);
    assert_false(WIFEXITED(end.status) && WEXITSTATUS(end.status) == 0);
    assert_true(os_commit(p + page, 2 * page));
    assert_true(is_zero(p + page, 2 * page));
    memset(p + page, 7, 2 * page);
    end = child_run(touch, p + 3 * page);
    assert_false(WIFEXITED(end.status) && WEXITSTATUS(end.status) == 0);
    os_release(p, 8 * page);
}

static void a_hint_is_followed_where_there_is_room(void **state)
{
    (void)state;
    size_t bytes = 4 * os_page_size();
    void *p = os_reserve(HINT, bytes), *q = os_reserve(HINT, bytes);
    assert_true(p != NULL && q != NULL && p != q);
#ifndef GREY_SANITIZED
    assert_int_equal((uintptr_t)p, HINT); /* sanitizers have other plans with the address space */
#endif
    os_release(p, bytes);
    os_release(q, bytes);
}

static void discarded_memory_goes_and_reads_as_zero(void **state)
{
    (void)state;
    size_t page = os_page_size();
    char *p = os_map(4 * page);
    assert_non_null(p);
    assert_true(is_zero(p, 4 * page));
    memset(p, 9, 4 * page);
    assert_true(os_discard(p + page, 2 * page));
    assert_false(is_resident(p + page));
    assert_true(is_zero(p + page, 2 * page));
    assert_true(p[0] == 9 && p[3 * page] == 9);
    p[page] = 1; /* it may be used again at once */
    os_release(p, 4 * page);
}

static void what_cannot_be_is_refused_and_errno_kept(void **state)
{
    (void)state;
    errno = EDOM;
    assert_null(os_reserve(0, (size_t)1 << 62));
    assert_null(os_map((size_t)1 << 62));
    os_advise_huge((void *)HINT, os_page_size()); /* nothing is there */
    assert_false(os_discard((void *)(HINT + 1), os_page_size()));
    struct atomic32 word = { 1 };
    os_futex_wait(&word, 0); /* not what is expected: returns at once */
    os_futex_wait_ns(&word, 1, 1000);
    os_futex_wake(&word, 1);
    assert_int_equal(os_write(-1, "x", 1), EBADF);
    assert_int_equal(errno, EDOM);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &t), 0);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void a_wait_ends_with_its_time(void **state)
{
    (void)state;
    struct atomic32 word = { 3 };
    uint64_t before = now_ns();
    os_futex_wait_ns(&word, 3, 20 * 1000 * 1000);
    assert_true(now_ns() - before >= 15 * 1000 * 1000);
}

/* ---- the helper ---- */

static struct atomic32 helper_ran, helper_may_end;
static uint64_t helper_blocked;
static char helper_name[16];

static void helper(void *unused)
{
    (void)unused;
    a32_store_release(&helper_ran, 1);
    os_futex_wake(&helper_ran, 1);
    while (a32_load_acquire(&helper_may_end) == 0)
        os_futex_wait_ns(&helper_may_end, 0, 10 * 1000 * 1000);
    a32_store_release(&helper_ran, 2);
}

/* Reads a line of a thread's status; the thread is the one that is not the main one. */
static void read_helpers_status(void)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "ls /proc/%d/task", (int)getpid());
    FILE *list = popen(path, "r");
    assert_non_null(list);
    while (fgets(line, sizeof line, list) != NULL) {
        int tid = atoi(line);
        snprintf(path, sizeof path, "/proc/self/task/%d/status", tid);
        FILE *status = tid == getpid() ? NULL : fopen(path, "r");
        while (status != NULL && fgets(line, sizeof line, status) != NULL) {
            if (strncmp(line, "Name:", 5) == 0)
                sscanf(line, "Name: %15s", helper_name);
            if (strncmp(line, "SigBlk:", 7) == 0)
                sscanf(line, "SigBlk: %lx", &helper_blocked);
        }
        if (status != NULL)
            fclose(status);
    }
    pclose(list);
}

static void wait_until(struct atomic32 *word, uint32_t value)
{
    for (int i = 0; i < 10000 && a32_load_acquire(word) != value; i++)
        sched_yield();
    for (int i = 0; i < 1000 && a32_load_acquire(word) != value; i++)
        os_futex_wait_ns(&helper_may_end, a32_load_relaxed(&helper_may_end), 10 * 1000 * 1000);
    assert_int_equal(a32_load_acquire(word), value);
}

static void the_helper_has_a_name_and_takes_no_signals(void **state)
{
    (void)state;
    sigset_t before, after;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    errno = EDOM;
    static const struct os_helper h = { helper, NULL, "grey-test" };
    assert_true(os_helper_start(&h));
    assert_int_equal(errno, EDOM);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int signal = 1; signal < 32; signal++) /* ours are as they were */
        assert_int_equal(sigismember(&before, signal), sigismember(&after, signal));
    wait_until(&helper_ran, 1);
    read_helpers_status();
    a32_store_release(&helper_may_end, 1);
    os_futex_wake(&helper_may_end, 1);
    wait_until(&helper_ran, 2);
#ifndef GREY_SANITIZED
    assert_string_equal(helper_name, "grey-test");
    for (int signal = 1; signal < 32; signal++)
        if (signal != SIGKILL && signal != SIGSTOP)
            assert_true(helper_blocked >> (signal - 1) & 1);
#endif
}

static void the_helper_can_be_started_again_when_it_has_ended(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        a32_store_release(&helper_ran, 0);
        static const struct os_helper h = { helper, NULL, "grey-again" };
        assert_true(os_helper_start(&h));
        wait_until(&helper_ran, 2);
    }
}

static void code_of_the_loader_is_told_from_other_code(void **state)
{
    (void)state;
    os_learn_loader();
#ifdef GREY_SANITIZED
    skip(); /* their run-time has a function of that name */
#endif
    void *in_loader = dlsym(RTLD_DEFAULT, "__tls_get_addr");
    assert_non_null(in_loader);
    assert_true(os_is_loader(in_loader));
    assert_false(os_is_loader((const void *)(uintptr_t)code_of_the_loader_is_told_from_other_code));
    assert_false(os_is_loader(state));
    assert_false(os_is_loader(NULL));
}

/* ---- process ---- */

static void this_test_is_not_set_uid(void **state)
{
    (void)state;
    assert_false(os_secure());
    assert_int_equal(os_getpid(), getpid());
}

static void the_random_number_is_the_same_for_the_process(void **state)
{
    (void)state;
    assert_true(os_random() != 0);
    assert_true(os_random() == os_random());
}

static void all_is_written_even_if_the_pipe_is_narrow(void **state)
{
    (void)state;
    static char sent[70000], got[sizeof sent];
    int ends[2];
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (char)i;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        _exit(os_write(ends[1], sent, sizeof sent));
    }
    close(ends[1]);
    for (size_t n = 0; n < sizeof got;) {
        ssize_t r = read(ends[0], got + n, sizeof got - n);
        assert_true(r > 0);
        n += (size_t)r;
    }
    close(ends[0]);
    int status = 1;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    assert_memory_equal(sent, got, sizeof sent);
}

static int abort_now(void *unused)
{
    (void)unused;
    os_abort();
}

static void abort_aborts(void **state)
{
    (void)state;
    struct child_end end = child_run(abort_now, NULL);
    assert_true(child_aborted(&end));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_size_is_the_systems),
        cmocka_unit_test(reserved_memory_cannot_be_touched_and_committed_memory_can),
        cmocka_unit_test(a_hint_is_followed_where_there_is_room),
        cmocka_unit_test(discarded_memory_goes_and_reads_as_zero),
        cmocka_unit_test(what_cannot_be_is_refused_and_errno_kept),
        cmocka_unit_test(a_wait_ends_with_its_time),
        cmocka_unit_test(the_helper_has_a_name_and_takes_no_signals),
        cmocka_unit_test(the_helper_can_be_started_again_when_it_has_ended),
        cmocka_unit_test(code_of_the_loader_is_told_from_other_code),
        cmocka_unit_test(this_test_is_not_set_uid),
        cmocka_unit_test(the_random_number_is_the_same_for_the_process),
        cmocka_unit_test(all_is_written_even_if_the_pipe_is_narrow),
        cmocka_unit_test(abort_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
