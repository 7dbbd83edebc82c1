"""Figures as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.measures import Verdict
from harness.names import side_title
from harness.overhead import ALONE, Figures, Overhead, overheads
from harness.statistics import median
from harness.table import number

rcParams.update(
    {
        "svg.hashsalt": "servehttp",  # the same figures make the same file
        "font.family": "DejaVu Sans",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 10,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "figure.facecolor": "white",
    }
)

COLOURS = {"uvicorn": "#8a94a6", "nginx": "#3f9c6b", "gateway": "#2f6fde", "servehttp": "#d08a2e"}
OTHER = "#b9c0cc"
PALETTE = tuple(COLOURS[name] for name in ("gateway", "servehttp", "nginx", "uvicorn"))
VERDICTS: Mapping[Verdict, str] = {"aim reached": "#2f6fde", "reached": "#7fa6ea", "missed": "#d2553f"}
STEPS = {"gateway": "gateway", "plugin": "servehttp"}
"""Whose colour the work of a process has; waiting has another."""
WIDTH = 8.0
"""Inches."""
TICKS = (-100_000, -30_000, -10_000, -3_000, -1_000, -500, 0, 500, 1_000, 3_000, 10_000, 30_000, 100_000)
"""Microseconds: linear within a millisecond, and then by orders of magnitude."""


def save(figure: Figure, path: Path) -> None:
    """Write a figure in the format that its name ends with."""
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata: dict[str, Any] = {"Date": None} if path.suffix == ".svg" else {}
    figure.savefig(path, metadata=metadata)


def svg(figure: Figure) -> str:
    """The element to put into a page."""
    text = StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]


def ratios(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Each ratio as a multiple of what has to be reached: to the right of the line it is."""
    figure = Figure(figsize=(WIDTH, 0.48 * len(rows) + 1), layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(reversed(rows)):
        value, least, most, aim = (distance(row, row[name]) for name in ("ratio", "least", "most", "aim"))
        colour = VERDICTS[row["verdict"]]
        axes.plot([least, most], [place, place], color=colour, linewidth=7, alpha=0.3, solid_capstyle="butt")
        axes.plot(value, place, "o", color=colour, markersize=8)
        axes.plot(aim, place, "|", color="#333", markersize=15, markeredgewidth=1.5)
    axes.axvline(1, color="#333", linewidth=1)
    axes.set_xscale("log", base=2)
    axes.set_yticks(range(len(rows)), [f"{row['title']}\nagainst {row['against']}" for row in reversed(rows)])
    axes.tick_params(axis="y", labelsize=8, length=0)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}×")
    axes.grid(axis="x", alpha=0.25)
    axes.set_xlabel("ratio, in multiples of what has to be reached (more is better)")
    _key(axes)
    figure.legend(loc="outside upper center", ncols=5, frameon=False)
    return figure


def _key(axes: Axes) -> None:
    for verdict, colour in VERDICTS.items():
        axes.plot([], [], "o", color=colour, label=verdict)
    axes.plot([], [], color="#999", linewidth=7, alpha=0.4, label="single rounds")
    axes.plot([], [], "|", color="#333", markersize=12, markeredgewidth=1.5, label="aim")


def distance(row: Mapping[str, Any], ratio: float) -> float:
    """A ratio in multiples of what has to be reached, so that more is better for every measure."""
    reach: float = row["reach"]
    return ratio / reach if row["better"] == "more" else reach / ratio


def sides(figures: Mapping[str, Mapping[str, list[float]]], quantities: Mapping[str, str]) -> Figure:
    """A panel for each quantity with a bar for each side, and a dot for each round."""
    figure = Figure(figsize=(WIDTH, 0.34 * len(figures) + 0.8), layout="constrained")
    panels = figure.subplots(1, len(quantities), sharey=True, squeeze=False)[0]
    names = list(figures)[::-1]
    for axes, (quantity, title) in zip(panels, quantities.items(), strict=True):
        for place, name in enumerate(names):
            values = figures[name][quantity]
            axes.barh(place, median(values), color=COLOURS.get(name, OTHER), height=0.62)
            axes.plot(values, [place] * len(values), ".", color="#222", markersize=3, alpha=0.6)
            axes.annotate(
                number(median(values)),
                (max(values), place),
                (5, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
        axes.set_title(title)
        axes.set_yticks(range(len(names)), [side_title(name) for name in names])
        axes.tick_params(axis="y", length=0)
        axes.margins(x=0.24)
        axes.set_xlim(left=0)
        axes.locator_params(axis="x", nbins=4)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    return figure


def open_exchanges(costs: Mapping[str, list[float]]) -> Figure:
    """A line of medians over the number of open exchanges, with a dot for each round; level is what it should be."""
    counts = [int(count) for count in costs]
    medians = [median(figures) for figures in costs.values()]
    figure = Figure(figsize=(WIDTH, 2.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(counts, medians, "o-", color=COLOURS["gateway"], markersize=7)
    for count, figures in zip(counts, costs.values(), strict=True):
        axes.plot([count] * len(figures), figures, ".", color="#222", markersize=3, alpha=0.6)
        axes.annotate(
            number(median(figures)), (count, max(figures)), (0, 5), textcoords="offset points", ha="center", fontsize=8
        )
    axes.set_xscale("log")
    axes.set_xticks(counts, [f"{count:,}" for count in counts])
    axes.minorticks_off()
    axes.margins(y=0.2)
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", alpha=0.25)
    axes.set_xlabel("open exchanges")
    axes.set_ylabel("CPU per request, µs")
    return figure


def soak(lives: Sequence[Mapping[str, Any]]) -> Figure:
    """A panel for each quantity with a line for each process, broken where it was started anew."""
    processes = list(dict.fromkeys(life["process"] for life in lives))
    quantities = list(dict.fromkeys(life["quantity"] for life in lives))
    figure = Figure(figsize=(WIDTH, 1.5 * len(quantities) + 0.6), layout="constrained")
    panels = figure.subplots(len(quantities), 1, sharex=True, squeeze=False)[:, 0]
    for axes, quantity in zip(panels, quantities, strict=True):
        for life in (life for life in lives if life["quantity"] == quantity):
            minutes, values = [time / 60 for time, _ in life["points"]], [value for _, value in life["points"]]
            axes.plot(minutes, values, color=PALETTE[processes.index(life["process"])], linewidth=1)
        axes.set_title(quantity)
        axes.set_ylim(bottom=0)
        axes.grid(axis="y", alpha=0.25)
    for process, colour in zip(processes, PALETTE, strict=False):
        panels[0].plot([], [], color=colour, label=process)
    panels[-1].set_xlabel("minutes")
    figure.legend(loc="outside upper center", ncols=len(processes), frameon=False)
    return figure


def waterfall(steps: Sequence[tuple[str, float]]) -> Figure:
    """A bar for each step, from where the one before it ends; its colour is that of who works, or of waiting."""
    figure = Figure(figsize=(WIDTH, 0.6 + 0.32 * len(steps)), layout="constrained")
    axes = figure.subplots()
    begin = 0.0
    for height, (name, length) in enumerate(steps):
        axes.barh(height, length, left=begin, height=0.7, color=COLOURS[STEPS.get(name.partition(":")[0], "uvicorn")])
        axes.annotate(number(length), (begin + length, height), (4, 0), textcoords="offset points", va="center")
        begin += length
    axes.set_yticks(range(len(steps)), [name for name, _ in steps])
    axes.invert_yaxis()
    axes.margins(x=0.06)
    axes.set_xlim(left=0)
    axes.grid(axis="x", alpha=0.25)
    axes.set_xlabel("µs")
    return figure


def overhead(scenarios: Mapping[str, Figures]) -> Figure:
    """What each entry takes longer than alone: the dot is the median, the line goes on to the 99th percentile."""
    rows = [row for row in overheads(scenarios) if row.side != ALONE]
    entries = list(dict.fromkeys((row.scenario, row.entry) for row in rows))
    shown = [name for name in COLOURS if any(row.side == name for row in rows)]
    figure = Figure(figsize=(WIDTH, 0.42 * len(entries) + 1), layout="constrained")
    axes = figure.subplots()
    for row in rows:
        place = len(entries) - 1 - entries.index((row.scenario, row.entry))
        _draw_overhead(axes, row, place + 0.16 * (len(shown) - 1) - 0.32 * shown.index(row.side))
    for name in shown:
        axes.plot([], [], "o-", color=COLOURS[name], label=side_title(name))
    axes.axvline(0, color="#333", linewidth=1)
    axes.set_xscale("symlog", linthresh=1000)
    left, right = axes.get_xlim()
    axes.set_xticks([tick for tick in TICKS if left <= tick <= right])
    axes.set_yticks(range(len(entries)), [entry for _, entry in reversed(entries)])
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:g}")
    axes.grid(axis="x", alpha=0.25)
    axes.set_xlabel("milliseconds more than with uvicorn alone: median (large), 95th and 99th percentile (small)")
    figure.legend(loc="outside upper center", ncols=len(shown), frameon=False)
    return figure


def _draw_overhead(axes: Axes, row: Overhead, height: float) -> None:
    colour = COLOURS[row.side]
    axes.plot(row.over, [height] * len(row.over), "-", color=colour, linewidth=1.5, alpha=0.5)
    axes.plot(row.over[0], height, "o", color=colour, markersize=7)
    axes.plot(row.over[1:], [height] * (len(row.over) - 1), "o", color=colour, markersize=3)
