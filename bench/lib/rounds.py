"""What bench/run gc and bench/run scheme share: arguments, interleaved rounds, the comparison of results, files.

A bench is described by a Bench; its rows, contenders and reports are those of gc_rows, gc_contenders, gc_report.
"""

import json
import os
import re
import time
from dataclasses import dataclass

import gc_picture as picture
from gc_rows import HEADROOM, available_mib, from_dict, to_dict
from host import machine, progress, write_file
from model import Failure, run_process
from report import duration

WARM_MOST = 0.6  # of the memory available is touched at most
WARM_FROM = 256  # MiB alive: before such a row the memory is warmed again


@dataclass
class Bench:
    name: str  # bench/run NAME
    title: str  # of the picture
    report: type  # a gc_report.Report
    measure: object  # callable(build, row, contender) -> gc_rows.Sample; raises Failure


def common_arguments(parser, here):
    parser.add_argument("--runs", type=int, help="runs per row and contender (5; with --quick 3)")
    parser.add_argument("--rows", default="", metavar="REGEX", help="only rows whose name matches")
    parser.add_argument("--with", dest="extra", action="append", default=[],
                        metavar="NAME=CONTENDER[@BUILD][,VAR=VALUE...]",
                        help="one of them once more, from another build directory or with other settings; "
                             "repeatable")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall",
                        help="the time that is compared; cpu resists a busy machine, but hides waiting")
    parser.add_argument("--json", metavar="FILE", help="write samples and medians")
    parser.add_argument("--svg", metavar="FILE", help="write a picture")
    parser.add_argument("--from", dest="source", metavar="FILE",
                        help="print a result written by --json; run nothing")
    parser.add_argument("--build", default=os.path.join(here, os.pardir, "build", "release"), metavar="DIR",
                        help="where the programs were built (build/release)")
    parser.add_argument("--list", action="store_true", help="print the rows")


def parsed(parser, argv):
    options = parser.parse_args(argv)
    options.argv = argv
    options.build = os.path.abspath(options.build)
    options.runs = options.runs or (3 if options.quick else 5)
    return options


# ---- running ----

def warm(build, mib):
    """Memory that the machine has not used lately costs several times as much to touch first."""
    mib = int(min(mib, WARM_MOST * available_mib()))
    run_process([os.path.join(build, "bench", "malloc_plain"), "touch", str(mib)], 300)


def run_row(bench, row, taking_part, build, text):
    for contender in taking_part:
        if contender.name in row.problems or not row.takes(contender):
            continue
        progress(f"{text}: {row.name} {contender.name}")
        try:
            row.samples.setdefault(contender.name, []).append(bench.measure(build, row, contender))
        except Failure as failure:
            row.samples[contender.name] = []
            row.problems[contender.name] = str(failure)


def run_rounds(bench, rows, taking_part, options):
    """Each round runs every row with every contender, one after the other, another one first each time."""
    for number in range(options.runs):
        warm(options.build, HEADROOM * max(row.mib for row in rows))
        for at, row in enumerate(rows):
            if row.mib >= WARM_FROM:
                warm(options.build, HEADROOM * row.mib)
            shift = (number + at) % len(taking_part)
            run_row(bench, row, taking_part[shift:] + taking_part[:shift], options.build,
                    f"round {number + 1} of {options.runs}")
    progress("")


def compare_checks(rows):
    """Every contender computes the same from the objects it kept alive; who does not has lost one."""
    for row in rows:
        checks = {n: {s.check for s in samples} for n, samples in row.samples.items() if samples}
        every = [check for some in checks.values() for check in some]
        usual = max(every, key=every.count, default=None)
        for name, some in checks.items():
            if some != {usual}:
                row.samples[name] = []
                row.problems[name] = "computed something else than the others"


def too_large(rows):
    room = available_mib()
    return {row.name for row in rows if HEADROOM * row.mib > room}


# ---- results ----

def print_report(bench, report, options):
    print(report.text())
    if options.svg:
        write_file(options.svg, picture.draw(report, bench.title))


def write_json(bench, rows, everybody, host, seconds, options):
    data = {"command": ["bench/run", bench.name, *options.argv], "date": time.strftime("%Y-%m-%d %H:%M"),
            "seconds": round(seconds), "machine": host, "quick": options.quick, "runs": options.runs,
            "contenders": {c.name: {"settings": c.settings, "missing": c.missing} for c in everybody},
            "rows": [to_dict(r) for r in rows]}
    write_file(options.json, json.dumps(data, indent=1) + "\n")


def run(bench, rows, everybody, options):
    """everybody: contenders; who has a reason to be `missing` gets it as its line."""
    missing = {c.name: c.missing for c in everybody if c.missing}
    for row in (large := too_large(rows)):
        print(f"{row} is left out: the machine has too little memory.")
    rows = [r for r in rows if r.name not in large]
    taking_part = [c for c in everybody if not c.missing]
    if not rows or not taking_part:
        raise Failure("nothing to run: no row or no contender is left")
    host, start = machine(), time.monotonic()
    run_rounds(bench, rows, taking_part, options)
    compare_checks(rows)
    seconds = time.monotonic() - start
    print_report(bench, bench.report(rows, [c.name for c in everybody], missing, options.clock + "_s"), options)
    print(f"{host['processor']}, {host['processors']} processors, load {host['load']:.1f} at the start; "
          f"{options.runs} runs in {duration(seconds * 1e9)}.")
    if options.json:
        write_json(bench, rows, everybody, host, seconds, options)


def print_saved(bench, options):
    with open(options.source, encoding="utf-8") as file:
        data = json.load(file)
    wanted = options.contenders.split(",") if options.contenders else list(data["contenders"])
    names = [n for n in wanted if n in data["contenders"]]
    rows = [r for r in map(from_dict, data["rows"]) if re.search(options.rows, r.name)]
    if not names or not rows:
        raise Failure(f"{options.source} has no such rows or contenders")
    missing = {n: c["missing"] for n, c in data["contenders"].items() if n in names and c["missing"]}
    print_report(bench, bench.report(rows, names, missing, options.clock + "_s"), options)


def need_programs(build, names):
    for name in names:
        if not os.path.exists(os.path.join(build, name)):
            raise Failure(f"{build}/{name} is not built: ./dev bench does it")
