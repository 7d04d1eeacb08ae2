/* without: see without.h. A build for `dev mutants` reads the environment once; all others have nothing
   of this. */
#include "alloc/without.h"

#ifdef GREY_MUTANTS

#include "alloc/os.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *sentence;
} remedies[] = {
#define AS_ROW(name, sentence) { #name, sentence },
    REMEDIES(AS_ROW)
};
static_assert(COUNT(remedies) == REMEDY_COUNT, "a remedy has no name");

static void say(const char *s)
{
    os_write(2, s, strlen(s));
}

/* Reports are above this module. */
static _Noreturn void unknown(const char *name, size_t n)
{
    say("greyspan: GREY_TEST_WITHOUT: \"");
    os_write(2, name, n);
    say("\" is no remedy; there are:\n");
    for (size_t i = 0; i < REMEDY_COUNT; i++) {
        say("  ");
        say(remedies[i].name);
        say("  ");
        say(remedies[i].sentence);
        say("\n");
    }
    os_abort();
}

static enum remedy remedy_named(const char *name, size_t n)
{
    for (size_t i = 0; i < REMEDY_COUNT; i++)
        if (strlen(remedies[i].name) == n && memcmp(remedies[i].name, name, n) == 0)
            return (enum remedy)i;
    unknown(name, n);
}

/* [atomic] A bit a remedy that is taken out, and READ once the environment was read. Whoever reads it
   first stores what everybody would store: relaxed will do. */
#define READ ((uintptr_t)1 << 63)
static struct atomicw taken_out;
static_assert(REMEDY_COUNT < 63, "a remedy is a bit of a word");

static GREY_COLD uintptr_t read_environment(void)
{
    uintptr_t mask = READ;
    const char *s = getenv("GREY_TEST_WITHOUT");
    while (s != NULL && *s != '\0') {
        size_t n = strcspn(s, ",");
        mask |= (uintptr_t)1 << remedy_named(s, n);
        s += n + (s[n] == ',');
    }
    aw_store_relaxed(&taken_out, mask);
    return mask;
}

bool without_asked(enum remedy r)
{
    uintptr_t mask = aw_load_relaxed(&taken_out);
    if (unlikely(mask == 0))
        mask = read_environment();
    return (mask >> r & 1) != 0;
}

#endif
