"""The rows of bench/run scheme, who runs them, and how one process is measured.

A row is a program of docs/examples/scheme/programs. Its first comment says how large it is for the benchmark.
What it writes to standard output depends on that size alone, so all contenders are compared by it.
"""

import hashlib
import itertools
import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass

from gc_contenders import Contender
from gc_rows import Row, measured
from model import Failure, run_process

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = os.path.join(HERE, os.pardir, os.pardir, "docs", "examples", "scheme", "programs")
VARIANTS = os.path.join(HERE, os.pardir, "scheme")  # NAME.lua; NAME.scm where Guile wants another text
MIB = 128  # what is warmed for a program

# name: (program, settings, what has to be installed)
TABLE = {
    "greyspan": ("scheme", {}, "libgmp-dev"),
    "libgc": ("scheme-libgc", {}, "libgc-dev"),
    "libgc-plain": ("scheme-libgc-plain", {}, "libgc-dev"),
    "guile": ("guile", {}, "guile-3.0"),
    "lua": ("lua5.4", {}, "lua5.4"),
}
INTERPRETERS = ("scheme", "scheme-libgc", "scheme-libgc-plain")  # ours: the same sources


@dataclass
class Runner(Contender):
    def script(self, name):
        """The text it runs for a row; None: there is none in its language."""
        kind = "lua" if self.program.endswith("lua5.4") else "scm"
        folders = [VARIANTS] if kind == "lua" else [PROGRAMS]
        if self.program.endswith("guile"):
            folders.insert(0, VARIANTS)
        paths = [os.path.normpath(os.path.join(folder, f"{name}.{kind}")) for folder in folders]
        return next((p for p in paths if os.path.exists(p)), None)

    def command(self, row):
        options = ["--r7rs"] if self.program.endswith("guile") else []
        return [self.program, *options, self.script(row.name), *map(str, row.argv)]

    @property
    def is_ours(self):
        return os.path.basename(self.program) in INTERPRETERS


@dataclass
class ProgramRow(Row):
    def takes(self, contender):
        return contender.script(self.name) is not None


def known(name, build):
    program, settings, package = TABLE[name]
    path = os.path.join(build, program) if program in INTERPRETERS else shutil.which(program)
    # The programs write UTF-8; with the C locale Guile writes question marks.
    runner = Runner(name, path or program, {"LC_ALL": "C.UTF-8", **settings})
    if not path or not os.access(path, os.X_OK):
        runner.missing = f"{'not built: ' if program in INTERPRETERS else ''}{package} is not installed"
    return runner


def all_rows():
    rows = []
    for file in sorted(os.listdir(PROGRAMS)):
        name, ending = os.path.splitext(file)
        if ending == ".scm":
            about, size = heading(os.path.join(PROGRAMS, file))
            if size is None:
                raise Failure(f"{file}: its first comment does not say `The benchmark's size: N`")
            rows.append(ProgramRow(name, about, [size], MIB))
    return rows


def heading(path):
    """How a program's first comment begins, and the size that a line of it names."""
    with open(path, encoding="utf-8") as file:
        comment = list(itertools.takewhile(lambda line: line.startswith(";"), file))
    sizes = [int(found[1]) for line in comment if (found := re.match(r";+ The benchmark's size: (\d+)", line))]
    return re.split(r"[.:,] ", comment[0].strip("; \n"))[0], next(iter(sizes), None)


class Measure:
    """Callable as rounds.Bench.measure. Holds a scratch directory; close() removes it."""

    def __init__(self):
        self.scratch = tempfile.mkdtemp(prefix="greyspan-bench-")
        self.warmed = set()

    def close(self):
        shutil.rmtree(self.scratch, ignore_errors=True)

    def settings(self, contender):
        # Guile compiles into its cache at the first run of a program.
        return {**contender.settings, "XDG_CACHE_HOME": self.scratch}

    def warm(self, row, contender):
        """Compiling is no part of what is compared: Guile has done it before."""
        if contender.program.endswith("guile") and row.name not in self.warmed:
            self.warmed.add(row.name)
            environment = {**contender.environment(), **self.settings(contender)}
            run_process(contender.command(row)[:-1], 120, environment)

    def __call__(self, build, row, contender):
        self.warm(row, contender)
        said = os.path.join(self.scratch, "stats")
        settings = self.settings(contender)
        if contender.is_ours:
            settings["SCHEME_STATS"] = said
        sample, text = measured(build, contender.command(row), settings, contender.environment())
        sample.check = int(hashlib.sha1(text.encode()).hexdigest()[:12], 16)
        if contender.is_ours:
            with open(said, encoding="ascii") as file:
                figures = json.load(file)
            os.unlink(said)
            sample.cycles, sample.stop_max_ms = figures["cycles"], figures["stop_max_ns"] / 1e6
            sample.stop_total_ms = figures["stop_total_ns"] / 1e6
        return sample
