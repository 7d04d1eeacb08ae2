"""The tables of bench/run scheme."""

from gc_report import WIDE, Report, number

SAME = ["libgc", "libgc-plain"]  # the same interpreter
TIME, HALF, MEMORY = 0.8, 0.5, 1.0  # at most; HALF of half of the programs


def reached(value, limit):
    return "yes" if value <= limit else "no"


class SchemeReport(Report):
    columns = [("wall s", "wall_s", 8), ("user", "user_s", 7), ("sys", "system_s", 6), ("MiB", "peak_mib", 7),
               ("cycles", "cycles", 7), ("stop ms", "stop_max_ms", 8)]
    ratios = [("/libgc", "libgc", None), ("MiB", "libgc", "peak_mib"), ("/plain", "libgc-plain", None),
              ("MiB", "libgc-plain", "peak_mib"), ("/guile", "guile", None), ("/lua", "lua", None)]
    waits = "longest stop, ms"

    def tables(self):
        return []

    def goals(self):
        """Of the first contender against the same interpreter on libgc."""
        return [line for same in SAME if same != self.names[0] for line in self.goals_to(self.names[0], same)]

    def goals_to(self, name, same):
        pairs = [(row, time, memory) for row in self.rows
                 if (time := row.ratio(name, same, self.clock)) and (memory := row.ratio(name, same, "peak_mib"))]
        if not pairs:
            return []
        lines = ["", f"goals of {name}, to {same}: {self.clock_name()} at most {TIME}, half of the programs "
                 f"at most {HALF}, memory at most {MEMORY}"]
        for row, time, memory in pairs:
            lines.append(f"  {row.name:<14}time {number(time, 5)}: {reached(time, TIME):<5}"
                         f"memory {number(memory, 5)}: {reached(memory, MEMORY)}")
        fast = sum(1 for _, time, _ in pairs if time <= HALF)
        enough = "yes" if 2 * fast >= len(pairs) else "no"
        lines.append(f"  {fast} of {len(pairs)} programs at most {HALF}: {enough}")
        return lines

    def remarks(self):
        return [f"Medians of the runs. stop: the longest of all threads. /NAME: {self.clock_name()} as a ratio, "
                "MiB behind it: memory as a ratio.",
                f"~ runs are more than {WIDE:.0%} apart."]
