/* GREY_ROOTS_EXACT: variables keep nothing; what a program names does, registered variables too. */
#include "root.h"

enum { WORDS = 100 };

static void *variable[WORDS], *registered[WORDS], *block_words;
static grey_handle *handles[WORDS];

static void store_variable(size_t i, void *p)
{
    variable[i] = p;
}

static void *load_variable(size_t i)
{
    return variable[i];
}

static void begin_registered(void)
{
    CHECK(grey_root_add(registered, sizeof registered), "a variable is registered");
}

static void store_registered(size_t i, void *p)
{
    registered[i] = p;
}

static void *load_registered(size_t i)
{
    return registered[i];
}

static void drop_registered(void)
{
    CHECK(grey_root_remove(registered, sizeof registered), "a variable is removed");
    memset(registered, 0, sizeof registered); /* for later, when variables count again */
}

static void store_handle(size_t i, void *p)
{
    handles[i] = grey_handle_create(p);
}

static void *load_handle(size_t i)
{
    return grey_handle_get(handles[i]);
}

static void drop_handles(void)
{
    for (size_t i = 0; i < WORDS; i++)
        grey_handle_release(handles[i]);
}

static void begin_block(void)
{
    block_words = grey_alloc_root(WORDS * sizeof(void *));
}

static void store_block(size_t i, void *p)
{
    ((void **)block_words)[i] = p;
}

static void *load_block(size_t i)
{
    return ((void **)block_words)[i];
}

static void drop_block(void)
{
    grey_free(block_words);
}

/* From here on variables count again. */
static void begin_auto(void)
{
    CHECK(grey_set(GREY_SET_ROOTS, GREY_ROOTS_AUTO), "roots may be set at run time");
}

static void drop_variable(void)
{
    memset(variable, 0, sizeof variable);
}

int main(void)
{
    static const struct root_kind kinds[] = {
        { "a variable, exact", WORDS, NULL, store_variable, load_variable, NULL, true },
        { "a registered variable, exact", WORDS, begin_registered, store_registered, load_registered,
          drop_registered, false },
        { "handles, exact", WORDS, NULL, store_handle, load_handle, drop_handles, false },
        { "a root block, exact", WORDS, begin_block, store_block, load_block, drop_block, false },
        { "a variable, auto", WORDS, begin_auto, store_variable, load_variable, drop_variable, false },
    };
    CHECK(grey_set(GREY_SET_ROOTS, GREY_ROOTS_EXACT), "roots may be set");
    CHECK(grey_get(GREY_SET_ROOTS) == GREY_ROOTS_EXACT, "and read");
    for (size_t i = 0; i < COUNT(kinds); i++)
        root_test(&kinds[i]);
    return result();
}
