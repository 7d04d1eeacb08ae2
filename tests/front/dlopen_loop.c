/* A library that allocates as it comes and goes, opened and closed again and again, from two
   threads at once; its thread-local memory is the loader's business, and so malloc's. */
#include "subprocess.h"
#include <pthread.h>

enum { ROUNDS = 300 };

static char library[PATH_MAX + 256];

static void *touch_local(void *f)
{
    char *local = ((char *(*)(void))f)();
    CHECK(all_zero(local, 5000), "thread-local memory begins as zeroes");
    memset(local, 1, 5000);
    return NULL;
}

static void *loop(void *argument)
{
    for (int i = 0; i < ROUNDS; i++) {
        pthread_t t;
        void *handle = dlopen(library, i % 2 == 0 ? RTLD_NOW | RTLD_LOCAL : RTLD_LAZY | RTLD_GLOBAL);
        REQUIRE(handle != NULL, "the library opens");
        void *(*block)(size_t) = (void *(*)(size_t))dlsym(handle, "plugin_block");
        void *local = dlsym(handle, "plugin_local");
        REQUIRE(block != NULL && local != NULL, "its symbols are found");
        void *p = block(hide(1000));
        REQUIRE(pthread_create(&t, NULL, touch_local, local) == 0, "a thread starts");
        touch_local(local);
        pthread_join(t, NULL);
        memset(((char *(*)(void))local)(), 0, 5000);
        dlclose(handle);
        CHECK(malloc_usable_size(p) >= 1000, "a block outlives the library that made it");
        free(p);
    }
    return argument;
}

int main(void)
{
    pthread_t t;
    snprintf(library, sizeof library, "%s", plugin("dlopen_plugin.so"));
    loop(NULL);
    size_t before = resident_bytes();
    REQUIRE(pthread_create(&t, NULL, loop, NULL) == 0, "a thread starts");
    loop(NULL);
    pthread_join(t, NULL);
    CHECK(resident_bytes() < before + 8 * MIB, "opening and closing leaves nothing behind");
    return front_result();
}
