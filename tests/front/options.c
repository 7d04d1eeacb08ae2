/* The options from the environment: help, malformed values, statistics, and silence without them. */
#include "subprocess.h"
#include <ctype.h>

static struct run r;

static int child(void)
{
    for (size_t i = 0; i < 1000; i++)
        free(hidep(malloc(hide(i * i))));
    for (size_t i = 0; i < 1000; i++)
        (void)hidep(malloc(hide(i)));
    puts("the program's own output");
    return 5;
}

static void unchanged_program(const char *setting)
{
    CHECK(WIFEXITED(r.status) && WEXITSTATUS(r.status) == 5, "with %s the exit status is the program's",
          setting);
    CHECK(strcmp(r.out, "the program's own output\n") == 0, "with %s stdout is the program's", setting);
}

static bool says(const char *word)
{
    return strcasestr(r.err, word) != NULL;
}

static void silent_without_options(void)
{
    run_self(&r, "child", NULL);
    unchanged_program("no option");
    CHECK(r.err[0] == 0, "without options nothing is written:\n%s", r.err);

    run_self(&r, "child", "GREY_STATS=0", "GREY_HELP=0", "GREY_ON_ERROR=abort", "GREY_SCAVENGE=1",
             "GREY_SCAVENGE_DELAY=1000", "GREY_CACHE=1024", "GREY_HUGEPAGES=0", NULL);
    unchanged_program("valid values");
    CHECK(r.err[0] == 0, "valid values are taken in silence:\n%s", r.err);
}

static void help_names_every_option(void)
{
    static const char *const names[] = { "GREY_HELP",     "GREY_STATS",          "GREY_ON_ERROR",
                                         "GREY_SCAVENGE", "GREY_SCAVENGE_DELAY", "GREY_CACHE",
                                         "GREY_HUGEPAGES" };
    run_self(&r, "child", "GREY_HELP=1", NULL);
    unchanged_program("GREY_HELP=1");
    for (size_t i = 0; i < COUNT(names); i++)
        CHECK(says(names[i]), "the help names %s:\n%s", names[i], r.err);
    CHECK(says("1000") && says("default"), "the help tells the defaults");
}

static void stats_summarise(void)
{
    static const char *const words[] = { "span", "class", "fragment", "peak", "returned" };
    run_self(&r, "child", "GREY_STATS=1", NULL);
    unchanged_program("GREY_STATS=1");
    for (size_t i = 0; i < COUNT(words); i++)
        CHECK(says(words[i]), "the statistics tell of '%s':\n%s", words[i], r.err);
    CHECK(count_lines(r.err) >= 4, "the statistics have some lines");

    run_self(&r, "closed", "GREY_STATS=1", "GREY_HELP=1", NULL);
    unchanged_program("GREY_STATS=1 and a closed stderr");
}

/* Each is told in one line that ends with the default in use. */
static void malformed_values(void)
{
    static const struct {
        const char *setting, *line, *ending;
    } wrong[] = {
        { "GREY_STATS=maybe", "greyspan: GREY_STATS=maybe: not a whole number from 0 to 1; using 0\n",
          "using 0\n" },
        { "GREY_STATS=2", "greyspan: GREY_STATS=2: not a whole number from 0 to 1; using 0\n", "using 0\n" },
        { "GREY_STATS=-1", "greyspan: GREY_STATS=-1: not a whole number from 0 to 1; using 0\n",
          "using 0\n" },
        { "GREY_STATS=1x", "greyspan: GREY_STATS=1x: not a whole number from 0 to 1; using 0\n",
          "using 0\n" },
        { "GREY_STATS=18446744073709551617", NULL, "using 0\n" },
        { "GREY_HELP=yes", NULL, "using 0\n" },
        { "GREY_SCAVENGE=on", NULL, "using 1\n" },
        { "GREY_SCAVENGE_DELAY=soon", NULL, "using 1000\n" },
        { "GREY_SCAVENGE_DELAY=99999999999999999999999", NULL, "using 1000\n" },
        { "GREY_CACHE=lots", NULL, "\n" },
        { "GREY_HUGEPAGES=always", NULL, "using 0\n" },
        { "GREY_ON_ERROR=perhaps", NULL, "using abort\n" },
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        char start[100];
        size_t n = (size_t)snprintf(start, sizeof start, "greyspan: %s: ", wrong[i].setting);
        run_self(&r, "child", wrong[i].setting, NULL);
        unchanged_program(wrong[i].setting);
        CHECK(count_lines(r.err) == 1, "%s is told in one line:\n%s", wrong[i].setting, r.err);
        CHECK(strncmp(r.err, start, n) == 0, "%s is named:\n%s", wrong[i].setting, r.err);
        CHECK(strlen(r.err) >= strlen(wrong[i].ending) &&
                  strcmp(r.err + strlen(r.err) - strlen(wrong[i].ending), wrong[i].ending) == 0,
              "%s: the default is named:\n%s", wrong[i].setting, r.err);
        CHECK(wrong[i].line == NULL || strcmp(r.err, wrong[i].line) == 0,
              "%s: the line is as documented:\n%s", wrong[i].setting, r.err);
    }
}

/* A long value does not overrun anything, and several wrong ones are told each. */
static void extreme_values(void)
{
    static char setting[20000] = "GREY_STATS=";
    memset(setting + strlen(setting), '1', sizeof setting - strlen("GREY_STATS=") - 1);
    run_self(&r, "child", setting, NULL);
    unchanged_program("a value of 20000 digits");
    CHECK(says("GREY_STATS=1111") && r.err[strlen(r.err) - 1] == '\n', "a long value is told in a line");
    run_self(&r, "child", "GREY_STATS=x", "GREY_HELP=x", "GREY_CACHE=x", NULL);
    CHECK(count_lines(r.err) == 3, "three wrong values make three lines:\n%s", r.err);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        if (strcmp(argv[1], "closed") == 0)
            close(2);
        return child();
    }
    silent_without_options();
    help_names_every_option();
    stats_summarise();
    malformed_values();
    extreme_values();
    return front_result();
}
