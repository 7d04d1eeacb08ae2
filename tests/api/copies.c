/* Two live copies of the library in one process are refused; a copy that nobody can call is not.
   The plugins carry the static library, which lies beside the shared one. */
#include "api.h"

static char scratch[] = "/tmp/greyspan-copies-XXXXXX";

static const char plugin_source[] =
    "#include <greyspan.h>\\n"
    "int plugin(void) { void *p = grey_malloc(10); grey_free(p); return p != 0; }\\n";

static bool build_plugin(const char *name, const char *options)
{
    struct outcome *o =
        run_shell("cd %s && printf '%s' >plugin.c && ${CC:-cc} -shared -fPIC -I'%s/../../include' "
                  "plugin.c '%s/libgreyspan.a' %s -o %s 2>&1",
                  scratch, plugin_source, source_dir(), library_dir(), options, name);
    if (!succeeded(o))
        fprintf(stderr, "%s", o->output);
    return succeeded(o);
}

/* What the second process does: load each plugin named and call it. */
static int load(int count, char **names)
{
    for (int i = 0; i < count; i++) {
        void *plugin = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
        int (*call)(void) = plugin == NULL ? NULL : (int (*)(void))dlsym(plugin, "plugin");
        if (call == NULL || call() != 1)
            return 1;
    }
    return 0;
}

static bool refused(const struct outcome *o, const char *one, const char *other)
{
    static const char start[] = "greyspan: two copies of the library in this process (";
    static const char end[] = "); link libgreyspan.so instead";
    return strstr(o->output, start) != NULL && strstr(o->output, end) != NULL &&
           strstr(o->output, one) != NULL && strstr(o->output, other) != NULL && !succeeded(o);
}

/* The library's functions in the plugin are its own: not exported, so nobody interposes them. */
static void a_plugin_with_a_heap_of_its_own(void)
{
    struct outcome *o = run_shell("'%s' load ./own.so 2>&1", self_path());
    CHECK(refused(o, "libgreyspan.so", "own.so"), "a second heap is refused: %s", o->output);
}

static void a_plugin_that_uses_ours(void)
{
    struct outcome *o = run_shell("'%s' load ./open.so 2>&1", self_path());
    CHECK(succeeded(o) && o->output[0] == '\0', "a copy that is never called is let be: %s", o->output);
}

static void two_plugins_in_a_foreign_program(void)
{
    struct outcome *o = run_shell("./host ./open.so ./own.so 2>&1");
    CHECK(refused(o, "open.so", "own.so"), "two static copies are refused: %s", o->output);
    o = run_shell("./host ./own.so ./own.so 2>&1");
    CHECK(succeeded(o), "one copy, loaded twice, is one: %s", o->output);
}

static bool build_host(void)
{
    return succeeded(
        run_shell("cd %s && printf '#include <dlfcn.h>\\nint main(int n, char **v) { for (int i = 1; i < n; "
                  "i++) { void *p = dlopen(v[i], RTLD_NOW | RTLD_LOCAL); if (!p || ((int (*)(void))dlsym(p, "
                  "\"plugin\"))() != 1) return 1; } return 0; }\\n' >host.c && ${CC:-cc} host.c -ldl -o host",
                  scratch));
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return load(argc - 2, argv + 2);
#if defined(GREY_SANITIZED) || defined(GREY_CHECK)
    return SKIPPED; /* plugins built here lack the sanitizer, or the room that lock checks take in TLS */
#endif
    if (mkdtemp(scratch) == NULL || chdir(scratch) != 0)
        return SKIPPED;
    int skip = 0;
    if (build_plugin("open.so", "") && build_plugin("own.so", "-Wl,--exclude-libs,ALL") && build_host()) {
        a_plugin_with_a_heap_of_its_own();
        a_plugin_that_uses_ours();
        two_plugins_in_a_foreign_program();
    } else {
        skip = SKIPPED;
    }
    (void)run_shell("rm -rf '%s'", scratch);
    return skip != 0 ? skip : result();
}
