// A C++ plugin of a C program: loaded RTLD_LOCAL, so that the C++ run-time is in nobody's
// global scope, and operator new has to find it all the same.
#include "../front.h"
#include <map>
#include <new>
#include <string>

namespace
{

int handler_calls;

void handler()
{
    if (++handler_calls == 3)
        std::set_new_handler(nullptr);
}

} // namespace

extern "C" int cxx_plugin_check()
{
    std::map<int, std::string> map;
    for (int i = 0; i < 1000; i++)
        map[i] = std::string(static_cast<size_t>(i), 'x');
    CHECK(map[999].size() == 999, "containers work in a plugin");

    bool thrown = false;
    try {
        (void)hidep(::operator new(hide(SIZE_MAX / 2)));
    } catch (const std::bad_alloc &) {
        thrown = true;
    }
    CHECK(thrown, "bad_alloc is thrown in a plugin of a C program and caught there");

    thrown = false;
    std::set_new_handler(handler);
    try {
        (void)hidep(::operator new[](hide(SIZE_MAX / 2), std::align_val_t{ 64 }));
    } catch (const std::bad_alloc &) {
        thrown = true;
    }
    CHECK(thrown && handler_calls == 3, "the new-handler of a plugin is called (%d)", handler_calls);
    return front_result();
}
