/* Loose roots that nobody registered: variables of the program, wherever they lie, and of libraries. */
#include "root.h"

enum { WORDS = 100, FAR = 16 << 20 };

/* ---- .bss and .data ---- */

static void *in_bss[WORDS];
static void *in_data[WORDS] = { in_bss, in_bss }; /* so that it is not .bss */

static void store_bss(size_t i, void *p)
{
    in_bss[i] = p;
}

static void *load_bss(size_t i)
{
    return in_bss[i];
}

static void drop_bss(void)
{
    memset(in_bss, 0, sizeof in_bss);
}

static void store_data(size_t i, void *p)
{
    in_data[i] = p;
}

static void *load_data(size_t i)
{
    return in_data[i];
}

static void drop_data(void)
{
    memset(in_data, 0, sizeof in_data);
}

/* ---- far apart in an array whose other pages nobody touches; the last one at its very end ---- */

static void *large[FAR / sizeof(void *)];

static void **far_slot(size_t i)
{
    return &large[COUNT(large) - 1 - (WORDS - 1 - i) * (COUNT(large) / WORDS - 7)];
}

static void store_far(size_t i, void *p)
{
    *far_slot(i) = p;
}

static void *load_far(size_t i)
{
    return *far_slot(i);
}

static void drop_far(void)
{
    for (size_t i = 0; i < WORDS; i++)
        *far_slot(i) = NULL;
}

/* ---- a variable of libc's, which the program needs from its start ---- */

static void **of_libc(void)
{
    return dlsym(RTLD_DEFAULT, "optarg");
}

static void store_libc(size_t i, void *p)
{
    of_libc()[i] = p;
}

static void *load_libc(size_t i)
{
    return of_libc()[i];
}

static void drop_libc(void)
{
    *of_libc() = NULL;
}

/* ---- an interior pointer keeps the object, too ---- */

static char *interior[WORDS];

static void store_interior(size_t i, void *p)
{
    interior[i] = (char *)p + sizeof(struct root_node) - 1;
}

static void *load_interior(size_t i)
{
    return interior[i] - (sizeof(struct root_node) - 1);
}

static void drop_interior(void)
{
    memset(interior, 0, sizeof interior);
}

int main(void)
{
    static const struct root_kind kinds[] = {
        { "a variable in .bss", WORDS, NULL, store_bss, load_bss, drop_bss, false },
        { "a variable in .data", WORDS, NULL, store_data, load_data, drop_data, false },
        { "a large array", WORDS, NULL, store_far, load_far, drop_far, false },
        { "a library's variable", 1, NULL, store_libc, load_libc, drop_libc, false },
        { "an interior pointer", WORDS, NULL, store_interior, load_interior, drop_interior, false },
    };
    for (size_t i = 0; i < COUNT(kinds); i++)
        root_test(&kinds[i]);
    return result();
}
