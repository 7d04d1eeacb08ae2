/* malloc after main: in atexit, on_exit, at_quick_exit, in destructors, and in the destructor
   of a library that the loader finalises after the allocator. */
#include "subprocess.h"

static void *kept[1000];

static void use(const char *where)
{
    for (size_t i = 0; i < COUNT(kept); i++) {
        free(kept[i]);
        kept[i] = hidep(malloc(hide(i * 50)));
        REQUIRE(kept[i] != NULL, "malloc works in %s", where);
        kept[i] = realloc(kept[i], hide(i * 60 + 1));
    }
    free(hidep(malloc(64 * MIB)));
    dprintf(1, "%s\n", where);
}

static void in_atexit(void)
{
    use("atexit");
}
static void in_quick_exit(void)
{
    use("at_quick_exit");
}
static void in_on_exit(int status, void *argument)
{
    (void)status;
    free(argument);
    use("on_exit");
}

__attribute__((destructor)) static void in_destructor(void)
{
    use("a destructor");
}

__attribute__((destructor(101))) static void in_last_destructor(void)
{
    use("the last destructor of the program");
}

static int child(const char *mode)
{
    use("main");
    at_quick_exit(in_quick_exit);
    if (strcmp(mode, "quick") == 0)
        quick_exit(0);
    for (int i = 0; i < 40; i++)
        atexit(in_atexit);
    on_exit(in_on_exit, malloc(hide(100)));
    return 0;
}

static void ends_with(const char *mode, const char *setting, const char *last)
{
    static struct run r;
    run_self(&r, mode, preload_with("early_plugin.so"), "EARLY_LATE=1", setting, NULL);
    CHECK(run_ended_well(&r), "exit with late allocations ends well (%s, %s): status %#x\n%s", mode, setting,
          r.status, r.err);
    CHECK(strstr(r.out, last) != NULL, "the program came to '%s':\n%s", last, r.out);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return child(argv[1]);
    ends_with("exit", "GREY_STATS=0", "the last destructor is done");
    ends_with("exit", "GREY_STATS=1", "the last destructor is done");
    ends_with("quick", "GREY_STATS=0", "at_quick_exit");
    return front_result();
}
