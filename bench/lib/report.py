"""The tables that a run prints."""

import math
import statistics
import textwrap

from model import Row

WIDE = 0.25  # a cell is marked when its runs are further apart than this share of the median
BEHIND, LISTED = 1.15, 30  # time ratios above this are listed for the first contender, so many of them
SYSTEM_SHARE = 0.15  # rows whose processor time is the kernel's to this part are listed apart


def geometric_mean(values):
    values = [v for v in values if v]
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def duration(ns):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns:.3g} ns"


def figure(value, width=6, digits=2):
    return f"{value:{width}.{digits}f}" if value is not None else f"{'-':>{width}}"


class Report:
    """clock: "ns" compares wall time, "cpu_ns" user and system time."""

    def __init__(self, rows, names, clock="ns", idle=None):
        self.rows = rows
        self.names = names
        self.clock = clock
        self.idle = idle or {}
        self.time_rows = [r for r in rows if r.time]
        self.memory_rows = [r for r in rows if r.memory]

    # Ratios

    def groups(self):
        out = {}
        for row in self.time_rows:
            out.setdefault(row.group, []).append(row)
        return out

    def mean(self, rows, name, what):
        return geometric_mean([r.ratio(name, self.names, what) for r in rows])

    def worst(self, rows, name, what):
        ratios = [(r.ratio(name, self.names, what) or 0, r.name) for r in rows]
        return max(ratios, default=(0, ""))

    def to_best_peer(self, rows, name, what):
        """Below 1: ahead of whichever other contender is best in each row."""
        peers = [n for n in self.names if n != name]
        pairs = [(r.value(name, what), r.best(peers, what)) for r in rows]
        return geometric_mean([mine / best for mine, best in pairs if mine and best])

    def summary(self):
        out = {}
        for name in self.names:
            out[name] = {
                "time": self.mean(self.time_rows, name, self.clock),
                "time_by_group": geometric_mean(
                    [self.mean(rows, name, self.clock) for rows in self.groups().values()]),
                "time_to_best_peer": self.to_best_peer(self.time_rows, name, self.clock),
                "worst_time": self.worst(self.time_rows, name, self.clock),
                "memory": self.mean(self.memory_rows, name, "peak_kib"),
                "memory_to_best_peer": self.to_best_peer(self.memory_rows, name, "peak_kib"),
                "worst_memory": self.worst(self.memory_rows, name, "peak_kib"),
                "rows": sum(1 for r in self.rows if r.samples.get(name)),
            }
        return out

    # Text

    def heading(self, title):
        return [f"{title:<24}{'best':>9} {'MiB':>6}" + "".join(f"{n[:13]:>14}" for n in self.names)]

    def cell(self, row, name):
        if not row.samples.get(name):
            return f"{'failed':>14}"
        mark = "~" if row.time and row.spread(name, self.clock) > WIDE else " "
        time = row.ratio(name, self.names, self.clock) if row.time else None
        memory = row.ratio(name, self.names, "peak_kib") if row.memory else None
        return f"  {figure(time)}{mark}{figure(memory, 5)}"

    def table(self):
        lines = self.heading("row")
        lines.append(f"{'':<24}{'':>9} {'':>6}" + f"{'time    MiB':>14}" * len(self.names))
        for row in self.rows:
            best = duration(row.best(self.names, self.clock) or 0) if row.time else ""
            kib = row.best(self.names, "peak_kib") if row.memory else None
            mib = f"{kib / 1024:.1f}" if kib else ""
            lines.append(f"{row.name:<24}{best:>9} {mib:>6}" + "".join(self.cell(row, n) for n in self.names))
        return lines

    def means(self):
        summary = self.summary()

        def line(title, cells):
            return f"{title:<40}" + "".join(f"{c:>14}" for c in cells)

        lines = ["", line("geometric means", self.names)]
        groups = self.groups()
        for group in groups if len(groups) > 1 else []:
            cells = [figure(self.mean(groups[group], n, self.clock)) for n in self.names]
            lines.append(line(f"  time, {group}", cells))
        titles = [("time", f"time, all {len(self.time_rows)} rows, to row best"),
                  ("time_by_group", f"time, {len(groups)} groups, each with one vote"),
                  ("time_to_best_peer", "time, to the best of the others"),
                  ("memory", f"peak memory, {len(self.memory_rows)} rows, to row best"),
                  ("memory_to_best_peer", "peak memory, to the best of the others")]
        for key, title in titles:
            if self.memory_rows or not key.startswith("memory"):
                lines.append(line(title, [figure(summary[n][key]) for n in self.names]))
        for name in self.names:
            time, time_row = summary[name]["worst_time"]
            memory, memory_row = summary[name]["worst_memory"]
            worst = [f"time {time:.2f} ({time_row})"] if time else []
            worst += [f"memory {memory:.2f} ({memory_row})"] if memory else []
            if worst:
                lines.append(f"  {name}, worst row: {', '.join(worst)}")
        return lines + self.behind(self.names[0])

    def behind(self, name):
        """Where the first contender is to be improved."""
        ratios = [(r.ratio(name, self.names, self.clock) or 0, r.name) for r in self.time_rows]
        slow = [f"{row} {ratio:.2f}" for ratio, row in sorted(ratios, reverse=True) if ratio > BEHIND]
        if not slow or len(self.names) == 1:
            return []
        title = f"  {name}, {len(slow)} time rows above {BEHIND}: "
        slow[LISTED:] = ["..."] if len(slow) > LISTED else []
        return textwrap.wrap(", ".join(slow), 110, initial_indent=title, subsequent_indent="    ",
                             break_on_hyphens=False)

    def scaling(self):
        """What an operation costs with two threads, to what it costs with one."""
        by_name = {r.name: r for r in self.rows}
        doubled = [r for r in self.rows if r.name.endswith("@2") and r.name[:-2] in by_name]
        pairs = [(by_name[r.name[:-2]], r) for r in doubled]
        if not pairs:
            return []
        lines = ["", "From 1 to 2 threads: thread time per operation with 2, to that with 1",
                 f"{'row':<24}" + "".join(f"{n[:13]:>14}" for n in self.names)]
        losses = {n: [] for n in self.names}
        for one, two in pairs:
            cells = []
            for name in self.names:
                a, b = one.value(name, self.clock), two.value(name, self.clock)
                loss = b / a if a and b else None
                losses[name].append(loss)
                cells.append(figure(loss, 14))
            lines.append(f"{one.name:<24}" + "".join(cells))
        means = [geometric_mean(losses[n]) for n in self.names]
        lines.append(f"{'geometric mean':<24}" + "".join(figure(m, 14) for m in means))
        best = [min((l for l in row if l), default=None) for row in zip(*losses.values())]
        for name in self.names:
            over = [one.name for (one, _), l, b in zip(pairs, losses[name], best) if l and b and l > 1.1 * b]
            lines.append(f"  {name}: more than 10 % above the least loss in {len(over)} of {len(pairs)} rows")
        return lines

    def system_time(self):
        """Rows in which somebody spends a good part of its processor time in the kernel."""
        rows = []
        for row in self.time_rows:
            shares = [(row.value(n, "system_ns") or 0) / (row.value(n, "cpu_ns") or 1) for n in self.names]
            if max(shares, default=0) > SYSTEM_SHARE:
                rows.append(row)
        if not rows:
            return []
        lines = ["", "System time per operation, part of the time above (rows where it is over "
                 f"{SYSTEM_SHARE:.0%} of somebody's processor time)",
                 f"{'row':<24}" + "".join(f"{n[:13]:>14}" for n in self.names)]
        for row in rows:
            cells = [duration(row.value(n, "system_ns") or 0) for n in self.names]
            lines.append(f"{row.name:<24}" + "".join(f"{c:>14}" for c in cells))
        return lines

    def idle_lines(self, seconds):
        if not self.idle:
            return []
        heads = ["before", "peak", *(f"after {s} s" for s in seconds)]
        lines = ["", "Idle after a burst of 1 GiB that was freed, resident MiB (not part of the means)",
                 f"{'':<24}" + "".join(f"{h:>12}" for h in heads)]
        for name, values in self.idle.items():
            text = values if isinstance(values, str) else "".join(f"{v / 1024:12.1f}" for v in values)
            lines.append(f"{name:<24}{text}")
        return lines

    def text(self, idle_seconds):
        lines = self.table() + self.means() if self.rows else []
        lines += self.scaling() + self.system_time() + self.idle_lines(idle_seconds)
        what = "Wall" if self.clock == "ns" else "User and system"
        taken = "medians" if Row.take is statistics.median else "least of the runs"
        lines += ["", f"{what} time and peak resident memory, {taken}; ratios are to the row's best.",
                  f"~ runs are more than {WIDE:.0%} apart. @2: two threads; thread time per operation."]
        return "\n".join(lines)
