"""A dot plot of the ratios as SVG: one line a row, one dot a contender, time left, memory right."""

import math
from xml.sax.saxutils import escape

COLOURS = ["#c0392b", "#5d6d7e", "#2471a3", "#229954", "#ca6f1e", "#7d3c98", "#117a65", "#b7950b"]
LINE = 15
NAMES = 190
PANEL = 400
GAP = 60
TOP = 96
MOST = 32.0  # a dot further right is drawn at the edge, with its figure


def nice_limit(rows):
    top = max((ratio for ratios in rows.values() for ratio in ratios.values()), default=2.0)
    return min(MOST, 2.0 ** math.ceil(math.log2(max(top, 2.0)) + 1e-9))


class Panel:
    def __init__(self, left, title, limit):
        self.left = left
        self.title = title
        self.limit = limit

    def x(self, ratio):
        return self.left + PANEL * math.log(min(ratio, self.limit)) / math.log(self.limit)

    def axis(self, bottom):
        out = [f'<text x="{self.left}" y="{TOP - 26}" class="title">{escape(self.title)}</text>']
        tick = 1.0
        while tick <= self.limit:
            x = self.x(tick)
            out.append(f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{bottom}" class="grid"/>')
            out.append(f'<text x="{x:.1f}" y="{TOP - 11}" class="tick">{tick:g}</text>')
            tick *= 2 if self.limit > 4 else 2 ** 0.5 if self.limit <= 2 else 2
        return out

    def dots(self, y, ratios, colours):
        out = []
        for name, ratio in reversed(list(ratios.items())):  # the first contender is drawn last, on top
            title = f"<title>{escape(name)} {ratio:.2f}</title>"
            place = f'cx="{self.x(ratio):.1f}" cy="{y}"'
            out.append(f'<circle {place} r="4" fill="{colours[name]}">{title}</circle>')
        over = ", ".join(f"{ratio:.0f}" for ratio in sorted(ratios.values()) if ratio > self.limit)
        if over:
            out.append(f'<text x="{self.x(self.limit) + 7:.1f}" y="{y + 3}" class="over">{over}</text>')
        return out


def draw(report, title):
    names = report.names
    colours = {n: COLOURS[i % len(COLOURS)] for i, n in enumerate(names)}

    def ratios(row, what):
        return {n: r for n in names if (r := row.ratio(n, names, what))}

    time = {r.name: ratios(r, report.clock) for r in report.time_rows}
    memory = {r.name: ratios(r, "peak_kib") for r in report.memory_rows}
    means = {"time": {n: m for n in names if (m := report.mean(report.time_rows, n, report.clock))},
             "memory": {n: m for n in names if (m := report.mean(report.memory_rows, n, "peak_kib"))}}
    panels = [Panel(NAMES, "time, ratio to the row's best", nice_limit(time)),
              Panel(NAMES + PANEL + GAP, "peak memory, ratio to the row's best", nice_limit(memory))]
    bottom = TOP + LINE * (len(report.rows) + 2)
    width = NAMES + 2 * PANEL + GAP + 50
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{bottom + 30}" '
        f'viewBox="0 0 {width} {bottom + 30}">',
        "<style>text{font:11px sans-serif;fill:#222}.name{text-anchor:end}.tick{text-anchor:middle;fill:#666}"
        ".title{font-weight:bold}.over{fill:#666;font-size:9px}.grid{stroke:#d5d8dc}.band{fill:#f4f6f7}"
        ".mean{font-weight:bold;text-anchor:end}circle{stroke:#fff;stroke-width:.7;fill-opacity:.9}</style>",
        f'<rect width="{width}" height="{bottom + 30}" fill="#fff"/>',
        f'<text x="12" y="22" style="font-size:15px;font-weight:bold">{escape(title)}</text>',
    ]
    for i, name in enumerate(names):
        x = 18 + i * 125
        out.append(f'<circle cx="{x}" cy="42" r="5" fill="{colours[name]}"/>')
        out.append(f'<text x="{x + 10}" y="46">{escape(name)}</text>')
    lines = [(r.name, "name", time.get(r.name, {}), memory.get(r.name, {})) for r in report.rows]
    lines.append(("geometric mean", "mean", means["time"], means["memory"]))
    for i in range(0, len(lines), 2):
        out.append(f'<rect x="0" y="{TOP + LINE * i}" width="{width}" height="{LINE}" class="band"/>')
    for panel in panels:
        out += panel.axis(bottom - LINE)
    for i, (name, style, left, right) in enumerate(lines):
        y = TOP + LINE * i + LINE / 2
        out.append(f'<text x="{NAMES - 12}" y="{y + 4}" class="{style}">{escape(name)}</text>')
        out += panels[0].dots(y, left, colours) + panels[1].dots(y, right, colours)
    out.append("</svg>")
    return "\n".join(out) + "\n"
