/* Options from an environment of the test's own: every row, what is malformed, what is unknown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "alloc/assert.h"
#include "alloc/options.h"
#include "tests/unit/capture.h"

#define TIB(n) ((uint64_t)(n) << 40)

static struct capture capture;
static struct options standard; /* as the library starts, before any environment */

/* Every option, with a value that is in its range and not its default, and one beyond. */
static const struct row {
    const char *name;
    uint64_t *value;
    uint64_t other, beyond;
} rows[] = {
    { "GREY_HELP", &options.help, 1, 2 },
    { "GREY_STATS", &options.stats, 1, 2 },
    { "GREY_ON_ERROR", &options.on_error, 1, 2 },
    { "GREY_SCAVENGE", &options.scavenge, 0, 2 },
    { "GREY_SCAVENGE_DELAY", &options.scavenge_delay, 3600000, 3600001 },
    { "GREY_CACHE", &options.cache, 0, 1048577 },
    { "GREY_HUGEPAGES", &options.hugepages, 1, 3 },
    { "GREY_PERCENT", &options.percent, 1000000, 1000001 },
    { "GREY_MIN_HEAP", &options.min_heap, 0, TIB(128) + 1 },
    { "GREY_MEMORY_LIMIT", &options.memory_limit, TIB(128), TIB(128) + 1 },
    { "GREY_CGROUP_LIMIT", &options.cgroup_limit, 1, 2 },
    { "GREY_HARD_LIMIT", &options.hard_limit, 1, TIB(128) + 1 },
    { "GREY_WORKERS", &options.workers, 64, 65 },
    { "GREY_STRESS", &options.stress, 1000000000, 1000000001 },
    { "GREY_VERIFY", &options.verify, 1, 2 },
    { "GREY_GCTRACE", &options.gctrace, 1, 2 },
    { "GREY_ROOTS", &options.roots, 1, 2 },
    { "GREY_STOP", &options.stop, 1, 2 },
    { "GREY_STOP_SIGNAL", &options.stop_signal, 64, 65 },
    { "GREY_FINALIZERS", &options.finalizers, 1, 2 },
    { "GREY_CHECK_WRITES", &options.check_writes, 1, 2 },
    { "GREY_CHECK_TRACE", &options.check_trace, 1, 2 },
    { "GREY_PERIOD", &options.period, 86400, 86401 },
};
static_assert(sizeof(struct options) == COUNT(rows) * sizeof(uint64_t), "an option is not tested");

static int remember(void **state)
{
    (void)state;
    char *nothing[] = { NULL };
    options_read(nothing); /* the test's own environment may have set some */
    standard = options;
    return 0;
}

static int restore(void **state)
{
    (void)state;
    options = standard;
    return 0;
}

/* Reads one string as the whole environment; what was said. */
static const char *read_one(const char *string)
{
    char *environment[] = { (char *)string, NULL };
    capture_begin(&capture);
    options_read(environment);
    return capture_end(&capture);
}

static void no_environment_gives_the_defaults(void **state)
{
    (void)state;
    options.cache = 7;
    options_read(NULL);
    assert_int_equal(options.cache, 7); /* nothing to read: nothing changes */
    assert_string_equal(read_one("PATH=/bin"), "");
    assert_memory_equal(&options, &standard, sizeof options);
}

static void every_option_can_be_set_and_no_other_changes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char string[64];
        struct options expected = standard;
        snprintf(string, sizeof string, "%s=%ju", rows[i].name, (uintmax_t)rows[i].other);
        const char *said = read_one(string);
        assert_int_equal(said[0] != '\0', rows[i].value == &options.help); /* help prints the table */
        assert_int_equal(*rows[i].value, rows[i].other);
        *(uint64_t *)((char *)&expected + ((char *)rows[i].value - (char *)&options)) = rows[i].other;
        assert_memory_equal(&options, &expected, sizeof options);
    }
}

static void words_stand_for_their_numbers(void **state)
{
    (void)state;
    assert_string_equal(read_one("GREY_ON_ERROR=ignore"), "");
    assert_int_equal(options.on_error, ON_ERROR_IGNORE);
    assert_string_equal(read_one("GREY_ON_ERROR=abort"), "");
    assert_int_equal(options.on_error, ON_ERROR_ABORT);
}

static void bytes_may_carry_a_unit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        { "0", 0 },           { "0K", 0 },           { "1", 1 },             { "1K", 1024 },
        { "1k", 1024 },       { "3KiB", 3072 },      { "3kiB", 3072 },       { "64M", 64 << 20 },
        { "64m", 64 << 20 },  { "64MiB", 64 << 20 }, { "5G", KIB(5) << 20 }, { "5GiB", KIB(5) << 20 },
        { "128T", TIB(128) }, { "1TiB", TIB(1) },
    };
    static const char *const bad[] = {
        "K", "1KB", "1kb", "1B", "1KiBs", "1MM", "1P", "1 K", "1.5G", "-1K", "129T", "18014398509481984K",
        "16777216T", "99999999999999999999K", "M1", "iB",
    };
    for (size_t i = 0; i < COUNT(good); i++) {
        char string[100];
        snprintf(string, sizeof string, "GREY_MEMORY_LIMIT=%s", good[i].text);
        assert_string_equal(read_one(string), "");
        assert_int_equal(options.memory_limit, good[i].bytes);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        char string[100], said[200];
        snprintf(string, sizeof string, "GREY_MIN_HEAP=%s", bad[i]);
        snprintf(said, sizeof said, "greyspan: %s: not a whole number from 0 to 128T; using 12M\n", string);
        assert_string_equal(read_one(string), said);
        assert_memory_equal(&options, &standard, sizeof options);
    }
    /* What is no number of bytes takes no unit. */
    assert_string_equal(read_one("GREY_PERCENT=1K"),
                        "greyspan: GREY_PERCENT=1K: not a whole number from 0 to 1000000; using 100\n");
}

static void options_change_by_the_same_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct options before = options;
        assert_false(options_change(rows[i].value, rows[i].beyond));
        assert_memory_equal(&options, &before, sizeof options);
        assert_true(options_change(rows[i].value, rows[i].other));
        assert_int_equal(option_now(rows[i].value), rows[i].other);
        *rows[i].value = *(uint64_t *)((char *)&before + ((char *)rows[i].value - (char *)&options));
        assert_memory_equal(&options, &before, sizeof options);
    }
    assert_false(options_change(&options.stop_signal, 0));
    uint64_t stranger = 1;
    assert_false(options_change(&stranger, 1));
}

static void a_malformed_value_is_reported_and_the_default_used(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", " 1", "1 ", "-1", "+1", "0x1", "1.0", "yes", "one", "1,2", "\xff", "18446744073709551616",
        "99999999999999999999999999",
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t j = 0; j <= COUNT(bad); j++) {
            char string[100], start[128];
            if (j < COUNT(bad))
                snprintf(string, sizeof string, "%s=%s", rows[i].name, bad[j]);
            else
                snprintf(string, sizeof string, "%s=%ju", rows[i].name, (uintmax_t)rows[i].beyond);
            const char *said = read_one(string);
            snprintf(start, sizeof start, "greyspan: %s: not ", string);
            if (strncmp(said, start, strlen(start)) != 0 || strstr(said, "; using ") == NULL)
                fail_msg("%s: said %s", string, said);
            assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1); /* one line */
            assert_memory_equal(&options, &standard, sizeof options);
        }
}

static void the_sentences_name_the_range_and_the_default(void **state)
{
    (void)state;
    assert_string_equal(read_one("GREY_STATS=maybe"),
                        "greyspan: GREY_STATS=maybe: not a whole number from 0 to 1; using 0\n");
    assert_string_equal(read_one("GREY_ON_ERROR=panic"),
                        "greyspan: GREY_ON_ERROR=panic: not abort or ignore; using abort\n");
}

static void a_name_that_is_no_option_is_reported_once(void **state)
{
    (void)state;
    char *environment[] = { "GREY_CASH=1", "GREY_FOO=2", "GREY_CACHE=5", NULL };
    capture_begin(&capture);
    options_read(environment);
    assert_string_equal(capture_end(&capture),
                        "greyspan: GREY_CASH is not an option; GREY_HELP=1 lists them\n");
    assert_int_equal(options.cache, 5);
}

static void names_that_only_look_alike_are_left_alone(void **state)
{
    (void)state;
    static const char *const others[] = { "GREY=1", "GREYSPAN_STATS=1", "grey_stats=1", "GREY_TEST_SEED=x",
                                          "GREY_STATS" };
    for (size_t i = 0; i < COUNT(others); i++) {
        assert_string_equal(read_one(others[i]), "");
        assert_memory_equal(&options, &standard, sizeof options);
    }
    const char *said = read_one("GREY_STATSX=1");
    assert_non_null(strstr(said, "GREY_STATSX is not an option"));
    assert_int_equal(options.stats, 0);
}

static void a_very_long_name_or_value_is_survived(void **state)
{
    (void)state;
    static char string[5000];
    snprintf(string, sizeof string, "GREY_STATS=%4000d", 1);
    assert_non_null(strstr(read_one(string), "greyspan: GREY_STATS="));
    memset(string, 'A', sizeof string - 1);
    memcpy(string, "GREY_", 5);
    string[4900] = '=';
    assert_non_null(strstr(read_one(string), "is not an option"));
    assert_memory_equal(&options, &standard, sizeof options);
}

static void the_table_has_a_line_for_every_option(void **state)
{
    (void)state;
    capture_begin(&capture);
    options_print();
    const char *said = capture_end(&capture);
    size_t lines = 0;
    for (const char *s = said; (s = strchr(s, '\n')) != NULL; s++)
        lines++;
    assert_int_equal(lines, COUNT(rows) + 1);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char name[64];
        snprintf(name, sizeof name, "\n%s ", rows[i].name);
        assert_non_null(strstr(said, name));
    }
    /* Each column begins below its heading: a blank before it, none at it. */
    static const char *const headings[] = { "default ", "values ", "what " };
    for (size_t i = 0; i < COUNT(headings); i++) {
        size_t column = (size_t)(strstr(said, headings[i]) - said);
        for (const char *line = said; *line != '\0'; line = strchr(line, '\n') + 1)
            if (line[column - 1] != ' ' || line[column] == ' ')
                fail_msg("%s is not aligned: %.60s", headings[i], line);
    }
}

#define options_test(f) cmocka_unit_test_setup(f, restore)

int main(void)
{
    const struct CMUnitTest tests[] = {
        options_test(no_environment_gives_the_defaults),
        options_test(every_option_can_be_set_and_no_other_changes),
        options_test(words_stand_for_their_numbers),
        options_test(bytes_may_carry_a_unit),
        options_test(options_change_by_the_same_table),
        options_test(a_malformed_value_is_reported_and_the_default_used),
        options_test(the_sentences_name_the_range_and_the_default),
        options_test(a_name_that_is_no_option_is_reported_once),
        options_test(names_that_only_look_alike_are_left_alone),
        options_test(a_very_long_name_or_value_is_survived),
        options_test(the_table_has_a_line_for_every_option),
    };
    return cmocka_run_group_tests(tests, remember, restore);
}
