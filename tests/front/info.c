/* The inspection calls tell of this heap: malloc_info (XML), mallinfo, mallinfo2,
   malloc_stats, mallopt, malloc_trim. */
#include "front.h"
#include <ctype.h>
#include <sys/wait.h>

enum { DEPTH = 32, NAME = 64 };

static char names[DEPTH][NAME];

/* One tag at `at` (which is a '<'); gives the place behind it, or NULL when it is malformed. */
static const char *xml_tag(const char *at, int *depth, int *roots)
{
    bool closing = at[1] == '/';
    char name[NAME] = { 0 };
    size_t n = 0;
    at += closing ? 2 : 1;
    while ((isalnum((unsigned char)*at) || *at == '_' || *at == '-') && n < NAME - 1)
        name[n++] = *at++;
    if (n == 0)
        return NULL;
    while (!closing && *at == ' ') {
        while (*at == ' ')
            at++;
        if (*at == '/' || *at == '>')
            break;
        while (isalnum((unsigned char)*at) || *at == '_' || *at == '-')
            at++;
        if (at[0] != '=' || at[1] != '"')
            return NULL;
        for (at += 2; *at != '"'; at++)
            if (*at == 0 || *at == '<' || *at == '&')
                return NULL;
        at++;
    }
    bool empty = *at == '/';
    at += empty;
    if (*at != '>')
        return NULL;
    if (closing)
        return *depth > 0 && strcmp(names[--*depth], name) == 0 ? at + 1 : NULL;
    *roots += *depth == 0;
    if (!empty) {
        if (*depth == DEPTH)
            return NULL;
        memcpy(names[(*depth)++], name, NAME);
    }
    return at + 1;
}

static bool xml_is_well_formed(const char *at)
{
    int depth = 0, roots = 0;
    if (strncmp(at, "<?xml", 5) == 0)
        at = strstr(at, "?>") == NULL ? at : strstr(at, "?>") + 2;
    while (*at != 0) {
        if (*at == '<') {
            at = xml_tag(at, &depth, &roots);
            if (at == NULL)
                return false;
        } else if (*at == '>' || *at == '&' || (depth == 0 && !isspace((unsigned char)*at))) {
            return false;
        } else {
            at++;
        }
    }
    return depth == 0 && roots == 1;
}

static void malloc_info_is_xml(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    CHECK(malloc_info(0, f) == 0, "malloc_info(0, f) succeeds");
    fclose(f);
    CHECK(size > 0 && strncmp(text, "<malloc", 7) == 0, "malloc_info writes a malloc element");
    CHECK(xml_is_well_formed(text), "malloc_info writes well-formed XML:\n%s", text);
    free(text);

    CHECK(!xml_is_well_formed("<a><b></a></b>") && !xml_is_well_formed("<a b=1/>") &&
              xml_is_well_formed("<a b=\"1\"/>"),
          "the check of this test tells well-formed from malformed");
    f = open_memstream(&text, &size);
    CHECK(malloc_info(1, f) != 0, "malloc_info refuses options it does not know");
    fclose(f);
    free(text);
}

/* Numbers of 100-byte blocks, then one large block. */
static void mallinfo_follows(void)
{
    enum { BLOCKS = 300000, SIZE = 100 };
    void **blocks = malloc(BLOCKS * sizeof *blocks);
    memset(hidep(blocks), 0, BLOCKS * sizeof *blocks);
    struct mallinfo2 before = mallinfo2();
    for (size_t i = 0; i < BLOCKS; i++)
        blocks[i] = hidep(malloc(hide(SIZE)));
    struct mallinfo2 full = mallinfo2();
    CHECK(full.uordblks >= before.uordblks + (size_t)BLOCKS * SIZE,
          "uordblks counts what is allocated (%zu, %zu)", before.uordblks, full.uordblks);
    CHECK(full.uordblks <= before.uordblks + (size_t)BLOCKS * SIZE * 2,
          "uordblks is not more than twice that");
    CHECK(full.arena + full.hblkhd >= full.uordblks, "what is in use fits in what is mapped");

    struct mallinfo old = mallinfo();
    CHECK((size_t)(unsigned)old.uordblks + MIB > full.uordblks &&
              (size_t)(unsigned)old.uordblks < full.uordblks + MIB,
          "mallinfo says the same as mallinfo2 (%d, %zu)", old.uordblks, full.uordblks);

    for (size_t i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    struct mallinfo2 after = mallinfo2();
    CHECK(after.uordblks < before.uordblks + 4 * MIB, "freed blocks leave uordblks (%zu, %zu)",
          before.uordblks, after.uordblks);

    void *large = hidep(malloc(100 * MIB));
    struct mallinfo2 with = mallinfo2();
    CHECK(with.uordblks + with.hblkhd >= after.uordblks + after.hblkhd + 100 * MIB,
          "a large block is counted");
    free(large);
    free(blocks);
}

static void malloc_stats_prints(void)
{
    char text[4096] = { 0 };
    FILE *f = tmpfile();
    fflush(NULL);
    int saved = dup(2);
    dup2(fileno(f), 2);
    malloc_stats();
    dup2(saved, 2);
    close(saved);
    CHECK(pread(fileno(f), text, sizeof text - 1, 0) > 20, "malloc_stats writes to stderr");
    CHECK(strchr(text, '\n') != NULL, "malloc_stats writes lines");
    fclose(f);
}

static void mallopt_is_accepted(void)
{
    CHECK(mallopt(M_MMAP_THRESHOLD, 65536) == 1, "mallopt(M_MMAP_THRESHOLD) succeeds");
    CHECK(mallopt(M_TRIM_THRESHOLD, 65536) == 1, "mallopt(M_TRIM_THRESHOLD) succeeds");
    CHECK(mallopt(M_ARENA_MAX, 1) == 1, "mallopt(M_ARENA_MAX) succeeds");
}

static void malloc_trim_gives_back(void)
{
    enum { BLOCKS = 64 * 1024, SIZE = 1000 };
    static void *blocks[BLOCKS];
    malloc_trim(0);
    size_t before = resident_bytes();
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = hidep(malloc(hide(SIZE)));
        touch(blocks[i], SIZE);
    }
    size_t full = resident_bytes();
    CHECK(full > before + 60 * MIB, "the blocks are resident");
    for (size_t i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    CHECK(malloc_trim(0) == 1, "malloc_trim says that it gave memory back");
    size_t after = resident_bytes();
    CHECK(after < before + 8 * MIB, "malloc_trim gives memory back (%zu, %zu, %zu)", before, full, after);
}

int main(void)
{
    malloc_info_is_xml();
    mallinfo_follows();
    malloc_stats_prints();
    malloc_trim_gives_back();
    mallopt_is_accepted();
    malloc_info_is_xml();
    return front_result();
}
