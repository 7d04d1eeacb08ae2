/* Misuse of the API ends in the exact sentence; the options' reader says what it does not understand. */
#include "api.h"

/* ---- misuse ------------------------------------------------------------------------------------- */

static void double_free(void)
{
    void *p = hide(grey_malloc(48));
    grey_free(p);
    grey_free(p);
}

static void free_of_the_inside(void)
{
    char *p = hide(grey_malloc(48));
    grey_free(p + 16);
}

static void free_of_a_variable(void)
{
    int variable = 0;
    grey_free(hide(&variable));
}

static void realloc_of_a_freed_block(void)
{
    void *p = hide(grey_malloc(48));
    grey_free(p);
    (void)!grey_realloc(p, hide_size(64));
}

static void usable_size_of_a_freed_block(void)
{
    void *p = hide(grey_malloc(48));
    grey_free(p);
    (void)grey_usable_size(p);
}

static const struct misuse {
    const char *name;
    void (*program)(void);
    const char *before, *after; /* of the pointer in the line */
} misuses[] = {
    { "double", double_free, "greyspan: grey_free(0x", "): double free\n" },
    { "inside", free_of_the_inside, "greyspan: grey_free(0x", "): not the start of a block\n" },
    { "variable", free_of_a_variable, "greyspan: grey_free(0x", "): not a block of this heap\n" },
    { "realloc", realloc_of_a_freed_block, "greyspan: grey_realloc(0x", ", 64): not an allocated block\n" },
    { "usable", usable_size_of_a_freed_block, "greyspan: grey_usable_size(0x",
      "): not an allocated block\n" },
};

static bool is_the_line(const char *text, const struct misuse *m)
{
    size_t before = strlen(m->before), digits;
    if (strncmp(text, m->before, before) != 0)
        return false;
    digits = strspn(text + before, "0123456789abcdef");
    return digits > 0 && strcmp(text + before + digits, m->after) == 0;
}

static void misuse_is_reported(void)
{
    for (size_t i = 0; i < COUNT(misuses); i++) {
        const struct misuse *m = &misuses[i];
        struct outcome *o = run_shell("ulimit -c 0; exec '%s' %s 2>&1", self_path(), m->name);
        CHECK(aborted(o), "%s: the program is aborted (status %#x)", m->name, (unsigned)o->status);
        CHECK(is_the_line(o->output, m), "%s: one line, %s...%s and not: %s", m->name, m->before, m->after,
              o->output);

        o = run_shell("env GREY_ON_ERROR=ignore '%s' %s 2>&1", self_path(), m->name);
        CHECK(succeeded(o), "%s: GREY_ON_ERROR=ignore lets the program end (status %#x)", m->name,
              (unsigned)o->status);
        CHECK(is_the_line(o->output, m), "%s: ignoring says the same, not: %s", m->name, o->output);
    }
}

/* ---- options ------------------------------------------------------------------------------------ */

static const struct {
    const char *environment, *output;
} readings[] = {
    { "GREY_STATS=0 GREY_CACHE=17 GREY_ON_ERROR=abort", "" },
    { "GREY_STATS=maybe", "greyspan: GREY_STATS=maybe: not a whole number from 0 to 1; using 0\n" },
    { "GREY_STATS=2", "greyspan: GREY_STATS=2: not a whole number from 0 to 1; using 0\n" },
    { "GREY_STATS=", "greyspan: GREY_STATS=: not a whole number from 0 to 1; using 0\n" },
    { "GREY_STATS=-1", "greyspan: GREY_STATS=-1: not a whole number from 0 to 1; using 0\n" },
    { "GREY_STATS=99999999999999999999999",
      "greyspan: GREY_STATS=99999999999999999999999: not a whole number from 0 to 1; using 0\n" },
    { "GREY_ON_ERROR=explode", "greyspan: GREY_ON_ERROR=explode: not abort or ignore; using abort\n" },
    { "GREY_ON_ERROR=1", "" },
    { "GREY_STAT=1", "greyspan: GREY_STAT is not an option; GREY_HELP=1 lists them\n" },
    { "GREY_STAT=1 GREY_STATUS=2", "greyspan: GREY_STAT is not an option; GREY_HELP=1 lists them\n" },
    { "GREY_TEST_SOMETHING=1", "" },
};

static void the_environment_is_read(void)
{
    for (size_t i = 0; i < COUNT(readings); i++) {
        struct outcome *o = run_shell("env %s '%s' nothing 2>&1", readings[i].environment, self_path());
        CHECK(succeeded(o) && strcmp(o->output, readings[i].output) == 0, "%s says: %s",
              readings[i].environment, o->output);
    }
}

static void a_summary_is_printed_at_exit(void)
{
    struct outcome *o = run_shell("env GREY_STATS=1 '%s' nothing 2>&1", self_path());
    CHECK(strncmp(o->output, "greyspan " GREY_VERSION ": the heap of process ", 30) == 0, "GREY_STATS=1: %s",
          o->output);
    o = run_shell("env GREY_STATS=1 '%s' closed 2>&1", self_path());
    CHECK(strstr(o->output, "in blocks of the program") != NULL, "also with stderr closed: %s", o->output);
    o = run_shell("env GREY_STATS=1 '%s' reused 2>&1", self_path());
    CHECK(o->output[0] == '\0', "not into a file that took the number: %s", o->output);
}

/* A program that closes all it does not know, and opens files of its own. */
static int reuse_numbers(void)
{
    for (int fd = STDERR_FILENO; fd < 1000; fd++)
        close(fd);
    for (int i = 0; i < 500; i++)
        if (dup(STDOUT_FILENO) < 0)
            return 1;
    char name[] = "/tmp/greyspan-test-XXXXXX";
    int file = mkstemp(name);
    for (int fd = STDERR_FILENO; file >= 0 && fd < 500; fd++)
        dup2(file, fd);
    unlink(name);
    return 0;
}

static int named_program(const char *name)
{
    for (size_t i = 0; i < COUNT(misuses); i++)
        if (strcmp(name, misuses[i].name) == 0)
            misuses[i].program();
    if (strcmp(name, "closed") == 0)
        fclose(stderr);
    return strcmp(name, "reused") == 0 ? reuse_numbers() : 0;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return named_program(argv[1]);
    misuse_is_reported();
    the_environment_is_read();
    a_summary_is_printed_at_exit();
    return result();
}
