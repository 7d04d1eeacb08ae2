/* What the documents quote is what the library has: the program at the top of greyspan.h is
   header_example.c, and collects; the table of docs/options.md is that of GREY_HELP=1; the header and its
   program are C++, too; docs/embedding.md has all of docs/examples/mistakes and what they say, which
   other tests compare with what they do say. */
#include "api.h"

#include <dirent.h>
#include <regex.h>

/* The text after `start`, each line freed of `prefix`, up to a line that has something else. */
static char *quoted(const char *text, const char *start, const char *prefix, const char *blank)
{
    char *out = calloc(1, OUTPUT_MAX);
    const char *at = strstr(text, start);
    for (at = at == NULL ? "" : at; *at != '\0';) {
        const char *end = strchr(at, '\n');
        size_t n = (size_t)(end - at);
        if (strncmp(at, prefix, strlen(prefix)) == 0)
            strncat(out, at + strlen(prefix), n - strlen(prefix));
        else if (n != strlen(blank) || strncmp(at, blank, n) != 0)
            break;
        strcat(out, "\n");
        at = end + 1;
    }
    return out;
}

static void the_headers_program_is_tested(void)
{
    char *header = read_source("../../include/greyspan.h"), *program = read_source("header_example.c");
    CHECK(header != NULL && program != NULL, "both sources are there");
    if (header == NULL || program == NULL)
        return;
    char *quote = quoted(header, " *     #include <greyspan.h>", " *     ", " *");
    size_t n = strlen(quote);
    CHECK(n > 1 && quote[n - 1] == '\n' && strncmp(quote, program, n - 1) == 0 && strlen(program) == n - 1,
          "the program in greyspan.h is tests/api/header_example.c, not:\n%s", quote);
    free(quote);
    free(program);
    free(header);
}

/* It allocates 130 MiB, of which one lives. */
static void the_headers_program_collects(void)
{
    int cycles = 0;
    int directory = (int)(strrchr(self_path(), '/') + 1 - self_path());
    struct outcome *o = run_shell("'%.*sheader_example'", directory, self_path());
    CHECK(succeeded(o) && sscanf(o->output, "%d cycles", &cycles) == 1 && cycles > 0,
          "header_example runs, and collects: status %d, %s", o->status, o->output);
}

static void the_table_of_options_is_printed(void)
{
    char *page = read_source("../../docs/options.md");
    CHECK(page != NULL, "docs/options.md is there");
    if (page == NULL)
        return;
    struct outcome *o = run_shell("env -u GREY_STATS GREY_HELP=1 '%s' nothing 2>&1 >/dev/null", self_path());
    CHECK(strncmp(o->output, "option ", 7) == 0, "GREY_HELP=1 prints a table: %s", o->output);
    CHECK(strstr(page, o->output) != NULL, "docs/options.md shows what GREY_HELP=1 prints:\n%s", o->output);
    free(page);
}

static void the_header_is_cxx(void)
{
    if (!succeeded(run_shell("command -v c++ >/dev/null")))
        return;
    struct outcome *o = run_shell("c++ -std=c++11 -pedantic -Wall -Wextra -Werror -fsyntax-only -x c++ "
                                  "'%s/../../include/greyspan.h' 2>&1",
                                  source_dir());
    CHECK(succeeded(o), "greyspan.h is C++:\n%s", o->output);
    o = run_shell("c++ -std=c++11 -Wall -Wextra -Werror -fsyntax-only -I'%s/../../include' -x c++ "
                  "'%s/header_example.c' 2>&1",
                  source_dir(), source_dir());
    CHECK(succeeded(o), "its program is C++:\n%s", o->output);
}

/* The page links to the file and has a line as its "says:" demands, unless that is a count. */
static void a_mistake_is_documented(const char *name, const char *page)
{
    char path[4096], says[1024] = "";
    snprintf(path, sizeof path, "../../docs/examples/mistakes/%s", name);
    char *source = read_source(path);
    regex_t expected;
    CHECK(strstr(page, path + strlen("../../docs/")) != NULL, "docs/embedding.md links to %s", name);
    bool read = source != NULL && sscanf(source, "// with: %*[^\n]\n// says: %1023[^\n]", says) == 1;
    CHECK(read && regcomp(&expected, says, REG_EXTENDED | REG_NOSUB) == 0, "%s has with: and says:", name);
    if (read && strncmp(says, "many", 4) != 0 && strncmp(says, "too late", 8) != 0)
        CHECK(regexec(&expected, page, 0, NULL, 0) == 0, "docs/embedding.md says as %s: %s", name, says);
    free(source);
}

static void all_mistakes_are_documented(void)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/../../docs/examples/mistakes", source_dir());
    char *page = read_source("../../docs/embedding.md");
    DIR *dir = opendir(path);
    int count = 0;
    CHECK(page != NULL && dir != NULL, "docs/embedding.md and its mistakes are there");
    for (struct dirent *e; page != NULL && dir != NULL && (e = readdir(dir)) != NULL;)
        if (strlen(e->d_name) > 2 && strcmp(e->d_name + strlen(e->d_name) - 2, ".c") == 0) {
            a_mistake_is_documented(e->d_name, page);
            count++;
        }
    CHECK(count > 10, "there are more than %d mistakes", count);
    if (dir != NULL)
        closedir(dir);
    free(page);
}

int main(int argc, char **argv)
{
    (void)argv;
    CHECK(grey_version()[0] != '\0', "the library is linked");
    if (argc > 1)
        return result(); /* run for what the library prints at its start */
    the_headers_program_is_tested();
    the_headers_program_collects();
    the_table_of_options_is_printed();
    the_header_is_cxx();
    all_mistakes_are_documented();
    return result();
}
