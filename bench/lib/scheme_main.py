"""bench/run scheme: the Scheme of docs/examples/scheme on two collectors, Guile and Lua. docs/scheme.md."""

import argparse
import re

import rounds
import scheme_shares
from gc_contenders import gather
from scheme_report import SchemeReport
from scheme_rows import TABLE, Measure, all_rows, known

TITLE = "The Scheme interpreter on Greyspan and on libgc, Guile, Lua"


def parse_arguments(argv, here):
    parser = argparse.ArgumentParser(prog="bench/run scheme",
                                     description="one interpreter on two collectors, beside two others")
    parser.add_argument("--quick", action="store_true", help="three runs instead of five")
    parser.add_argument("--contenders", metavar="A,B", help=f"of {','.join(TABLE)}; all by default")
    parser.add_argument("--shares", action="store_true",
                        help="instead: how much of each program's time is spent in the collector's library")
    parser.add_argument("--callgrind", action="store_true",
                        help="with --shares: count instructions even where perf can sample")
    rounds.common_arguments(parser, here)
    return rounds.parsed(parser, argv)


def run(options):
    rows = [r for r in all_rows() if re.search(options.rows, r.name)]
    if options.list:
        print("\n".join(f"{r.name:<14}{r.about}" for r in rows))
        return
    rounds.need_programs(options.build, ("scheme", "bench/measure", "bench/malloc_plain"))
    names = options.contenders.split(",") if options.contenders else list(TABLE)
    everybody = gather(names, options.extra, options.build, TABLE, known)
    measure = Measure()
    try:
        if options.shares:
            scheme_shares.run(rows, [c for c in everybody if c.is_ours and not c.missing], options)
        else:
            rounds.run(rounds.Bench("scheme", TITLE, SchemeReport, measure), rows, everybody, options)
    finally:
        measure.close()


def main(argv, here):
    options = parse_arguments(argv, here)
    if options.source:
        rounds.print_saved(rounds.Bench("scheme", TITLE, SchemeReport, None), options)
    else:
        run(options)
