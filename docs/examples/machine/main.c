/* A stack machine whose objects Greyspan collects.
 *
 *     machine          runs the two programs below on two threads, and checks what they print
 *     machine FILE     runs a program of yours (-: standard input); reader.c has the language
 *
 * With GREY_GCTRACE=1 in the environment each collection writes a line. docs/embedding.md walks through
 * these files. Build: cc *.c $(pkg-config --cflags --libs greyspan) */
#include "machine.h"

#include <stdlib.h>
#include <string.h>

/* What the programs share. Definitions are global; threads that run at the same time only use them. */
static const char library[] =
    "{ | n | n 2 < { n } { n 1 - fib call n 2 - fib call + } if } =fib\n"

    "{ | what number | what \" \" join number text join print } =show\n"

    "# lists: the numbers of a range, a list of what a function makes of them, and a sum of a kind\n"
    "{ | from to | from to < { from from 1 + to range call cons } { nil } if } =range\n"
    "{ | list f | list nil? { nil } { list first f call list rest f map call cons } if } =map\n"
    "{ | list sum f | list nil? { sum } { list rest sum list first f call f fold call } if } =fold\n"

    "# queens: rows are filled one after the other; placed is the list of columns, the last row's first\n"
    "{ | column distance placed |\n"
    "  placed nil? { true } {\n"
    "    placed first column = placed first column distance + = or placed first column distance - = or\n"
    "    { nil } { column distance 1 + placed rest safe call } if } if } =safe\n"
    "{ | n row placed | row n = { 1 } { n row placed 0 try call } if } =place\n"
    "{ | n row placed column |\n"
    "  column n = { 0 } {\n"
    "    column 1 placed safe call { n row 1 + column placed cons place call } { 0 } if\n"
    "    n row placed column 1 + try call + } if } =try\n"
    "{ | n | n 0 nil place call } =queens\n"

    "# primes: a vector from which multiples are struck\n"
    "{ | v i step | i v length < { v i nil put v i step + step strike call } { } if } =strike\n"
    "{ | v i found |\n"
    "  i v length < {\n"
    "    v i at { v i i * i strike call v i 1 + found 1 + sieve call } { v i 1 + found sieve call } if\n"
    "  } { found } if } =sieve\n"
    "{ | n | n true vector 2 0 sieve call } =primes\n"

    "# n symbols, and n buffers outside the heap, that nobody keeps\n"
    "{ | n | n 0 = { } { \"name\" n text join symbol drop n 1 - symbols call } if } =symbols\n"
    "{ | n | n 0 = { } { 1000 buffer drop n 1 - buffers call } if } =buffers\n";

static const char numbers[] = "\"fib 18:\" 18 fib call show call\n"
                              "\"queens 7:\" 7 queens call show call\n"
                              "\"primes below 5000:\" 5000 primes call show call\n"
                              "0 10 range call { | n | n n * } map call dup print\n"
                              "0 { | a b | a b + } fold call\n";

static const char numbers_print[] = "fib 18: 2584\n"
                                    "queens 7: 40\n"
                                    "primes below 5000: 669\n"
                                    "(0 1 4 9 16 25 36 49 64 81)\n";

static const char words[] = "\"digits up to 499:\" 0 500 range call { | n | n text } map call\n"
                            "\"\" { | a b | a b join } fold call length show call\n"
                            "5000 symbols call 2000 buffers call\n"
                            "'name7 \"name\" \"7\" join symbol =\n"
                            "{ \"one symbol a name\" print } { \"two of a name\" print } if\n"
                            "\"queens 6:\" 6 queens call show call\n"
                            "\"a last word\"\n";

static const char words_print[] = "digits up to 499: 1390\n"
                                  "one symbol a name\n"
                                  "queens 6: 4\n";

/* ---- a program on a thread of its own ------------------------------------------------------------ */

struct job {
    const char *program, *expected;
    pthread_t thread;
    char *printed; /* of malloc's */
    bool passed;
};

static void *run_job(void *argument)
{
    struct job *job = argument;
    size_t bytes;
    FILE *out = open_memstream(&job->printed, &bytes);
    struct machine *m = out == NULL ? NULL : machine_new(out);
    if (m == NULL)
        return NULL;
    job->passed = machine_run(m, job->program);
    if (!job->passed)
        fprintf(stderr, "machine: %s\n", m->sentence);
    value result = machine_result(m);
    machine_delete(m);
    fclose(out);
    return result; /* kept by grey_pthread_join() until its caller has it, though no root names it */
}

static bool start_job(struct job *job, const char *program, const char *expected)
{
    *job = (struct job){ .program = program, .expected = expected };
    return grey_pthread_create(&job->thread, NULL, run_job, job) == 0;
}

static value finish_job(struct job *job)
{
    void *result = NULL;
    if (grey_pthread_join(job->thread, &result) != 0 || job->printed == NULL)
        job->passed = false;
    if (job->passed) {
        fputs(job->printed, stdout);
        job->passed = strcmp(job->printed, job->expected) == 0;
        if (!job->passed)
            printf("instead of\n%s", job->expected);
    }
    free(job->printed);
    return result;
}

static bool run_both(void)
{
    struct job first, second;
    if (!start_job(&first, numbers, numbers_print))
        return false;
    if (!start_job(&second, words, words_print)) {
        finish_job(&first);
        return false;
    }
    value sum = finish_job(&first), text = finish_job(&second);
    if (!first.passed || !second.passed)
        return false;
    printf("results: %ld and \"%s\"\n", (long)integer(sum), ((struct string *)text)->text);
    return sum == number(285);
}

/* ---- what the collector left --------------------------------------------------------------------- */

/* A word on some stack may keep one or another by chance: most are asked for, not all. */
static bool most_is_gone(void)
{
    for (int i = 0; i < 3; i++) { /* what a finalizer held goes in the next cycle */
        grey_collect();
        grey_finalizers_run();
    }
    size_t symbols = symbols_count(), left = buffers_made() - buffers_freed();
    struct grey_gc_stats s;
    grey_gc_stats(&s, sizeof s);
    printf("%s symbols and buffers are gone, after %s collections\n",
           symbols < 1000 && left < 200 ? "most" : "few", s.cycles > 2 ? "some" : "no");
    if (symbols >= 1000 || left >= 200)
        printf("%zu symbols, %zu of %zu buffers are left\n", symbols, left, buffers_made());
    return symbols < 1000 && left < 200;
}

/* ---- a program of the user's --------------------------------------------------------------------- */

static char *read_file(const char *path)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    size_t bytes = 0, capacity = 1 << 16;
    char *text = malloc(capacity);
    while (in != NULL && text != NULL) {
        size_t n = fread(text + bytes, 1, capacity - bytes - 1, in);
        bytes += n;
        if (n == 0)
            break;
        if (capacity - bytes == 1)
            text = realloc(text, capacity *= 2);
    }
    if (in == NULL || text == NULL) {
        perror(path);
        exit(1);
    }
    text[bytes] = '\0';
    return text;
}

static bool run(const char *text)
{
    struct machine *m = machine_new(stdout);
    if (m == NULL)
        return false;
    bool passed = machine_run(m, text);
    if (!passed)
        fprintf(stderr, "machine: %s\n", m->sentence);
    machine_delete(m);
    return passed;
}

int main(int argc, char **argv)
{
    objects_begin();
    if (argc > 1) {
        char *text = read_file(argv[1]);
        bool passed = run(library) && run(text);
        free(text);
        return passed ? 0 : 1;
    }
    return run(library) && run_both() && most_is_gone() ? 0 : 1;
}
