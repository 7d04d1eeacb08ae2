"""What a run is made of: contenders, rows, samples."""

import os
import signal
import statistics
import subprocess
from dataclasses import dataclass, field


class Failure(Exception):
    """A row that could not be measured; the message is one sentence for the user."""


@dataclass
class Contender:
    name: str
    library: str | None  # None: the C library's own malloc
    settings: dict = field(default_factory=dict)  # further environment

    def environment(self, link_libc=False):
        """The environment for one process; nothing that the caller's shell sets for a malloc goes along.

        link_libc puts glibc's malloc ahead of an allocator that the program itself is linked with.
        """
        foreign = ("MALLOC_", "MIMALLOC_", "TCMALLOC_", "GREY_", "LD_PRELOAD", "GLIBC_TUNABLES")
        env = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
        env.update(self.settings)
        if self.library:
            env["LD_PRELOAD"] = self.library
        elif link_libc:
            env["LD_PRELOAD"] = "libc.so.6"
        return env


@dataclass
class Sample:
    """One process. Times are nanoseconds per operation; of two threads, their sum."""

    ns: float
    cpu_ns: float
    system_ns: float
    peak_kib: float
    faults: float


@dataclass
class Row:
    name: str
    measure: object  # callable(contender) -> Sample
    time: bool = True
    memory: bool = False
    samples: dict = field(default_factory=dict)  # contender name -> [Sample]

    take = staticmethod(statistics.median)  # how several runs become one figure; --take least: min

    @property
    def group(self):
        return self.name.split("/")[0] + ("@2" if self.name.endswith("@2") else "")

    def value(self, contender, what):
        values = [getattr(s, what) for s in self.samples.get(contender, [])]
        return self.take(values) if values else None

    def spread(self, contender, what):
        """(max - min) / median: how far the runs are apart."""
        values = [getattr(s, what) for s in self.samples.get(contender, [])]
        middle = statistics.median(values) if values else 0
        return (max(values) - min(values)) / middle if middle else 0.0

    def best(self, contenders, what):
        values = [self.value(c, what) for c in contenders]
        return min((v for v in values if v), default=None)

    def ratio(self, contender, contenders, what):
        mine, best = self.value(contender, what), self.best(contenders, what)
        return mine / best if mine and best else None


def run_process(argv, seconds, env=None):
    """The standard output of a process that must end well and in time."""
    name = os.path.basename(argv[0])
    pipe = subprocess.PIPE
    process = subprocess.Popen(argv, env=env, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
    try:
        out, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired as late:
        raise Failure(f"{name} did not end within {seconds:g} s") from late
    finally:
        if process.poll() is None:  # late, or the user interrupts: it goes with all that it started
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode != 0:
        how = f"status {process.returncode}" if process.returncode > 0 else f"signal {-process.returncode}"
        last = (errors.strip().splitlines() or ["no message"])[-1]
        raise Failure(f"{name} ended with {how}: {last}")
    return out
