"""The rows of malloc_bench, the idle process, and the smallest program."""

import json
import os
import subprocess

from model import Failure, Row, Sample, run_process

IDLE_SECONDS = ("2", "10")
IDLE_KIB = 1300 << 10  # what one idle process may hold
WARM_MIB = 1600  # more than the largest row uses


def bench_rows(build, quick):
    program = os.path.join(build, "bench", "malloc_bench")
    # min-time of a row that fills time, share of the iterations of a row that counts them
    options = ["--min-time", "0.04", "--scale", "0.25"] if quick else ["--min-time", "0.15", "--scale", "1"]
    rows = []
    for line in run_process([program, "--list"], 20).splitlines():
        name, threads, kind = line.split("\t")
        rows.append(Row(name, measure_with(program, name, int(threads), options), memory="memory" in kind))
    return rows


def measure_with(program, name, threads, options):
    def measure(contender):
        text = run_process([program, name, *options], 60, contender.environment())
        return parse(json.loads(text)["benchmarks"][0], threads)

    return measure


def parse(result, threads):
    """google-benchmark divides wall time by the threads; an operation here costs all of their time."""
    if result.get("error_occurred"):
        raise Failure(result.get("error_message", "the row failed"))
    ns = 1e9 / result["items_per_second"] * threads
    # Operations of the measured trial, from its length: real_time is per iteration and thread.
    wall_ns = result["real_time"] * result["iterations"]
    operations = wall_ns * threads / ns
    user, system = result["user_us"] * 1000, result["system_us"] * 1000
    peak, faults = result["peak_kib"], result["minor_faults"]
    return Sample(ns, (user + system) / operations, system / operations, peak, faults)


def smallest_row(build):
    program = os.path.join(build, "bench", "malloc_plain")

    def measure(contender):
        peak = float(run_process([program, "smallest"], 20, contender.environment()))
        return Sample(0, 0, 0, peak, 0)

    return Row("smallest/program", measure, time=False, memory=True)


def warm_memory(build):
    """Memory that the machine has not used before costs several times as much to touch first."""
    run_process([os.path.join(build, "bench", "malloc_plain"), "touch", str(WARM_MIB)], 120)


def available_kib():
    with open("/proc/meminfo", encoding="ascii") as info:
        for line in info:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1])
    return 0


def idle_process(build, contender):
    program = os.path.join(build, "bench", "malloc_plain")
    return subprocess.Popen([program, "idle", *IDLE_SECONDS], env=contender.environment(), text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def idle_memory(build, contenders):
    """contender -> resident KiB before, at the peak, and after each of IDLE_SECONDS, or a sentence.

    The processes sleep side by side, as many as half of the free memory allows.
    """
    together = max(1, int(available_kib() / 2 / IDLE_KIB))
    results = {}
    for start in range(0, len(contenders), together):
        running = [(c, idle_process(build, c)) for c in contenders[start:start + together]]
        for contender, process in running:
            try:
                out, _ = process.communicate(timeout=90)
                fields = [float(f) for f in out.split()]
                complete = process.returncode == 0 and len(fields) == 2 + len(IDLE_SECONDS)
                results[contender.name] = fields if complete else f"ended with status {process.returncode}"
            except subprocess.TimeoutExpired:
                results[contender.name] = "did not end in time"
            finally:
                process.kill()
                process.wait()
    return results
