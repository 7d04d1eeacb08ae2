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

static void once(const char *path)
{
    struct known *k = known_new(7);
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    REQUIRE(module != NULL, "the module opens: %s", dlerror());
    struct known *volatile *slot = (struct known *volatile *)dlsym(module, "mutants_plugin_slot");
    REQUIRE(slot != NULL, "it has a slot");
    *slot = k;
    k = NULL;
    /* Other values, in the registers and the frame that had it. */
    for (volatile int i = 0; i < 2000; i++)
        (void)hidep(NULL);
    churn(50);
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
