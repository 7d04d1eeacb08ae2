"""Whole programs under each contender: python3, sqlite3, lua5.4, redis, gcc and g++.

Their inputs are the scripts in bench/programs and what is written here; nothing is downloaded.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time

from model import Failure, Row, Sample, run_process

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "programs")
SECONDS = 120  # until a program counts as hung


class Programs:
    """Holds the scratch directory; close() removes it."""

    def __init__(self, build, quick):
        self.build = build
        self.quick = quick
        self.scratch = tempfile.mkdtemp(prefix="greyspan-bench-")
        self.serial = 0

    def close(self):
        shutil.rmtree(self.scratch, ignore_errors=True)

    def rows(self):
        """Rows for what is installed, and sentences about what is not."""
        work = 1 if self.quick else 2
        c_file = self.write("large.c", c_source(100 * work))
        cc_file = self.write("containers.cc", cc_source(2 * work))
        sql = self.write("queries.sql", self.script("queries.sql").replace(":rows", str(25000 * work)))
        python = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
        table = [
            ("python3", [python, os.path.join(SCRIPTS, "objects.py"), str(20000 * work)],
             {"PYTHONMALLOC": "malloc"}),
            ("sqlite3", ["sqlite3", "-batch", ":memory:", f".read {sql}"], {}),
            ("lua5.4", ["lua5.4", os.path.join(SCRIPTS, "trees.lua"), "15" if self.quick else "16"], {}),
            ("gcc", ["gcc", "-O2", "-S", "-o", "/dev/null", c_file], {}),
            ("g++", ["g++", "-O2", "-S", "-o", "/dev/null", cc_file], {}),
        ]
        rows, missing = [], []
        for name, argv, extra in table:
            if shutil.which(argv[0]):
                rows.append(Row(f"program/{name}", self.command(argv, extra), memory=True))
            else:
                missing.append(name)
        if shutil.which("redis-server") and shutil.which("redis-benchmark"):
            rows.append(Row("program/redis", self.redis, memory=True))
        else:
            missing.append("redis")
        return rows, [f"program/{name} is left out: {name} is not installed." for name in missing]

    def script(self, name):
        with open(os.path.join(SCRIPTS, name), encoding="utf-8") as file:
            return file.read()

    def write(self, name, text):
        path = os.path.join(self.scratch, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def command(self, argv, extra):
        def measure(contender):
            out = os.path.join(self.scratch, "measured")
            env = contender.environment()
            # The launcher stays on the C library; what differs is set for the program alone.
            changes = [f"{k}={v}" for k, v in {**extra, "LD_PRELOAD": env.pop("LD_PRELOAD", "")}.items()]
            run_process([os.path.join(self.build, "bench", "measure"), out, *changes, *argv], SECONDS, env)
            with open(out, encoding="ascii") as file:
                wall, user, system, peak, faults, status = (float(f) for f in file.read().split())
            if status != 0:
                raise Failure(f"{argv[0]} ended with status {status:.0f}")
            return Sample(wall * 1e9, (user + system) * 1e9, system * 1e9, peak, faults)

        return measure

    def redis(self, contender):
        """Wall time of a fixed load from redis-benchmark; processor time and peak are the server's."""
        self.serial += 1
        socket = os.path.join(self.scratch, f"redis-{self.serial}.sock")
        server = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no",
             "--activedefrag", "no", "--dir", self.scratch],
            env=contender.environment(link_libc=True), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(socket, server)
            load = ["redis-benchmark", "-s", socket, "-q", "-P", "16", "-c", "20", "-r", "100000",
                    "-d", "200"]
            count = 40000 if self.quick else 150000
            before = server_usage(server.pid)
            start = time.monotonic()
            run_process([*load, "-n", str(count), "-t", "set,get,incr,lpush,rpop,sadd,hset,zadd"], SECONDS)
            run_process([*load, "-n", str(count // 10), "-t", "lrange_100,mset"], SECONDS)
            wall = time.monotonic() - start
            after = server_usage(server.pid)
        finally:
            stop(server)
        user, system, faults = (a - b for a, b in zip(after[:3], before[:3]))
        return Sample(wall * 1e9, (user + system) * 1e9, system * 1e9, after[3], faults)


def wait_for(socket, server):
    for _ in range(500):
        if os.path.exists(socket):
            return
        if server.poll() is not None:
            break
        time.sleep(0.01)
    raise Failure("redis-server did not start")


def stop(server):
    server.terminate()
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def server_usage(pid):
    """User and system seconds, minor faults, peak KiB of a running process."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()  # from the state, field 3, on
    tick = os.sysconf("SC_CLK_TCK")
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        peak = next(float(line.split()[1]) for line in file if line.startswith("VmHWM:"))
    return int(fields[11]) / tick, int(fields[12]) / tick, int(fields[7]), peak


def c_source(functions):
    """A C file of many functions with loops, branches and structures that call one another."""
    parts = ["struct item { int kind; long value[8]; struct item *next; };\n"]
    for i in range(functions):
        callee = f"work_{i * 7 // 11}(list->next, depth - 1)" if i else "0"
        parts.append(f"""
long work_{i}(struct item *list, int depth)
{{
    long sum = {i}, table[{8 + i % 24}] = {{ {i % 13}, {i % 7} }};
    if (depth <= 0 || list == 0)
        return sum;
    for (int j = 0; j < {8 + i % 24}; j++) {{
        table[j] += list->value[j & 7] * {3 + i % 11} + (sum >> {1 + i % 5});
        switch ((list->kind + j) % {3 + i % 6}) {{
        case 0: sum += table[j] ^ {i * 37 % 1009}; break;
        case 1: sum -= table[j] / {2 + i % 9}; break;
        case 2: list->value[(j + {i % 8}) & 7] = sum; break;
        default: sum = sum * 31 + j; break;
        }}
    }}
    while (sum > {1000 + i} && depth-- > 0)
        sum = sum / 3 + {callee};
    return sum + table[{i % 8}];
}}
""")
    return "".join(parts)


def cc_source(kinds):
    """A C++ file that instantiates containers and algorithms over several types of its own."""
    parts = ["#include <algorithm>\n#include <functional>\n#include <map>\n#include <memory>\n"
             "#include <set>\n#include <sstream>\n#include <string>\n#include <unordered_map>\n"
             "#include <vector>\n"]
    for i in range(kinds):
        parts.append(f"""
struct key_{i} {{
    int a; std::string b;
    bool operator<(const key_{i} &o) const {{ return a != o.a ? a < o.a : b < o.b; }}
    bool operator==(const key_{i} &o) const {{ return a == o.a && b == o.b; }}
}};
struct hash_{i} {{
    std::size_t operator()(const key_{i} &k) const {{ return k.a * {31 + i}u + k.b.size(); }}
}};
std::string use_{i}(const std::vector<std::string> &words)
{{
    std::map<key_{i}, std::vector<std::shared_ptr<key_{i}>>> sorted;
    std::unordered_map<key_{i}, std::set<std::string>, hash_{i}> hashed;
    for (const auto &w : words) {{
        key_{i} k{{ int(w.size()) % {7 + i}, w }};
        sorted[k].push_back(std::make_shared<key_{i}>(k));
        hashed[k].insert(w + "{i}");
    }}
    std::vector<std::function<int(int)>> steps;
    for (const auto &entry : sorted)
        steps.push_back([n = entry.second.size(), a = entry.first.a](int x) {{ return int(x * a + n); }});
    std::stable_sort(steps.begin(), steps.end(),
                     [](const auto &f, const auto &g) {{ return f({i}) < g({i}); }});
    std::ostringstream out;
    for (const auto &step : steps) out << step({i}) << ' ' << hashed.size();
    return out.str();
}}
""")
    return "".join(parts)
