/* Under valgrind's memcheck the blocks are announced: a leak, an overrun, a use after free and a double
   free are found, for programs that use the API and, with the option of docs/preload.md, for those
   under the preload library; a correct program gives no error. */
#include "api.h"

/* ---- the programs ------------------------------------------------------------------------------- */

struct heap {
    void *(*take)(size_t size);
    void *(*resize)(void *p, size_t size);
    void (*give)(void *p);
};

static const struct heap through_api = { grey_malloc, grey_realloc, grey_free };
static const struct heap through_malloc = { malloc, realloc, free };

static void *volatile kept; /* reachable at the end */

static void leak(const struct heap *h)
{
    for (int i = 0; i < 3; i++)
        kept = h->take(77);
}

static void overrun(const struct heap *h)
{
    char *p = hide(h->take(100));
    p[100] = 1;
    h->give(p);
}

static void underrun(const struct heap *h)
{
    char *p = hide(h->take(100));
    p[-1] = 1;
    h->give(p);
}

static void use_after_free(const struct heap *h)
{
    char *p = hide(h->take(100));
    p[3] = 1;
    h->give(p);
    kept = p[3] ? p : NULL;
}

static void never_written(const struct heap *h)
{
    char *p = hide(h->take(100));
    if (p[50])
        kept = p;
    h->give(p);
}

static void twice(const struct heap *h)
{
    void *p = hide(h->take(100));
    h->give(p);
    h->give(p);
}

static void correct(const struct heap *h)
{
    enum { BLOCKS = 500 };
    static char *blocks[BLOCKS];
    for (size_t round = 1; round < 6; round++) {
        for (size_t i = 0; i < BLOCKS; i++) {
            blocks[i] = h->take(i * i * round % 9000);
            memset(blocks[i], (int)i, i * i * round % 9000);
        }
        for (size_t i = 0; i < BLOCKS; i++) {
            blocks[i] = h->resize(blocks[i], i + 1);
            blocks[i][i] = 1;
        }
        for (size_t i = 0; i < BLOCKS; i++)
            h->give(blocks[i]);
    }
    h->give(h->take(40 << 20));
}

static const struct {
    const char *name;
    void (*program)(const struct heap *h);
    const char *finding; /* of memcheck; NULL: none */
} programs[] = {
    { "leak", leak, "154 bytes in 2 blocks are definitely lost" },
    { "overrun", overrun, "is 0 bytes after a block of size 100" },
    { "underrun", underrun, "is 1 bytes before a block of size 100" },
    { "use_after_free", use_after_free, "is 3 bytes inside a block of size 100 free'd" },
    { "never_written", never_written, "Conditional jump or move depends on uninitialised value" },
    { "twice", twice, "double free" },
    { "correct", correct, NULL },
};

static int named_program(const char *way, const char *name)
{
    for (size_t i = 0; i < COUNT(programs); i++)
        if (strcmp(name, programs[i].name) == 0)
            programs[i].program(strcmp(way, "api") == 0 ? &through_api : &through_malloc);
    return 0;
}

/* ---- what memcheck says of them ----------------------------------------------------------------- */

static void look(const char *way, const char *environment, const char *option)
{
    for (size_t i = 0; i < COUNT(programs); i++) {
        struct outcome *o =
            run_shell("env %s valgrind --quiet --leak-check=full --show-leak-kinds=definite "
                      "--errors-for-leak-kinds=definite --error-exitcode=99 %s '%s' %s %s 2>&1",
                      environment, option, self_path(), way, programs[i].name);
        if (programs[i].finding == NULL)
            CHECK(succeeded(o) && o->output[0] == '\0', "%s, %s: nothing to say, but: %s", way,
                  programs[i].name, o->output);
        else
            CHECK(!succeeded(o) && strstr(o->output, programs[i].finding) != NULL, "%s, %s: '%s', not: %s",
                  way, programs[i].name, programs[i].finding, o->output);
    }
}

int main(int argc, char **argv)
{
    if (argc > 2)
        return named_program(argv[1], argv[2]);
#ifdef GREY_SANITIZED
    return SKIPPED; /* valgrind and the sanitizers exclude each other */
#endif
    if (!succeeded(run_shell("valgrind --version 2>&1")))
        return SKIPPED;
    if (!succeeded(run_shell("valgrind --quiet '%s' api nothing 2>&1", self_path())))
        return SKIPPED; /* valgrind older than the compiler: it cannot read the debug information */
    look("api", "", "");

    char environment[8192];
    snprintf(environment, sizeof environment, "LD_PRELOAD='%s/libgreyspan-malloc.so'", library_dir());
    if (succeeded(run_shell("test -r '%s/libgreyspan-malloc.so'", library_dir())))
        look("malloc", environment, "--soname-synonyms=somalloc=nouserintercepts");
    return result();
}
