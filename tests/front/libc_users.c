/* What libc allocates for its callers comes from this heap: it can be measured, resized and freed. */
#include "front.h"
#include <dirent.h>
#include <glob.h>
#include <iconv.h>
#include <locale.h>
#include <netdb.h>
#include <regex.h>
#include <search.h>
#include <wchar.h>

static void ours(void *p, size_t size, const char *call)
{
    CHECK(p != NULL, "%s succeeds", call);
    CHECK(malloc_usable_size(p) >= size, "%s: the block is of this heap and covers %zu bytes", call, size);
    p = realloc(p, size + 100000);
    CHECK(p != NULL, "%s: the block can grow", call);
    free(p);
}

static void strings(void)
{
    char *text = NULL;
    ours(strdup("a copy"), 7, "strdup");
    ours(strndup("a copy", 3), 4, "strndup");
    ours(wcsdup(L"a copy"), 28, "wcsdup");
    CHECK(asprintf(&text, "%0100000d", 7) == 100000, "asprintf writes a long line");
    ours(text, 100001, "asprintf");
    CHECK(sscanf("word", "%ms", &text) == 1, "scanf allocates for %%ms");
    ours(text, 5, "sscanf");
    for (int i = 0; i < 2000; i++) {
        char name[32];
        snprintf(name, sizeof name, "FRONT_%d", i);
        CHECK(setenv(name, "a value that is not so very short", 1) == 0, "setenv succeeds");
    }
    for (int i = 0; i < 2000; i++) {
        char name[32];
        snprintf(name, sizeof name, "FRONT_%d", i);
        CHECK(unsetenv(name) == 0, "unsetenv succeeds");
    }
}

static void streams(void)
{
    char *text = NULL, *line = NULL;
    size_t size = 0, room = 0;
    FILE *f = open_memstream(&text, &size);
    for (int i = 0; i < 100000; i++)
        fprintf(f, "line %d%s", i, i % 1000 == 999 ? "\n" : " ");
    fclose(f);
    CHECK(size > 900000, "open_memstream grew to %zu bytes", size);

    f = fmemopen(text, size, "r");
    ssize_t n, lines = 0;
    while ((n = getline(&line, &room, f)) > 0)
        lines++;
    CHECK(lines == 100, "getline read all lines");
    fclose(f);
    ours(line, room, "getline");
    ours(text, size, "open_memstream");

    f = tmpfile();
    CHECK(f != NULL && fputs("words, more words, ", f) >= 0, "a stream has a buffer");
    rewind(f);
    line = NULL;
    room = 0;
    CHECK(getdelim(&line, &room, ',', f) == 6, "getdelim reads to the comma");
    ours(line, room, "getdelim");
    fclose(f);
}

static void paths(void)
{
    ours(realpath("/proc/self/../self", NULL), 5, "realpath");
    ours(getcwd(NULL, 0), 2, "getcwd");
    ours(get_current_dir_name(), 2, "get_current_dir_name");

    struct dirent **entries;
    int n = scandir("/etc", &entries, NULL, alphasort);
    CHECK(n > 2, "scandir lists /etc");
    for (int i = 0; i < n; i++)
        ours(entries[i], sizeof(ino_t), "scandir's entry");
    ours(entries, (size_t)n * sizeof *entries, "scandir's list");

    glob_t g;
    CHECK(glob("/etc/*", GLOB_NOSORT, NULL, &g) == 0, "glob finds files");
    globfree(&g);
}

static int by_value(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static void keep(void *p)
{
    (void)p;
}

static void tables(void)
{
    enum { N = 200000 };
    int *numbers = malloc(N * sizeof *numbers);
    void *root = NULL;
    uint64_t random = 7;
    for (size_t i = 0; i < N; i++)
        numbers[i] = (int)random_below(&random, 1 << 30);
    qsort(numbers, N, sizeof *numbers, by_value);
    for (size_t i = 1; i < N; i++)
        CHECK(numbers[i - 1] <= numbers[i], "qsort sorts");
    for (size_t i = 0; i < 1000; i++)
        CHECK(tsearch(&numbers[i], &root, by_value) != NULL, "tsearch inserts");
    tdestroy(root, keep);
    ours(numbers, N * sizeof *numbers, "malloc");
}

static void others(void)
{
    regex_t re;
    CHECK(regcomp(&re, "^(a|b)*c{2,9}[[:alpha:]]+$", REG_EXTENDED) == 0, "regcomp compiles");
    CHECK(regexec(&re, "ababccx", 0, NULL, 0) == 0, "regexec matches");
    regfree(&re);

    locale_t l = newlocale(LC_ALL_MASK, "C.UTF-8", NULL);
    if (l != NULL)
        freelocale(l);
    setlocale(LC_ALL, "C.UTF-8");
    setlocale(LC_ALL, "C");

    iconv_t converter = iconv_open("UTF-16LE", "UTF-8");
    if (converter != (iconv_t)-1)
        iconv_close(converter);

    struct addrinfo *list = NULL, want = { .ai_flags = AI_NUMERICHOST };
    if (getaddrinfo("127.0.0.1", "80", &want, &list) == 0)
        freeaddrinfo(list);
}

int main(void)
{
    for (int round = 0; round < 3; round++) {
        strings();
        streams();
        paths();
        tables();
        others();
    }
    return front_result();
}
