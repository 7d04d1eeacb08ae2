// Every form of operator new and operator delete; what cannot be given is thrown as
// std::bad_alloc (or told by a null pointer), and can be caught.
#include "front.h"
#include <map>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

namespace
{

bool aligned(const void *p, size_t alignment)
{
    return reinterpret_cast<uintptr_t>(p) % alignment == 0;
}

void plain_forms()
{
    for (size_t n = 0; n < 200000; n = n * 5 / 4 + 1) {
        void *p = hidep(::operator new(hide(n)));
        void *q = hidep(::operator new[](hide(n)));
        void *r = hidep(::operator new(hide(n), std::nothrow));
        void *s = hidep(::operator new[](hide(n), std::nothrow));
        for (void *each : { p, q, r, s }) {
            CHECK(each != nullptr && aligned(each, 16), "operator new(%zu) gives an aligned block", n);
            CHECK(malloc_usable_size(each) >= n, "operator new(%zu) gives the whole size", n);
            memset(each, 1, n);
        }
        CHECK(p != q && q != r && r != s, "live blocks differ");
        ::operator delete(p);
        ::operator delete[](q);
        ::operator delete(r, std::nothrow);
        ::operator delete[](s, std::nothrow);
        ::operator delete(hidep(::operator new(hide(n))), n);
        ::operator delete[](hidep(::operator new[](hide(n))), n);
    }
    ::operator delete(hidep(nullptr));
    ::operator delete[](hidep(nullptr));
    ::operator delete (hidep(nullptr), size_t{ 10 });
    ::operator delete(hidep(nullptr), std::nothrow);
    ::operator delete (hidep(nullptr), std::align_val_t{ 64 });
}

void aligned_forms()
{
    for (size_t a = 1; a <= 4096; a *= 2) {
        auto al = std::align_val_t{ a };
        for (size_t n : { size_t{ 0 }, size_t{ 1 }, a, a * 2, a * 3 + 1, size_t{ 100 }, size_t{ 5000 },
                          size_t{ 100000 } }) {
            void *live[6] = {
                hidep(::operator new(hide(n), al)),
                hidep(::operator new[](hide(n), al)),
                hidep(::operator new(hide(n), al, std::nothrow)),
                hidep(::operator new[](hide(n), al, std::nothrow)),
                hidep(::operator new(hide(n), al)),
                hidep(::operator new[](hide(n), al)),
            };
            for (void *p : live) {
                CHECK(p != nullptr && aligned(p, a), "operator new(%zu, align %zu) is aligned", n, a);
                memset(p, 1, n);
            }
            ::operator delete(live[0], al);
            ::operator delete[](live[1], al);
            ::operator delete(live[2], al, std::nothrow);
            ::operator delete[](live[3], al, std::nothrow);
            ::operator delete(live[4], n, al);
            ::operator delete[](live[5], n, al);
        }
    }
}

template <typename F> bool throws_bad_alloc(F f)
{
    try {
        (void)hidep(f());
    } catch (const std::bad_alloc &e) {
        return e.what()[0] != 0;
    }
    return false;
}

void impossible_sizes()
{
    auto al = std::align_val_t{ 256 };
    for (size_t n : { SIZE_MAX, SIZE_MAX - 4096, SIZE_MAX / 2, SIZE_MAX / 4 }) {
        for (int i = 0; i < 100; i++) {
            CHECK(throws_bad_alloc([&] { return ::operator new(hide(n)); }), "operator new throws");
            CHECK(throws_bad_alloc([&] { return ::operator new[](hide(n)); }), "operator new[] throws");
            CHECK(throws_bad_alloc([&] { return ::operator new(hide(n), al); }),
                  "aligned operator new throws");
            CHECK(throws_bad_alloc([&] { return ::operator new[](hide(n), al); }),
                  "aligned operator new[] throws");
        }
        CHECK(::operator new(hide(n), std::nothrow) == nullptr, "nothrow new gives a null pointer");
        CHECK(::operator new[](hide(n), std::nothrow) == nullptr, "nothrow new[] gives a null pointer");
        CHECK(::operator new(hide(n), al, std::nothrow) == nullptr,
              "aligned nothrow new gives a null pointer");
        CHECK(::operator new[](hide(n), al, std::nothrow) == nullptr,
              "aligned nothrow new[] gives a null pointer");
    }
}

struct alignas(512) overaligned {
    char data[700];
};

struct bomb {
    std::string held = std::string(1000, 'x');
    bomb()
    {
        throw 42;
    }
};

void language_forms()
{
    auto one = std::make_unique<overaligned>();
    auto many = std::make_unique<overaligned[]>(7);
    CHECK(aligned(one.get(), 512) && aligned(many.get(), 512), "new of an overaligned type is aligned");

    size_t before = resident_bytes();
    for (int i = 0; i < 50000; i++) {
        try {
            delete new bomb;
            CHECK(false, "a throwing constructor throws");
        } catch (int value) {
            CHECK(value == 42, "the exception of a constructor comes through");
        }
    }
    CHECK(resident_bytes() < before + 8 * MIB, "a constructor that throws leaks nothing");

    std::map<std::string, std::vector<int>> map;
    for (int i = 0; i < 20000; i++)
        map["key " + std::to_string(i)].resize(static_cast<size_t>(i % 50), i);
    CHECK(map.size() == 20000 && map["key 777"].at(0) == 777, "containers work");
    try {
        std::vector<char> v;
        v.resize(SIZE_MAX / 2 - 100);
        CHECK(false, "a vector of half the address space is refused");
    } catch (const std::bad_alloc &) {
    } catch (const std::length_error &) {
    }
}

} // namespace

int main()
{
    plain_forms();
    aligned_forms();
    impossible_sizes();
    language_forms();
    return front_result();
}
