"""Who takes part: Greyspan, the C library, Debian's peers, and whatever --with adds."""

import ctypes.util
import glob
import os

from model import Contender, Failure, run_process

# name -> sonames, newest first; the Debian package that has them
PEERS = {
    "mimalloc": (["libmimalloc.so.2", "libmimalloc.so.2.0", "libmimalloc.so"], "libmimalloc2.0"),
    "jemalloc": (["libjemalloc.so.2"], "libjemalloc2"),
    "tcmalloc": (["libtcmalloc_minimal.so.4"], "libtcmalloc-minimal4"),
}
DEFAULT = ["greyspan", "glibc", *PEERS]


def find_library(sonames):
    folders = glob.glob("/usr/lib/*-linux-gnu*") + ["/usr/lib64", "/usr/lib", "/usr/local/lib"]
    for soname in sonames:
        for folder in folders:
            path = os.path.join(folder, soname)
            if os.path.exists(path):
                return path
    return None


def parse_with(text):
    """NAME=PATH.so[,VARIABLE=VALUE...]"""
    name, _, rest = text.partition("=")
    path, *settings = rest.split(",")
    if not name or not path or any("=" not in s for s in settings):
        raise Failure(f"--with {text}: expected NAME=PATH.so[,VARIABLE=VALUE...]")
    return Contender(name, os.path.abspath(path), dict(s.split("=", 1) for s in settings))


def gather(names, extra, build):
    """(contenders that can run, sentences about those that cannot)"""
    found, sentences = [], []
    for name in names:
        if name == "glibc":
            found.append(Contender("glibc", None))
        elif name == "greyspan":
            found.append(Contender("greyspan", os.path.join(build, "libgreyspan-malloc.so")))
        elif name in PEERS:
            sonames, package = PEERS[name]
            path = find_library(sonames)
            if path:
                found.append(Contender(name, path))
            else:
                sentences.append(f"{name} is left out: {sonames[0]} was not found ({package} has it).")
        elif name not in [c.name for c in extra]:
            raise Failure(f"no contender is called {name}: there are {', '.join(DEFAULT)}, and --with")
    usable = []
    for contender in found + extra:
        problem = why_not(contender, build)
        if problem:
            sentences.append(f"{contender.name} is left out: {problem}.")
        else:
            usable.append(contender)
    return usable, sentences


def why_not(contender, build):
    """None if malloc really comes from the contender's library when it is preloaded."""
    if contender.library and not os.path.exists(contender.library):
        return f"{contender.library} does not exist"
    program = os.path.join(build, "bench", "malloc_bench")
    try:
        origin = run_process([program, "--which"], 20, contender.environment())
    except Failure as failure:
        return str(failure)
    origin = origin.strip()
    wanted = contender.library or ctypes.util.find_library("c")
    if os.path.basename(os.path.realpath(origin)) != os.path.basename(os.path.realpath(wanted)):
        return f"malloc still comes from {origin}"
    return None
