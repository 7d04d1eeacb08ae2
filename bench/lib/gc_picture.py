"""The collector's benchmarks as SVG: wall time and peak memory as ratios, longest waits in milliseconds."""

import math
from xml.sax.saxutils import escape

from picture import COLOURS, GAP, LINE, NAMES, PANEL, TOP, Panel, nice_limit

STYLE = ("<style>text{font:11px sans-serif;fill:#222}.name{text-anchor:end}"
         ".tick{text-anchor:middle;fill:#666}.title{font-weight:bold}.over{fill:#666;font-size:9px}"
         ".grid{stroke:#d5d8dc}.band{fill:#f4f6f7}"
         "circle{stroke:#fff;stroke-width:.7;fill-opacity:.9}</style>")


class Decades(Panel):
    """Milliseconds, a grid line for each power of ten."""

    def __init__(self, left, title, values):
        super().__init__(left, title, math.inf)
        every = [v for row in values.values() for v in row.values()]
        self.low = math.floor(math.log10(min(every, default=0.1)))
        self.high = max(self.low + 1, math.ceil(math.log10(max(every, default=10.0))))

    def x(self, ms):
        return self.left + PANEL * (math.log10(ms) - self.low) / (self.high - self.low)

    def axis(self, bottom):
        out = [f'<text x="{self.left}" y="{TOP - 26}" class="title">{escape(self.title)}</text>']
        for power in range(self.low, self.high + 1):
            x = self.x(10.0 ** power)
            out.append(f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{bottom}" class="grid"/>')
            out.append(f'<text x="{x:.1f}" y="{TOP - 11}" class="tick">{10.0 ** power:g}</text>')
        return out


def ratios(report, what):
    return {row.name: {n: r for n in report.present if (r := row.to_best(n, report.present, what))}
            for row in report.rows}


def waits(report):
    """The longest request where requests are timed, the longest stop elsewhere."""
    out = {}
    for row in report.rows:
        what = "max_ms" if any(row.value(n, "max_ms") for n in report.present) else "stop_max_ms"
        out[row.name] = {n: v for n in report.present if (v := row.value(n, what))}
    return out


def legend(names, colours):
    out = []
    for i, name in enumerate(names):
        x = 18 + i * 125
        out.append(f'<circle cx="{x}" cy="42" r="5" fill="{colours[name]}"/>')
        out.append(f'<text x="{x + 10}" y="46">{escape(name)}</text>')
    return out


def draw(report, title):
    colours = {n: COLOURS[i % len(COLOURS)] for i, n in enumerate(report.names)}
    data = [ratios(report, report.clock), ratios(report, "peak_mib"), waits(report)]
    step, clock = PANEL + GAP, "wall" if report.clock == "wall_s" else "processor"
    panels = [Panel(NAMES, f"{clock} time, ratio to the row's best", nice_limit(data[0])),
              Panel(NAMES + step, "peak memory, ratio to the row's best", nice_limit(data[1])),
              Decades(NAMES + 2 * step, report.waits, data[2])]
    bottom = TOP + LINE * (len(report.rows) + 1)
    width, height = NAMES + 3 * PANEL + 2 * GAP + 50, bottom + 15
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
           f'viewBox="0 0 {width} {height}">', STYLE,
           f'<rect width="{width}" height="{height}" fill="#fff"/>',
           f'<text x="12" y="22" style="font-size:15px;font-weight:bold">{escape(title)}</text>']
    out += legend(report.present, colours)
    for i in range(0, len(report.rows), 2):
        out.append(f'<rect x="0" y="{TOP + LINE * i}" width="{width}" height="{LINE}" class="band"/>')
    for panel in panels:
        out += panel.axis(bottom - LINE)
    for i, row in enumerate(report.rows):
        y = TOP + LINE * i + LINE / 2
        out.append(f'<text x="{NAMES - 12}" y="{y + 4}" class="name">{escape(row.name)}</text>')
        for panel, values in zip(panels, data):
            out += panel.dots(y, values[row.name], colours)
    out.append("</svg>")
    return "\n".join(out) + "\n"
