"""Who takes part in the collector's benchmarks: one program for each memory manager, built by gc/."""

import os
from dataclasses import dataclass, field

from contenders import PEERS, find_library
from model import Failure

FOREIGN = ("MALLOC_", "MIMALLOC_", "GREY_", "GC_", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GODEBUG",
           "LD_PRELOAD", "GLIBC_TUNABLES")


@dataclass
class Contender:
    name: str
    program: str  # path
    settings: dict = field(default_factory=dict)  # further environment
    workers: str = ""  # the variable that sets how many threads mark; none: no collector
    missing: str = ""  # why it cannot run

    def environment(self):
        """Nothing that the caller's shell sets for a memory manager goes along."""
        return {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}


# name: (program, settings, the variable of the workers, what has to be installed to build it)
TABLE = {
    "greyspan": ("gc_greyspan", {}, "GREY_WORKERS", ""),
    "greyspan-typed": ("gc_greyspan_typed", {}, "GREY_WORKERS", ""),
    "libgc": ("gc_libgc", {}, "GC_MARKERS", "libgc-dev"),
    "libgc-inc": ("gc_libgc", {"GC_ENABLE_INCREMENTAL": "1"}, "GC_MARKERS", "libgc-dev"),
    "go": ("gc_go", {}, "GOMAXPROCS", "golang-go"),
    "mimalloc": ("gc_manual", {}, "", ""),
    "glibc": ("gc_manual", {}, "", ""),
}
DEFAULT = ["greyspan", "libgc", "libgc-inc", "go", "mimalloc", "glibc"]
QUICK = ["greyspan", "libgc", "go", "mimalloc"]


def known(name, build):
    """The contender of the table, as it is built there."""
    program, settings, workers, package = TABLE[name]
    contender = Contender(name, os.path.join(build, "bench", program), dict(settings), workers)
    if not os.access(contender.program, os.X_OK):
        contender.missing = f"not built{f', {package} is not installed' if package else ''}"
    elif name in PEERS:
        sonames, package = PEERS[name]
        library = find_library(sonames)
        contender.settings["LD_PRELOAD"] = library or ""
        contender.missing = "" if library else f"{package} is not installed"
    return contender


def parse_with(text, build, table, find):
    """NAME=CONTENDER[@BUILD][,VARIABLE=VALUE...]: one of the table in another build or environment."""
    name, _, rest = text.partition("=")
    what, *settings = rest.split(",")
    base, _, place = what.partition("@")
    if not name or base not in table or any("=" not in s for s in settings):
        raise Failure(f"--with {text}: expected NAME=CONTENDER[@BUILD][,VARIABLE=VALUE...]; "
                      f"contenders are {', '.join(table)}")
    contender = find(base, os.path.abspath(place) if place else build)
    contender.name = name
    contender.settings.update(s.split("=", 1) for s in settings)
    return contender


def gather(names, extra, build, table=None, find=known):
    """Contenders of a table, by its names and by --with; find(name, build) makes one."""
    table = table or TABLE
    for name in names:
        if name not in table:
            raise Failure(f"no contender is called {name}: there are {', '.join(table)}, and --with")
    all_of_them = [find(name, build) for name in names]
    all_of_them += [parse_with(text, build, table, find) for text in extra]
    if len({c.name for c in all_of_them}) != len(all_of_them):
        raise Failure("two contenders have the same name")
    return all_of_them
