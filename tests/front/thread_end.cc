// The other ways in which code runs while a thread ends: thread_local destructors, C11's
// tss_create, __cxa_thread_atexit_impl. Blocks made before are freed there, new ones are made.
#include "front.h"
#include <pthread.h>
#include <threads.h>
#include <vector>

extern "C" int __cxa_thread_atexit_impl(void (*)(void *), void *, void *);
extern "C" void *__dso_handle;

namespace
{

int finished;

struct holder {
    std::vector<char *> blocks;
    holder()
    {
        for (size_t i = 0; i < 500; i++)
            blocks.push_back(static_cast<char *>(hidep(malloc(hide(i * 13)))));
    }
    ~holder()
    {
        for (char *p : blocks)
            free(p);
        std::vector<int> more(10000, 1);
        CHECK(more[9999] == 1, "a vector works in the destructor of a thread_local");
        __atomic_add_fetch(&finished, 1, __ATOMIC_RELAXED);
    }
};

thread_local holder held;
tss_t slot;

void release(void *p)
{
    free(p);
    free(hidep(realloc(hidep(malloc(hide(70000))), hide(7))));
    __atomic_add_fetch(&finished, 1, __ATOMIC_RELAXED);
}

void release_again(void *p)
{
    // Runs in a later round than the allocator's own end of thread, if it has one.
    static thread_local int rounds;
    release(p);
    if (++rounds < 4)
        tss_set(slot, hidep(malloc(hide(300))));
}

void *thread(void *argument)
{
    CHECK(held.blocks.size() == 500, "a thread_local constructor allocates");
    tss_set(slot, hidep(malloc(hide(50))));
    __cxa_thread_atexit_impl(release, hidep(malloc(hide(5000))), &__dso_handle);
    return argument;
}

} // namespace

int main()
{
    enum { THREADS = 400 };
    CHECK(tss_create(&slot, release_again) == thrd_success, "tss_create succeeds");
    for (int i = 0; i < THREADS; i++) {
        pthread_t t;
        REQUIRE(pthread_create(&t, nullptr, thread, nullptr) == 0, "a thread starts");
        pthread_join(t, nullptr);
    }
    CHECK(finished == THREADS * 6, "all destructors ran (%d)", finished);
    return front_result();
}
