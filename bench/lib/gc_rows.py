"""The rows of the collector's benchmarks, and how one process of them is measured."""

import json
import os
import signal
import statistics
import subprocess
import tempfile
from dataclasses import asdict, dataclass, field, fields

from model import Failure

SECONDS = 300  # until a program counts as hung
RATE = 150000  # requests a second in an open loop
HEADROOM = 3.0  # the largest contender takes up to so many times the live heap


@dataclass
class Sample:
    """One process; None where the program has nothing to say."""

    wall_s: float
    user_s: float
    system_s: float
    peak_mib: float
    faults: float
    check: int | None = None
    cycles: float | None = None
    stop_p99_ms: float | None = None
    stop_max_ms: float | None = None
    stop_total_ms: float | None = None
    p50_us: float | None = None
    p99_us: float | None = None
    p999_us: float | None = None
    max_ms: float | None = None
    each_ns: float | None = None  # an operation
    each_running_ns: float | None = None  # the same without the time in which all threads were stopped
    mark_ms: float | None = None  # a marking

    @property
    def cpu_s(self):
        return self.user_s + self.system_s


@dataclass
class Row:
    name: str
    about: str
    argv: list
    mib: float  # live, to know how much memory to warm and whether there is enough
    workers: int = 0  # only collectors take part, with so many marking threads
    samples: dict = field(default_factory=dict)  # contender name -> [Sample]
    problems: dict = field(default_factory=dict)  # contender name -> sentence

    def takes(self, contender):
        return not self.workers or bool(contender.workers)

    def value(self, name, what):
        values = [v for s in self.samples.get(name, []) if (v := getattr(s, what)) is not None]
        return statistics.median(values) if values else None

    def spread(self, name, what):
        """(max - min) / median: how far the runs are apart."""
        values = [getattr(s, what) for s in self.samples.get(name, [])]
        middle = statistics.median(values) if values else 0
        return (max(values) - min(values)) / middle if middle else 0.0

    def ratio(self, name, other, what):
        mine, theirs = self.value(name, what), self.value(other, what)
        return mine / theirs if mine and theirs else None

    def to_best(self, name, names, what):
        mine, values = self.value(name, what), [self.value(n, what) for n in names]
        best = min((v for v in values if v), default=None)
        return mine / best if mine and best else None


def lru_row(name, mib, requests, threads=1, rate=0, cells=1):
    how = f"{rate:,} requests a second" if rate else "closed loop"
    what = "cells" if cells else "buffers without pointers"
    about = f"{mib} MiB of messages of {what}, {how}{f', {threads} threads' if threads > 1 else ''}"
    argv = ["cache", cells, mib, threads, requests, rate]
    return Row(name, about, argv, mib)


def all_rows(quick, live):
    """live: the sizes of the LRU cache in MiB. Rows that come in one size take 512 or the largest."""
    size = 512 if 512 in live else max(live)
    rows = [Row("gcbench/classic", "depth 16, stretch 18, 500,000 numbers",
                ["gcbench", 16, 18, 500000, 16], 20)]
    if not quick:
        rows.append(Row("gcbench/big", "depth 19, stretch 21, 4,000,000 numbers",
                        ["gcbench", 19, 21, 4000000, 18], 160))
    for depth in (18,) if quick else (18, 21):
        mib = 20 << (depth - 18)
        rows.append(Row(f"trees/{depth}", f"binary trees, depth {depth}", ["trees", depth, 1], mib))
        rows.append(Row(f"trees/{depth}@2", f"binary trees, depth {depth}, 2 threads",
                        ["trees", depth, 2], mib))
    # So many requests that each size sees several cycles: a cycle begins after about `mib` of new messages.
    for mib in live:
        requests = 2 * max(1024 * mib, 200 * 1024 if quick else 512 * 1024)
        rows.append(lru_row(f"lru/{mib}", mib, requests))
        if mib == size and not quick:
            rows.append(lru_row(f"lru/{mib}@2", mib, requests, threads=2))
    for mib in live:
        requests = max(1200 * mib, 150000) if quick else max(2400 * mib, 600000)
        rows.append(lru_row(f"lru-open/{mib}", mib, requests, rate=RATE))
    rows.append(lru_row(f"lru-noscan/{size}", size, (1 if quick else 2) * 1024 * size, cells=0))
    churn = 200000 if quick else 600000
    for threads in (1,) if quick else (1, 2):
        rows.append(Row("buffers/churn" + ("@2" if threads > 1 else ""),
                        "buffers without pointers, 64 B to 256 KiB" + (", 2 threads" if threads > 1 else ""),
                        ["churn", 4096, churn, threads], 140))
    rows.append(Row("alloc/1", "objects of 32 B, at most 1 MiB alive",
                    ["alloc", 1, 600 if quick else 2000], 8))
    rows.append(Row(f"alloc/{size}", f"objects of 32 B, {size} MiB alive",
                    ["alloc", size, (2 if quick else 4) * size], size))
    for aged in (0,) if quick else (0, 1):
        for workers in (1, 2):
            rows.append(Row(f"mark/{size}{'-aged' if aged else ''}-w{workers}",
                            f"marking {size} MiB of cells{', aged' if aged else ''} by {workers} threads",
                            ["mark", size, aged, 3 if quick else 7], size, workers))
    return rows


def available_mib():
    with open("/proc/meminfo", encoding="ascii") as info:
        for line in info:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) / 1024
    return 0.0


def measured(build, argv, settings, environment):
    """Runs a command under bench/measure, a small parent, which takes the times and the peak.

    Returns the sample and the command's standard output."""
    with tempfile.NamedTemporaryFile(prefix="greyspan-bench-") as out:
        launch = [os.path.join(build, "bench", "measure"), out.name, *(f"{k}={v}" for k, v in settings.items())]
        text, errors = run([*launch, *argv], environment)
        with open(out.name, encoding="ascii") as file:
            numbers = [float(f) for f in file.read().split()]
    if len(numbers) != 6:
        raise Failure(f"{last_line(errors)}")
    wall, user, system, peak, faults, status = numbers
    if status != 0:
        how = f"status {status:.0f}" if status < 128 else f"signal {status - 128:.0f}"
        raise Failure(f"ended with {how}: {last_line(errors)}")
    return Sample(wall, user, system, peak / 1024, faults), text


def measure(build, row, contender):
    settings = dict(contender.settings)
    if row.workers:
        settings[contender.workers] = str(row.workers)
    sample, text = measured(build, [contender.program, *map(str, row.argv)], settings, contender.environment())
    return parse(text, sample)


def last_line(text):
    return (text.strip().splitlines() or ["no message"])[-1]


def run(argv, environment):
    pipe = subprocess.PIPE
    process = subprocess.Popen(argv, env=environment, stdout=pipe, stderr=pipe, text=True,
                               start_new_session=True)
    try:
        return process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired as late:
        raise Failure(f"did not end within {SECONDS} s") from late
    finally:
        if process.poll() is None:  # late, or the user interrupts: it goes with all that it started
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def parse(text, sample):
    try:
        said = json.loads(last_line(text))
    except ValueError as wrong:
        raise Failure(f"printed {last_line(text)!r}") from wrong
    sample.check, sample.cycles = said.get("check"), said.get("cycles")
    stops, requests = said.get("stop_ns"), said.get("request_ns")
    if stops:
        sample.stop_p99_ms, sample.stop_max_ms = stops["p99"] / 1e6, stops["max"] / 1e6
        sample.stop_total_ms = stops["total"] / 1e6
    if requests:
        sample.p50_us, sample.p99_us = requests["p50"] / 1e3, requests["p99"] / 1e3
        sample.p999_us, sample.max_ms = requests["p999"] / 1e3, requests["max"] / 1e6
    if said.get("operations"):
        sample.each_ns = said["operations_ns"] / said["operations"]
        sample.each_running_ns = sample.each_ns - said["operations_stopped_ns"] / said["operations"]
    if said.get("mark_ns"):
        sample.mark_ms = said["mark_ns"] / 1e6
    return sample


def to_dict(row):
    return {"name": row.name, "about": row.about, "argv": row.argv, "mib": row.mib, "workers": row.workers,
            "problems": row.problems,
            "median": {n: {f.name: row.value(n, f.name) for f in fields(Sample) if f.name != "check"}
                       for n in row.samples if row.samples[n]},
            "samples": {n: [asdict(s) for s in samples] for n, samples in row.samples.items()}}


def from_dict(entry):
    samples = {n: [Sample(**s) for s in many] for n, many in entry["samples"].items()}
    return Row(entry["name"], entry["about"], entry["argv"], entry["mib"], entry["workers"], samples,
               entry["problems"])
