/* The formatter against the one of libc, and the lines as they come out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "alloc/options.h"
#include "alloc/report.h"
#include "tests/unit/capture.h"
#include "tests/unit/child.h"

static struct capture capture;

/* The same format and arguments by both; they must agree. */
#define assert_as_libc(...)                                                                                  \
    do {                                                                                                     \
        char ours[200], theirs[200];                                                                         \
        size_t length = report_format(ours, sizeof ours, __VA_ARGS__);                                       \
        int expected = snprintf(theirs, sizeof theirs, __VA_ARGS__);                                         \
        assert_string_equal(ours, theirs);                                                                   \
        assert_int_equal(length, expected);                                                                  \
    } while (0)

static void conversions_look_as_libc_prints_them(void **state)
{
    (void)state;
    assert_as_libc("%s", "plain");
    assert_as_libc("%%|%c|%s|%s", 'x', "", "a b");
    assert_as_libc("%d %d %d %d", 0, -1, INT32_MAX, INT32_MIN);
    assert_as_libc("%u %u", 0u, UINT32_MAX);
    assert_as_libc("%zu %zu", (size_t)0, SIZE_MAX);
    assert_as_libc("%ju %ju", (uintmax_t)10, UINTMAX_MAX);
    assert_as_libc("%p", (void *)0xabc0);
    assert_as_libc("%p", (void *)UINTPTR_MAX);
    assert_as_libc("%8s|%-8s|%2s", "abc", "abc", "abc");
    assert_as_libc("%12zu|%-12zu|%1zu", (size_t)12345, (size_t)12345, (size_t)12345);
    assert_as_libc("%5d|%-5d|", -42, -42);
    assert_as_libc("%20p|", (void *)0x10);
}

static void a_null_pointer_is_a_number_and_a_null_string_is_said_so(void **state)
{
    (void)state;
    char out[40];
    const char *volatile none = NULL; /* gcc would complain of it */
    report_format(out, sizeof out, "%p", (void *)0);
    assert_string_equal(out, "0x0");
    report_format(out, sizeof out, "%s", none);
    assert_string_equal(out, "(null)");
}

static void what_does_not_fit_is_cut_and_still_ends(void **state)
{
    (void)state;
    char out[20];
    for (size_t size = 1; size <= sizeof out; size++) {
        memset(out, '!', sizeof out);
        size_t n = report_format(out, size, "%s %zu", "abcdefgh", (size_t)12345678);
        assert_int_equal(n, strlen("abcdefgh 12345678") < size ? strlen("abcdefgh 12345678") : size - 1);
        assert_int_equal(strlen(out), n);
        assert_memory_equal(out, "abcdefgh 12345678", n);
        assert_true(size == sizeof out || out[size] == '!');
    }
}

static void a_line_has_the_name_in_front_and_a_newline_behind(void **state)
{
    (void)state;
    errno = EDOM;
    capture_begin(&capture);
    report_line("%s of %zu", "one", (size_t)2);
    report_row(2, "a row of %d", 3);
    assert_string_equal(capture_end(&capture), "greyspan: one of 2\na row of 3\n");
    assert_int_equal(errno, EDOM);
}

static void a_long_line_is_cut_and_ends(void **state)
{
    (void)state;
    static char text[3 * REPORT_LINE_MAX];
    memset(text, 'x', sizeof text - 1);
    capture_begin(&capture);
    report_line("%s", text);
    const char *said = capture_end(&capture);
    size_t n = strlen(said);
    assert_in_range(n, REPORT_LINE_MAX / 2, REPORT_LINE_MAX);
    assert_int_equal(said[n - 1], '\n');
    assert_ptr_equal(strchr(said, '\n'), said + n - 1);
}

/* ---- misuse ---- */

static int misuse(void *ignore)
{
    options.on_error = ignore != NULL ? ON_ERROR_IGNORE : ON_ERROR_ABORT;
    report_misuse("free", (void *)0x7f12, "not a block of this heap");
    return 7;
}

static int misuse_args(void *ignore)
{
    options.on_error = ignore != NULL ? ON_ERROR_IGNORE : ON_ERROR_ABORT;
    report_misuse_args("the block holds 48 bytes", "free_sized(%p, %zu)", (void *)0x7f12, (size_t)100);
    return 7;
}

static int fatal(void *ignore)
{
    options.on_error = ignore != NULL ? ON_ERROR_IGNORE : ON_ERROR_ABORT;
    report_fatal("no more of %s", "this");
}

static void misuse_is_one_sentence_and_the_end(void **state)
{
    (void)state;
    struct child_end end = child_run(misuse, NULL);
    assert_true(child_aborted(&end));
    assert_string_equal(end.said, "greyspan: free(0x7f12): not a block of this heap\n");
    end = child_run(misuse_args, NULL);
    assert_true(child_aborted(&end));
    assert_string_equal(end.said, "greyspan: free_sized(0x7f12, 100): the block holds 48 bytes\n");
}

static void misuse_that_is_ignored_is_one_sentence(void **state)
{
    (void)state;
    struct child_end end = child_run(misuse, &capture);
    assert_int_equal(WEXITSTATUS(end.status), 7);
    assert_string_equal(end.said, "greyspan: free(0x7f12): not a block of this heap\n");
    end = child_run(misuse_args, &capture);
    assert_int_equal(WEXITSTATUS(end.status), 7);
}

static void what_is_fatal_is_not_ignored(void **state)
{
    (void)state;
    struct child_end end = child_run(fatal, &capture);
    assert_true(child_aborted(&end));
    assert_string_equal(end.said, "greyspan: no more of this\n");
}

static void a_call_with_long_arguments_is_cut(void **state)
{
    (void)state;
    static char text[2 * REPORT_LINE_MAX];
    memset(text, 'y', sizeof text - 1);
    options.on_error = ON_ERROR_IGNORE;
    capture_begin(&capture);
    report_misuse_args("the end", "f(%s)", text);
    const char *said = capture_end(&capture);
    options.on_error = ON_ERROR_ABORT;
    assert_non_null(strstr(said, ": the end\n"));
    assert_true(strlen(said) <= REPORT_LINE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conversions_look_as_libc_prints_them),
        cmocka_unit_test(a_null_pointer_is_a_number_and_a_null_string_is_said_so),
        cmocka_unit_test(what_does_not_fit_is_cut_and_still_ends),
        cmocka_unit_test(a_line_has_the_name_in_front_and_a_newline_behind),
        cmocka_unit_test(a_long_line_is_cut_and_ends),
        cmocka_unit_test(misuse_is_one_sentence_and_the_end),
        cmocka_unit_test(misuse_that_is_ignored_is_one_sentence),
        cmocka_unit_test(what_is_fatal_is_not_ignored),
        cmocka_unit_test(a_call_with_long_arguments_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
