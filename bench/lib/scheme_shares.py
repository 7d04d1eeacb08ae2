"""Where a program's time goes: the interpreter, the collector's library, libc, GMP, the kernel.

perf samples the processor clock of all threads, markers and sweepers among them; without perf, callgrind counts
instructions. The paths that are inlined into the interpreter (allocation, write barrier) count as the interpreter.
"""

import os
import re
import shutil
import tempfile
from collections import Counter

from host import progress
from model import Failure, run_process

COLUMNS = ["interpreter", "library", "libc", "gmp", "kernel", "other"]
WHERE = [("libgreyspan", "library"), ("libgc", "library"), ("scheme", "interpreter"), ("libc.", "libc"),
         ("libm.", "libc"), ("libgmp", "gmp"), ("[kernel", "kernel"), ("[unknown", "kernel")]
SECONDS = 600
HERTZ = 997
SHOWN, SHOWN_FROM = 4, 0.01  # functions of the library, and from which share on


def place(binary):
    name = os.path.basename(binary)
    return next((column for prefix, column in WHERE if name.startswith(prefix)), "other")


def by_perf(command, environment, scratch):
    """{(binary, function): samples}"""
    data = os.path.join(scratch, "perf.data")
    run_process(["perf", "record", "-q", "-F", str(HERTZ), "-e", "cpu-clock", "-o", data, *command], SECONDS,
                environment)
    text = run_process(["perf", "report", "-q", "-i", data, "--stdio", "--sort", "dso,symbol",
                        "-F", "sample,dso,symbol", "-t", ";"], SECONDS, environment)
    found = Counter()
    for line in text.splitlines():
        parts = [part.strip() for part in line.split(";")]
        if len(parts) >= 3 and parts[0].isdigit():
            found[parts[1], named(re.sub(r"^\[.\] ", "", parts[2]))] += int(parts[0])
    return found


def named(function):
    """Debian's libraries have no symbols for what they do not export."""
    return "(unnamed)" if re.match("0x[0-9a-f]+", function) else function.split()[0]


def by_callgrind(command, environment, scratch):
    """{(binary, function): instructions}"""
    out = os.path.join(scratch, "callgrind.out")
    run_process(["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}", *command], SECONDS,
                environment)
    with open(out, encoding="utf-8", errors="replace") as file:
        return parse_callgrind(file)


def parse_callgrind(lines):
    """The file names objects and functions once, `(1) name`, and by number from then on."""
    names, found = {}, Counter()
    binary = function = ""
    skip = False
    for line in lines:
        named = re.match(r"(ob|fn|cob|cfn)=(\(\d+\))(?: (.*))?$", line.rstrip("\n"))
        if named:
            key = (named[1][-2:], named[2])
            if named[3]:
                names[key] = named[3]
            if named[1] == "ob":
                binary = names[key]
            elif named[1] == "fn":
                function = names[key]
        elif line.startswith("calls="):
            skip = True  # the next line has the cost of the callee
        elif re.match(r"[+\-*\d]", line):
            if not skip:
                found[binary, function] += int(line.split()[1])
            skip = False
    return found


def line(row, contender, found):
    every = sum(found.values())
    if not every:
        raise Failure(f"{row.name}: nothing was counted")
    shares = Counter()
    for (binary, _), count in found.items():
        shares[place(binary)] += count / every
    most = Counter({function: count / every for (binary, function), count in found.items()
                    if place(binary) == "library"}).most_common(SHOWN)
    functions = ", ".join(f"{name} {share:.0%}" for name, share in most if share >= SHOWN_FROM)
    return (f"{row.name:<12}{contender.name:<10}" + "".join(f"{shares[c]:>12.1%}" for c in COLUMNS)
            + f"{every:>14,}  {functions}")


def run(rows, contenders, options):
    sampled = shutil.which("perf") and not options.callgrind
    if not sampled and not shutil.which("valgrind"):
        raise Failure("neither perf (package linux-perf) nor valgrind is installed")
    unit = "samples" if sampled else "instructions"
    print(f"{'':<22}" + "".join(f"{c:>12}" for c in COLUMNS) + f"{unit:>14}  most in the library")
    with tempfile.TemporaryDirectory(prefix="greyspan-bench-") as scratch:
        for row in rows:
            for contender in contenders:
                progress(f"{row.name} {contender.name}")
                environment = {**contender.environment(), **contender.settings}
                command = contender.command(row)[: None if sampled else -1]
                found = (by_perf if sampled else by_callgrind)(command, environment, scratch)
                progress("")
                print(line(row, contender, found), flush=True)
    size = "the benchmark" if sampled else "the tests"
    print(f"\nShares of {unit}, of all threads, at the size of {size}. What is inlined counts as the interpreter.")
