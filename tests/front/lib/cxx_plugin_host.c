/* A C program, without the C++ run-time, opens a C++ plugin RTLD_LOCAL. */
#include "../subprocess.h"

int main(void)
{
    CHECK(symbol("__cxa_throw") == NULL, "the program itself has no C++ run-time");
    for (int i = 0; i < 3; i++) {
        void *handle = dlopen(plugin("cxx_plugin.so"), RTLD_NOW | RTLD_LOCAL);
        REQUIRE(handle != NULL, "the plugin opens: %s", dlerror());
        int (*check)(void) = (int (*)(void))dlsym(handle, "cxx_plugin_check");
        CHECK(check != NULL && check() == 0, "the plugin's checks hold");
        dlclose(handle);
    }
    return front_result();
}
