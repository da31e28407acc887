"""Writes the measurements down: a table in Markdown, and a picture."""
from html import escape
from math import isnan

from figures import better, judge, mean_ratio, median, ratio
from scenarios import TARGETS

COLOURS = {"weir": "#0b7a75", "nginx": "#7a9e7e", "haproxy": "#8d99ae", "relay": "#d0d0d0"}
FIGURES = {
    "cpu_us": "CPU time",
    "p50_us": "median latency",
    "kib_each": "memory each",
    "pair_ratio": "CPU time, paired",
    "start_ms": "start to first answer",
    "memory_mib": "memory in all",
}
LABEL_WIDTH, BAR_WIDTH, BAR_HEIGHT, GAP, TOP = 250, 420, 14, 14, 64
PICTURE_TITLE = "CPU time per request, and memory per idle connection"
PICTURE_LEGEND = "1.0: the best of the others. Red: Weir's target. Shorter is better."
HALO = 'paint-order="stroke" stroke="white" stroke-width="3"'
SCALE_MAX = 2.0  # a longer bar is cut, its figure is written beside it


def number(value, places=None):
    """As many digits as mean something, unless the places are given."""
    if value is None:
        return ""
    if places is None:
        places = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2
    return f"{value:,.{places}f}"


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|---" + "|---:" * (len(header) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def work_row(results, name):
    runs = results[name]
    costs = [run["cpu_us"] for run in runs]
    return [
        name,
        number(median(runs, "cpu_us")),
        f"{number(min(costs))} to {number(max(costs))}",
        number(ratio(results, name, "cpu_us", "better")),
        number(ratio(results, name, "cpu_us", "relay")),
        number(median(runs, "rate"), 0),
        number(median(runs, "p50_us"), 0),
        number(median(runs, "p99_us"), 0),
        number(median(runs, "busy")),
    ]


def work_table(results):
    header = ["peer", "CPU µs/request", "from, to", "of the better", "of the relay"]
    header += ["requests/s", "p50 µs", "p99 µs", "busy"]
    return table(header, [work_row(results, name) for name in results])


def held_table(results):
    rows = [
        [name, number(median(runs, "kib_each")), number(median(runs, "memory_mib"), 1)]
        for name, runs in results.items()
    ]
    return table(["peer", "KiB for each", "MiB before"], rows)


def pair_row(name, runs):
    mean, low, high = mean_ratio([run["pair_ratio"] for run in runs])
    interval = "" if isnan(low) else f" ({low:.3f} to {high:.3f})"
    return [
        name,
        number(median(runs, "plain_us")),
        number(median(runs, "cpu_us")),
        f"{mean:.3f}{interval}",
        number(median(runs, "start_ms"), 0),
        number(median(runs, "memory_mib"), 1),
    ]


def pair_table(results):
    header = ["peer", "without: CPU µs/request", "with", "with/without, paired (95 %)"]
    header += ["start ms", "MiB"]
    return table(header, [pair_row(name, runs) for name, runs in results.items()])


def scenario_table(scenario, results):
    if scenario.is_paired():
        return pair_table(results)
    return work_table(results) if scenario.requests else held_table(results)


def verdict_row(verdict):
    target = verdict.target
    against = {"better": "of the better", "relay": "of the relay", "nginx": "of nginx",
               "": target.unit}[target.against]
    return [
        target.scenario,
        FIGURES[target.figure],
        f"{target.limit:g} {against}".strip(),
        number(verdict.value, 3) if target.unit != "ms" else number(verdict.value, 0),
        "met" if verdict.met else "**missed**",
    ]


def summary(all_results):
    verdicts = judge(all_results)
    if not verdicts:
        return "Nothing of this has a target: targets are for weir, in some of the scenarios."
    met = sum(verdict.met for verdict in verdicts)
    rows = [verdict_row(verdict) for verdict in verdicts]
    header = ["scenario", "figure", "at most", "reached", ""]
    return f"{table(header, rows)}\n\n{met} of {len(verdicts)} targets met."


def markdown(machine, scenarios, all_results, failures):
    parts = ["# Weir's benchmark", "\n".join(f"- {line}" for line in machine)]
    for scenario in scenarios:
        results = all_results.get(scenario.name)
        if results:
            parts.append(f"## {scenario.name}: {scenario.title}")
            parts.append(scenario_table(scenario, results))
    if failures:
        parts += ["## Runs that failed", "\n".join(f"- {failure}" for failure in failures)]
    parts += ["## Targets", summary(all_results)]
    return "\n\n".join(parts) + "\n"


def picture_figure(scenario):
    return "cpu_us" if scenario.requests else "kib_each"


def bar_width(value):
    return min(max(value, 0), SCALE_MAX) / SCALE_MAX * BAR_WIDTH


def bar(top, name, value, text):
    width = bar_width(value)
    colour = COLOURS.get(name, "#c08497")
    return (
        f'<rect x="{LABEL_WIDTH}" y="{top}" width="{width:.1f}" height="{BAR_HEIGHT - 2}" '
        f'fill="{colour}"/>'
        f'<text x="{LABEL_WIDTH + width + 6:.1f}" y="{top + 10}" {HALO}>'
        f"{escape(name)} {text}</text>"
    )


def target_marks(top, scenario, results):
    """A red line where the first bar, Weir's, is to end at most."""
    figure = picture_figure(scenario)
    rival = median(results[better(results, figure)], figure)
    marks = []
    for target in TARGETS:
        if (target.scenario, target.figure) == (scenario.name, figure) and target.against != "relay":
            limit = target.limit if target.against else target.limit / rival
            x = LABEL_WIDTH + bar_width(limit)
            marks.append(
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top - 3}" y2="{top + BAR_HEIGHT + 1}" '
                'stroke="#c1121f" stroke-width="2"/>'
            )
    return marks


def scenario_bars(top, scenario, results):
    """The bars of one scenario, and how high they are together."""
    figure = picture_figure(scenario)
    unit = "µs" if figure == "cpu_us" else "KiB"
    height = len(results) * BAR_HEIGHT
    lines = [
        f'<text x="{LABEL_WIDTH - 8}" y="{top + 10}" text-anchor="end">'
        f"{escape(scenario.title)}</text>"
    ]
    for row, (name, runs) in enumerate(results.items()):
        value = ratio(results, name, figure, "better")
        text = f"{number(value)} ({number(median(runs, figure))} {unit})"
        lines.append(bar(top + row * BAR_HEIGHT, name, value, text))
    return lines + target_marks(top, scenario, results), height


def picture(scenarios, all_results):
    """A picture (SVG) of CPU time, or memory, against the best of the others."""
    lines, top = [], TOP
    for scenario in scenarios:
        results = all_results.get(scenario.name, {})
        if better(results, picture_figure(scenario)):
            bars, height = scenario_bars(top, scenario, results)
            lines += bars
            top += height + GAP
    one = LABEL_WIDTH + bar_width(1)
    width = LABEL_WIDTH + BAR_WIDTH + 170
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{top}" '
        'font-family="sans-serif" font-size="11">'
        '<rect width="100%" height="100%" fill="white"/>'
        f'<text x="12" y="24" font-size="16">{PICTURE_TITLE}</text>'
        f'<text x="12" y="42">{PICTURE_LEGEND}</text>'
        f'<line x1="{one}" x2="{one}" y1="{TOP - 8}" y2="{top}" stroke="black" '
        'stroke-dasharray="3 3"/>'
    )
    return "\n".join([head, *lines, "</svg>\n"])
