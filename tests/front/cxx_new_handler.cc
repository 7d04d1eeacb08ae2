// operator new calls the new-handler until there is memory, the handler throws, or there is
// no handler any more; from several threads as well.
#include "front.h"
#include <new>
#include <stdexcept>
#include <sys/resource.h>
#include <thread>
#include <vector>

namespace
{

int calls;
std::vector<void *> *reserve;

void gives_up_after_five()
{
    if (++calls == 5)
        std::set_new_handler(nullptr);
}

void throws_something_else()
{
    calls++;
    throw std::runtime_error("from the handler");
}

void throws_bad_alloc()
{
    calls++;
    throw std::bad_alloc();
}

void frees_some()
{
    calls++;
    if (reserve->empty()) {
        std::set_new_handler(nullptr);
        return;
    }
    free(reserve->back());
    reserve->pop_back();
}

const size_t impossible = SIZE_MAX / 2;

void handler_is_called_until_it_is_gone()
{
    calls = 0;
    std::set_new_handler(gives_up_after_five);
    bool thrown = false;
    try {
        (void)hidep(::operator new(hide(impossible)));
    } catch (const std::bad_alloc &) {
        thrown = true;
    }
    CHECK(thrown && calls == 5, "the handler is called again and again (%d), then bad_alloc", calls);

    calls = 0;
    std::set_new_handler(gives_up_after_five);
    CHECK(::operator new(hide(impossible), std::nothrow) == nullptr &&calls == 5,
          "nothrow new calls it too (%d)", calls);
    calls = 0;
    std::set_new_handler(gives_up_after_five);
    CHECK(::operator new (hide(impossible), std::align_val_t{ 64 }, std::nothrow) == nullptr &&calls == 5,
          "aligned nothrow new calls it too (%d)", calls);
}

void exceptions_come_through()
{
    calls = 0;
    std::set_new_handler(throws_something_else);
    bool thrown = false;
    try {
        (void)hidep(::operator new[](hide(impossible)));
    } catch (const std::runtime_error &) {
        thrown = true;
    }
    CHECK(thrown && calls == 1, "an exception of the handler comes through operator new[]");

    std::set_new_handler(throws_bad_alloc);
    CHECK(::operator new(hide(impossible), std::nothrow) == nullptr,
          "nothrow new turns bad_alloc into a null pointer");
    std::set_new_handler(throws_something_else);
    CHECK(::operator new[](hide(impossible), std::align_val_t{ 64 }, std::nothrow) == nullptr,
          "and any other exception of the handler");
    std::set_new_handler(throws_bad_alloc);
    thrown = false;
    try {
        (void)hidep(::operator new (hide(impossible), std::align_val_t{ 128 }));
    } catch (const std::bad_alloc &) {
        thrown = true;
    }
    CHECK(thrown, "a bad_alloc of the handler comes through aligned new");
    std::set_new_handler(nullptr);
}

void malloc_calls_no_handler()
{
    calls = 0;
    std::set_new_handler(throws_bad_alloc);
    CHECK(malloc(hide(impossible)) == nullptr && calls == 0, "malloc does not call the new-handler");
    std::set_new_handler(nullptr);
}

// A handler that frees a reserve makes the request succeed.
void handler_that_frees()
{
    struct rlimit limit = { statm_bytes(0) + 400 * MIB, RLIM_INFINITY };
    std::vector<void *> blocks;
    blocks.reserve(10000);
    reserve = &blocks;
    REQUIRE(setrlimit(RLIMIT_AS, &limit) == 0, "setrlimit works");
    while (void *p = malloc(hide(MIB)))
        blocks.push_back(p);
    calls = 0;
    std::set_new_handler(frees_some);
    char *p = nullptr;
    try {
        p = static_cast<char *>(hidep(::operator new(hide(20 * MIB))));
        p[20 * MIB - 1] = 1;
    } catch (const std::bad_alloc &) {
        CHECK(false, "a handler that frees its reserve makes operator new succeed");
    }
    CHECK(calls > 0, "the handler was needed (%d calls)", calls);
    ::operator delete(p);
    for (void *each : blocks)
        free(each);
}

void in_threads()
{
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; t++)
        threads.emplace_back([] {
            for (int i = 0; i < 500; i++) {
                bool thrown = false;
                try {
                    (void)hidep(::operator new(hide(impossible)));
                } catch (const std::bad_alloc &) {
                    thrown = true;
                }
                CHECK(thrown, "bad_alloc can be thrown from several threads at once");
            }
        });
    for (auto &t : threads)
        t.join();
}

} // namespace

int main()
{
    handler_is_called_until_it_is_gone();
    exceptions_come_through();
    malloc_calls_no_handler();
    in_threads();
    handler_that_frees();
    return front_result();
}
