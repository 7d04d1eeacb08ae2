/* Modules come and go while others collect: nobody reads data that are unmapped. */
#include "mutants.h"

static int stop;
static char path[4096 + 32];

static void *open_and_close(void *unused)
{
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        REQUIRE(module != NULL, "the module opens: %s", dlerror());
        char *data = (char *)dlsym(module, "mutants_plugin_data");
        touch(data, 48 * KIB);
        dlclose(module);
    }
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t t[3];
    mutants_begin(argc, argv);
    ssize_t n = readlink("/proc/self/exe", path, 4096);
    REQUIRE(n > 0, "/proc/self/exe can be read");
    path[n] = '\0';
    strcpy(strrchr(path, '/'), "/mutants_plugin.so");
    grey_collect();
    /* Not attached: nothing holds them up while the world is stopped. */
    for (size_t i = 0; i < COUNT(t); i++)
        REQUIRE(pthread_create(&t[i], NULL, open_and_close, NULL) == 0, "a thread starts");
    while (time_left())
        grey_collect();
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    for (size_t i = 0; i < COUNT(t); i++)
        pthread_join(t[i], NULL);
    return 0;
}
