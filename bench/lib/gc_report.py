"""The tables of the collector's benchmarks."""

import re

from report import geometric_mean

WIDE = 0.25  # a wall time is marked when its runs are further apart than this share of the median

COLUMNS = [  # heading, what, width
    ("wall s", "wall_s", 8), ("user", "user_s", 7), ("sys", "system_s", 6), ("MiB", "peak_mib", 7),
    ("cycles", "cycles", 7), ("stop p99", "stop_p99_ms", 9), ("max ms", "stop_max_ms", 8),
    ("p50 us", "p50_us", 8), ("p99", "p99_us", 8), ("p99.9", "p999_us", 8), ("max ms", "max_ms", 8),
]
MEANS = [("wall time", "wall_s"), ("processor time", "cpu_s"), ("peak memory", "peak_mib")]
RATIOS = [("/" + name, name, None) for name in ("libgc", "go", "mimalloc")]  # heading, to whom, of what: the clock


class Goal:
    """What the project wants of its first contender."""

    def __init__(self, row, text, measure, limit, at_least=False):
        self.row, self.text, self.measure, self.limit, self.at_least = row, text, measure, limit, at_least

    def line(self, rows, name, clock):
        row = next((r for r in rows if re.fullmatch(self.row, r.name)), None)
        value = self.measure(rows, row, name, clock) if row else None
        if value is None:
            return None
        reached = value >= self.limit if self.at_least else value <= self.limit
        bound = f"{'at least' if self.at_least else 'at most'} {self.limit:g}"
        return f"  {row.name:<18}{self.text:<34}{value:7.2f}, {bound}: {'yes' if reached else 'no'}"


def to(other, what=None):
    return lambda rows, row, name, clock: row.ratio(name, other, what or clock)


def speed_up(rows, row, name, _clock=None):
    """From one marking thread to two; row is the one with two."""
    one = next((r for r in rows if r.name == row.name[:-1] + "1"), None)
    before, after = one and one.value(name, "mark_ms"), row.value(name, "mark_ms")
    return before / after if before and after else None


GOALS = [
    Goal("trees/18", "time to libgc", to("libgc"), 0.5),
    Goal("trees/18", "time to Go", to("go"), 1.0),
    Goal("trees/18", "peak memory to libgc", to("libgc", "peak_mib"), 1.0),
    Goal("gcbench/classic", "time to libgc", to("libgc"), 0.6),
    Goal("gcbench/classic", "peak memory to libgc", to("libgc", "peak_mib"), 1.0),
    Goal("lru/512", "time to libgc", to("libgc"), 0.75),
    Goal("lru/512", "time to mimalloc", to("mimalloc"), 1.2),
    Goal("alloc/1", "ns an object", lambda rows, row, name, clock: row.value(name, "each_ns"), 2.0),
    Goal("alloc/512", "time an object to mimalloc", to("mimalloc", "each_ns"), 1.5),
    Goal(r"mark/\d+-w2", "marking speed, 2 threads to 1", speed_up, 1.7, at_least=True),
]


def number(value, width):
    """Three figures."""
    if value is None:
        return f"{'-':>{width}}"
    places = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:{width}.{places}f}"


def count(value, width):
    return f"{'-':>{width}}" if value is None else f"{value:{width}.0f}"


class Report:
    columns, ratios = COLUMNS, RATIOS
    waits = "longest request (lru) or stop (others), ms"  # what a picture shows of waits()

    def __init__(self, rows, names, missing, clock="wall_s"):
        """names: contenders in order, the first is ours; missing: name -> why it could not run.

        clock: "wall_s" or "cpu_s", the time whose ratios are shown.
        """
        self.rows = rows
        self.clock = clock
        self.names = names
        self.missing = missing
        self.ratios = [r for r in self.ratios if r[1] in names and r[1] not in missing]

    @property
    def present(self):
        return [n for n in self.names if n not in self.missing]

    # One block a row, one line a contender

    def heading(self):
        ratios = "".join(f"{title:>10}" for title, _, _ in self.ratios)
        return f"{'':<16}" + "".join(f"{title:>{width}}" for title, _, width in self.columns) + ratios

    def line(self, row, name):
        title = f"  {name:<14}"
        problem = self.missing.get(name) or row.problems.get(name)
        if problem:
            return f"{title}  {problem}"
        cells = [(count if what == "cycles" else number)(row.value(name, what), width)
                 for _, what, width in self.columns]
        if row.spread(name, self.clock) > WIDE:
            cells[0] = f"~{cells[0].strip()}".rjust(self.columns[0][2])
        ratios = "".join(number(row.ratio(name, other, what or self.clock), 10)
                         for _, other, what in self.ratios)
        return title + "".join(cells) + ratios

    def block(self, row):
        lines = [f"{row.name}: {row.about}"]
        for name in self.names:
            if row.samples.get(name) or name in self.missing or name in row.problems:
                lines.append(self.line(row, name))
        return lines

    def table(self, title, rows, what):
        rows = [r for r in rows if any(r.value(n, what) for n in self.present)]
        if not rows:
            return []
        lines = ["", f"{title:<30}" + "".join(f"{n:>15}" for n in self.present)]
        for row in rows:
            lines.append(f"  {row.name:<28}" + "".join(number(row.value(n, what), 15) for n in self.present))
        return lines

    def speed_ups(self):
        lines = []
        for row in self.rows:
            if row.workers == 2:
                ratios = [speed_up(self.rows, row, n) for n in self.present]
                lines.append(f"  {row.name[:-3] + ', 2 to 1':<28}" + "".join(number(r, 15) for r in ratios))
        return lines

    def means(self):
        lines = ["", f"{'geometric means, to row best':<30}" + "".join(f"{n:>15}" for n in self.present)]
        for title, what in MEANS:
            cells = [number(self.mean(n, what), 15) for n in self.present]
            lines.append(f"  {title:<28}" + "".join(cells))
        return lines

    def mean(self, name, what):
        """Over the rows in which everybody takes part."""
        rows = [r for r in self.rows if not r.workers]
        return geometric_mean([r.to_best(name, self.present, what) for r in rows])

    def goals(self):
        lines = [line for goal in GOALS if (line := goal.line(self.rows, self.names[0], self.clock))]
        return ["", f"goals of {self.names[0]}", *lines] if lines else []

    def tables(self):
        """What a row means in units of its own."""
        return (self.table("ns an object", self.rows, "each_ns")
                + self.table("the same, stops left out", self.rows, "each_running_ns")
                + self.table("ms a marking", self.rows, "mark_ms") + self.speed_ups())

    def remarks(self):
        return ["Medians of the runs. stop: of all threads, ms; p50 to max: requests. "
                f"/NAME and goals: {self.clock_name()}.",
                f"~ runs are more than {WIDE:.0%} apart. @2: two threads."]

    def clock_name(self):
        return "wall time" if self.clock == "wall_s" else "processor time"

    def text(self):
        lines = [self.heading()]
        for row in self.rows:
            lines += self.block(row)
        return "\n".join([*lines, *self.tables(), *self.means(), *self.goals(), "", *self.remarks()])
