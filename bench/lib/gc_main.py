"""bench/run gc: collectors beside each other and beside malloc and free. docs/benchmarks-gc.md."""

import argparse
import re

import gc_contenders as who
import rounds
from gc_report import Report
from gc_rows import all_rows, measure

BENCH = rounds.Bench("gc", "Greyspan's collector and its peers", Report, measure)


def sizes(text):
    values = [int(part) for part in text.split(",") if part.isdigit() and int(part) > 0]
    if not values or len(values) != len(text.split(",")):
        raise argparse.ArgumentTypeError(f"{text}: expected MiB, as in 64,512,2048")
    return values


def parse_arguments(argv, here):
    parser = argparse.ArgumentParser(prog="bench/run gc",
                                     description="the collector, compared with its peers")
    parser.add_argument("--quick", action="store_true",
                        help="64 and 512 MiB, fewer rows and contenders, three runs: under five minutes")
    parser.add_argument("--live", type=sizes, metavar="MIB,MIB",
                        help="sizes of the LRU cache (64,512,2048; with --quick 64,512)")
    parser.add_argument("--contenders", metavar="A,B",
                        help=f"of {','.join(who.TABLE)} ({','.join(who.DEFAULT)}; "
                             f"with --quick {','.join(who.QUICK)})")
    rounds.common_arguments(parser, here)
    options = rounds.parsed(parser, argv)
    options.live = options.live or ([64, 512] if options.quick else [64, 512, 2048])
    return options


def run(options):
    rounds.need_programs(options.build, ("bench/measure", "bench/malloc_plain"))
    rows = [r for r in all_rows(options.quick, options.live) if re.search(options.rows, r.name)]
    if options.list:
        print("\n".join(f"{r.name:<20}{r.about}" for r in rows))
        return
    default = who.QUICK if options.quick else who.DEFAULT
    names = options.contenders.split(",") if options.contenders else default
    rounds.run(BENCH, rows, who.gather(names, options.extra, options.build), options)


def main(argv, here):
    options = parse_arguments(argv, here)
    if options.source:
        rounds.print_saved(BENCH, options)
    else:
        run(options)
