/* The trace line as Go writes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <regex.h>

#include "gc/gctrace.h"

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)

/* Phases of these lengths, 12 ms after the start. */
static struct cycle_record record(uint64_t stopping, uint64_t roots, uint64_t marking, uint64_t settling,
                                  uint64_t resuming)
{
    struct cycle_record r = { .number = 1, .reason = CYCLE_GROWTH, .begin_ns = 1012 * MS };
    r.asked_ns = r.begin_ns;
    r.stopped_ns = r.asked_ns + stopping;
    r.roots_ns = r.stopped_ns + roots;
    r.marked_ns = r.roots_ns + marking;
    r.settled_ns = r.marked_ns + settling;
    r.resumed_ns = r.settled_ns + resuming;
    r.heap_before = MIB(4) + 1;
    r.mark.bytes = MIB(2) - 1;
    r.goal = MIB(5) + KIB(1000);
    r.mark.cpu_ns = marking;
    r.mark.private_bytes = MIB(2) + 1;
    r.mark.root_bytes = r.mark.private_bytes + MIB(7);
    return r;
}

static const char *line(const struct cycle_record *r, uint64_t total_cpu_ns, uint64_t cpus)
{
    static char out[GCTRACE_LINE_MAX];
    struct gctrace t = { .cycle = r, .start_ns = 1000 * MS, .total_cpu_ns = total_cpu_ns, .cpus = cpus };
    size_t n = gctrace_format(&t, out);
    assert_int_equal(n, strlen(out));
    return out;
}

static void every_figure_has_its_place(void **state)
{
    (void)state;
    struct cycle_record r = record(18 * US, 300 * US, 1000 * US, 50 * US, 26 * US);
    r.mark.cpu_ns = 2500 * US;
    assert_string_equal(line(&r, 800 * US, 2),
                        "gc 1 @0.012s 2%: 0.018+1.3+0.076 ms clock, 0.036+0/2.5/0+0.15 ms cpu, "
                        "4->4->1 MB, 5 MB goal, 2 MB stacks, 7 MB globals, 2 P");
    r.reason = CYCLE_FORCED;
    r.number = 123456;
    assert_string_equal(line(&r, 0, 2), "gc 123456 @0.012s 0%: 0.018+1.3+0.076 ms clock, "
                                        "0.036+0/2.5/0+0.15 ms cpu, 4->4->1 MB, 5 MB goal, 2 MB stacks, "
                                        "7 MB globals, 2 P (forced)");
    /* The most that the formatter can be asked for fits. */
    r = record(UINT64_MAX / 64, UINT64_MAX / 64, UINT64_MAX / 64, UINT64_MAX / 64, UINT64_MAX / 64);
    r.number = r.heap_before = r.mark.bytes = r.goal = r.mark.root_bytes = UINT64_MAX;
    r.mark.private_bytes = UINT64_MAX / 2;
    r.reason = CYCLE_FORCED;
    const char *said = line(&r, UINT64_MAX, UINT64_MAX);
    assert_non_null(strstr(said, " P (forced)"));
}

/* What Go prints for these durations, from fmtNSAsMS of its runtime. */
static void durations_are_rounded_as_go_does(void **state)
{
    (void)state;
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {
        { 0, "0" },           { 999, "0" },         { 1000, "0.001" },    { 9999, "0.009" },
        { 10 * US, "0.010" }, { 99999, "0.099" },   { 100 * US, "0.10" }, { 999 * US, "0.99" },
        { MS, "1.0" },        { 1049 * US, "1.0" }, { 1050 * US, "1.0" }, { 1100 * US, "1.1" },
        { 9999 * US, "9.9" }, { 10 * MS, "10" },    { 10999 * US, "10" }, { 123456 * MS, "123456" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char expected[64];
        struct cycle_record r = record(0, 0, cases[i].ns, 0, 0);
        report_format(expected, sizeof expected, ": 0+%s+0 ms clock, 0+0/%s/0+0 ms cpu, ", cases[i].text,
                      cases[i].text);
        if (strstr(line(&r, 0, 3), expected) == NULL)
            fail_msg("%s: not %s", line(&r, 0, 3), expected);
    }
}

static void time_since_the_start_has_three_places(void **state)
{
    (void)state;
    struct cycle_record r = record(0, 0, 0, 0, 0);
    static const struct {
        uint64_t ms;
        const char *text;
    } cases[] = { { 0, "@0.000s " }, { 7, "@0.007s " }, { 1000, "@1.000s " }, { 3600250, "@3600.250s " } };
    for (size_t i = 0; i < COUNT(cases); i++) {
        r.begin_ns = (1000 + cases[i].ms) * MS;
        assert_non_null(strstr(line(&r, 0, 1), cases[i].text));
    }
}

/* The share is of all CPUs since the start: 16 ms of 100 ms with 2 are 8 %. */
static void the_share_is_of_all_cpus(void **state)
{
    (void)state;
    struct cycle_record r = record(0, 0, 0, 0, 0);
    r.resumed_ns = 1100 * MS;
    assert_non_null(strstr(line(&r, 16 * MS, 2), "s 8%: "));
    assert_non_null(strstr(line(&r, 16 * MS, 4), "s 4%: "));
    r.resumed_ns = 1000 * MS; /* at once: no division by nothing */
    assert_non_null(strstr(line(&r, 16 * MS, 4), "s 0%: "));
}

/* The expression by which tools take Go's lines apart. */
static void a_parser_of_go_lines_takes_it(void **state)
{
    (void)state;
    static const char pattern[] = "^gc [0-9]+ @[0-9.]+s [0-9]+%: [^+]+\\+[^+]+\\+[^+]+ ms clock, "
                                  "[^+]+\\+[^+/]+/[^+/]+/[^+/]+\\+[^+]+ ms cpu, "
                                  "[0-9]+->[0-9]+->[0-9]+ MB, [0-9]+ MB goal, [0-9]+ MB stacks, "
                                  "[0-9]+ MB globals, [0-9]+ P( \\(forced\\))?$";
    regex_t parser;
    assert_int_equal(regcomp(&parser, pattern, REG_EXTENDED | REG_NOSUB), 0);
    for (uint64_t ns = 1; ns < UINT64_C(1) << 40; ns = ns * 5 + 1) {
        struct cycle_record r = record(ns, ns / 3, ns * 2, ns / 5, ns / 7);
        r.reason = ns % 2 == 0 ? CYCLE_FORCED : CYCLE_GROWTH;
        assert_int_equal(regexec(&parser, line(&r, ns * 3, 2), 0, NULL, 0), 0);
    }
    regfree(&parser);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_figure_has_its_place),
        cmocka_unit_test(durations_are_rounded_as_go_does),
        cmocka_unit_test(time_since_the_start_has_three_places),
        cmocka_unit_test(the_share_is_of_all_cpus),
        cmocka_unit_test(a_parser_of_go_lines_takes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
