#!/usr/bin/env bash
# needs: g++ objdump
set -e
cat >work.cc <<'END'
#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <vector>

template <int N> struct fib { static constexpr long value = fib<N - 1>::value + fib<N - 2>::value; };
template <> struct fib<0> { static constexpr long value = 0; };
template <> struct fib<1> { static constexpr long value = 1; };

template <typename... T> std::string join(const T &...t)
{
    std::ostringstream o;
    ((o << t << ' '), ...);
    return o.str();
}

struct alignas(64) line { int x[16]; };

int main()
{
    std::cout << fib<80>::value << ' ' << join(1, "two", 3.5) << '\n';
    std::map<std::string, std::vector<std::unique_ptr<int>>> m;
    for (int i = 0; i < 50000; i++)
        m["key" + std::to_string(i * 31 % 997)].push_back(std::make_unique<int>(i));
    long sum = 0;
    for (auto &[key, v] : m)
        for (auto &p : v)
            sum += *p * long(key.size());
    std::cout << m.size() << ' ' << sum << '\n';
    std::vector<std::thread> threads;
    std::vector<size_t> sizes(6);
    for (int t = 0; t < 6; t++)
        threads.emplace_back([t, &sizes] {
            std::unordered_map<int, std::string> u;
            for (int i = 0; i < 20000; i++)
                u[i % 3000] += std::to_string(i + t);
            for (auto &e : u)
                sizes[t] += e.second.size();
        });
    for (auto &t : threads)
        t.join();
    for (size_t s : sizes)
        std::cout << s << ' ';
    std::vector<line> lines(100);
    std::cout << reinterpret_cast<size_t>(lines.data()) % 64 << '\n';
    try {
        std::vector<int>().at(3);
    } catch (const std::out_of_range &) {
        std::cout << "caught\n";
    }
    try {
        char *volatile p = new char[size_t(1) << 62];
        delete[] p;
    } catch (const std::bad_alloc &) {
        std::cout << "no memory\n";
    }
}
END
g++ -std=c++17 -O1 -g -Wno-alloc-size-larger-than -c work.cc -o work.o
objdump -d work.o | cksum
g++ work.o -o work -pthread
./work
