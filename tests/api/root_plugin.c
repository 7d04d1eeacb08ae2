/* A module with variables, for tests that open and close it. */
#include <stddef.h>

enum { WORDS = 100, PADDING = 1 << 16 };

void **plugin_words(int which);
int plugin_constructed(void);

static void *in_bss[WORDS], *large[PADDING];
static void *in_data[WORDS] = { &in_bss };
static int constructed;

void **plugin_words(int which)
{
    return which == 0 ? in_bss : which == 1 ? in_data : large + PADDING - WORDS;
}

int plugin_constructed(void)
{
    return constructed;
}

__attribute__((constructor)) static void begin(void)
{
    constructed++;
}
