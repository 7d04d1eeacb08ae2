/* A module is opened, and its variable holds the only reference, while others collect: from dlopen()
   on its data are scanned. */
#include "mutants.h"

static int stop;

static void *collect(void *unused)
{
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
        grey_collect();
    return unused;
}

/* The thread blocks the signal that stops it: a stop that was asked for before the module was opened comes
   when its variable has the object, and nothing else has. */
static __attribute__((noinline)) struct known *volatile *open_and_put(const char *path, void **module)
{
    *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    REQUIRE(*module != NULL, "the module opens: %s", dlerror());
    struct known *volatile *slot = (struct known *volatile *)dlsym(*module, "mutants_plugin_slot");
    REQUIRE(slot != NULL, "it has a slot");
    *slot = known_new(7);
    return slot;
}

/* What dead frames left. */
static __attribute__((noinline)) void scrub_stack(void)
{
    char words[8192];
    memset(words, 0, sizeof words);
    (void)hidep(words);
}

static void once(const char *path)
{
    sigset_t stop_signal;
    void *module;
    sigemptyset(&stop_signal);
    sigaddset(&stop_signal, (int)grey_get(GREY_SET_STOP_SIGNAL));
    pthread_sigmask(SIG_BLOCK, &stop_signal, NULL);
    struct known *volatile *slot = open_and_put(path, &module);
    scrub_stack();
    pthread_sigmask(SIG_UNBLOCK, &stop_signal, NULL);
    churn(50);
    grey_safepoint();
    known_check(*slot, 7);
    *slot = NULL;
    dlclose(module);
}

int main(int argc, char **argv)
{
    pthread_t t;
    char path[4096 + 32];
    mutants_begin(argc, argv);
    ssize_t n = readlink("/proc/self/exe", path, 4096);
    REQUIRE(n > 0, "/proc/self/exe can be read");
    path[n] = '\0';
    strcpy(strrchr(path, '/'), "/mutants_plugin.so");
    REQUIRE(grey_pthread_create(&t, NULL, collect, NULL) == 0, "a thread starts");
    while (time_left())
        once(path);
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    grey_pthread_join(t, NULL);
    return 0;
}
