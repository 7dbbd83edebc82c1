"""Results as sections of text, tables and plots, and those as Markdown or as a page of HTML."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.overhead import ALONE, costs, overheads
from harness.statistics import median
from harness.table import HEADINGS, as_markdown, cells, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COMMANDS = {"bench": "make bench", "load": "make load", "bench-open": "make bench ARGS=open"}
"""What makes the results of each kind."""


@dataclass(frozen=True, slots=True)
class Table:
    """Headings and rows."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Plot:
    """A figure, which is drawn when it is needed; its name is that of its file."""

    name: str
    meaning: str
    draw: Callable[[], Figure]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what is below it; a `str` is a paragraph."""

    title: str
    blocks: Sequence[str | Table | Plot]


SIDES = {
    "uvicorn": "uvicorn alone",
    "nginx": "nginx → uvicorn",
    "gateway": "gateway",
    "servehttp": "gateway, one RPC per request",
    "quiet": "gateway",
    "busy": "gateway, beside 1 GiB down and 1 GiB up",
    "one": "gateway, 1 plugin",
    "ten": "gateway, 10 plugins",
}
EXPERIMENTS = {
    "small": "GET /json, 64 connections",
    "single": "GET /json, 1 connection",
    "headers": "GET /json, 64 connections, 14 browser headers and a 1 KiB cookie",
    "posts": "POST of 100 bytes, 64 connections",
    "neighbours": "GET /json, 8 connections",
    "bulk": "256 MiB over one connection",
    "memory": "1,000 idle clients of server-sent events",
    "start": "From start to ready",
}
QUANTITIES = {
    "rps": "requests/s",
    "p50": "p50, µs",
    "p95": "p95, µs",
    "p99": "p99, µs",
    "cpu": "CPU per request, µs",
    "download": "download, MB/s",
    "upload": "upload, MB/s",
    "per_client": "memory per client, KiB",
    "seconds": "seconds",
}
IN_PLOT = ("rps", "cpu", "p99")


def bench_sections(document: Mapping[str, Any]) -> list[Section]:
    """The results of the benchmark."""
    plan, rows = document["plan"], document["rows"]
    measured = [row for row in rows if row["ratio"] is not None]
    about = (
        f"Each ratio is of one run in which the sides take turns, {plan['rounds']} rounds of {plan['seconds']} s. "
        "Figures are medians over the rounds, and 'one round' is the least and the greatest ratio of a single round."
    )
    ratios: list[str | Table | Plot] = [about, Table(HEADINGS, [cells(row) for row in rows])]
    if measured:
        meaning = "Each ratio in multiples of what has to be reached, with the single rounds and the aim"
        ratios.append(Plot("ratios", meaning, lambda: _plots().ratios(measured)))
    return [Section("Against others", ratios), *_experiments(document["experiments"])]


def _experiments(experiments: Mapping[str, Any]) -> list[Section]:
    """The figures of every side."""
    blocks: list[str | Table | Plot] = []
    for name, outcome in experiments.items():
        figures = outcome["figures"]
        if not figures:
            continue
        quantities = list(next(iter(figures.values())))
        rows = [[SIDES[side], *(number(median(found[key])) for key in quantities)] for side, found in figures.items()]
        blocks += [f"**{EXPERIMENTS[name]}**", Table(["", *(QUANTITIES[key] for key in quantities)], rows)]
        if name == "small":
            blocks.append(_small_plot(figures))
    return [Section("All figures", blocks)] if blocks else []


def _small_plot(figures: Mapping[str, Any]) -> Plot:
    meaning = "Requests a second, CPU per request and p99 with a dot for each round"
    drawn = {side: found for side, found in figures.items() if side != "servehttp"}  # beside it the others were dots
    return Plot("small", meaning, lambda: _plots().sides(drawn, {key: QUANTITIES[key] for key in IN_PLOT}))


def load_sections(document: Mapping[str, Any]) -> list[Section]:
    """The results of the load tests."""
    plan, scenarios = document["plan"], document["scenarios"]
    about = (
        f"Locust with {plan['users']} users of one kind at a time, each of which waits {plan['pause']:g} s between two "
        f"requests; {plan['rounds']} rounds of {plan['seconds']} s in which the sides take "
        "turns. Times are milliseconds at p50 / p95 / p99: those of uvicorn alone, and what the others take longer. "
        "Of a stream, the time to the first byte, the gap between two chunks and the total are entries of their own."
    )
    meaning = "How much longer each entry takes than with uvicorn alone"
    plot = Plot("overhead", meaning, lambda: _plots().overhead(scenarios))
    sections = [Section("Overhead of a request, seen by clients", [about, overhead_table(scenarios), plot])]
    cost = "CPU of each process in microseconds a request, and its memory (proportional set size) in MiB at most."
    return [*sections, Section("What each process uses", [cost, cost_table(scenarios)])]


OPEN_HEADINGS = ("open exchanges", "CPU per request, µs", "one round", "against the fewest")


def open_sections(document: Mapping[str, Any]) -> list[Section]:
    """What a request costs beside others that are open."""
    plan, costs = document["plan"], document["costs"]
    about = (
        "CPU of a request in both cores of a tunnel and the codec, without I/O, while other exchanges stay open with "
        f"their responses begun; {plan['rounds']} rounds of {plan['requests']:,} requests in which the counts take "
        "turns. Figures are medians over the rounds, and 'one round' is the least and the greatest of a single round."
    )
    meaning = "CPU per request over the number of open exchanges, with a dot for each round"
    plot = Plot("open-exchanges", meaning, lambda: _plots().open_exchanges(costs))
    return [Section("Many open exchanges", [about, Table(OPEN_HEADINGS, open_rows(document)), plot])]


def open_rows(document: Mapping[str, Any]) -> list[list[str]]:
    """One row for each number of open exchanges, the fewest first."""
    costs = document["costs"]
    fewest = median(next(iter(costs.values())))
    return [
        [
            f"{int(count):,}",
            number(median(figures)),
            f"{number(min(figures))} to {number(max(figures))}",
            f"{median(figures) / fewest:.2f}",
        ]
        for count, figures in costs.items()
    ]


def overhead_table(scenarios: Mapping[str, Any]) -> Table:
    """One row for each entry."""
    rows = list(overheads(scenarios))
    others = [side for side in dict.fromkeys(row.side for row in rows) if side != ALONE]
    found = {(row.scenario, row.entry, row.side): row for row in rows}
    table = []
    for row in rows:
        if row.side == ALONE:
            over = (found[row.scenario, row.entry, side].over for side in others)
            table.append([row.entry, _milliseconds(row.times), *(_milliseconds(times, sign="+") for times in over)])
    return Table(["entry", SIDES[ALONE], *(SIDES[side] for side in others)], table)


def cost_table(scenarios: Mapping[str, Any]) -> Table:
    """One row for each scenario and process."""
    rows = [
        [cost.scenario, SIDES[cost.side], cost.process, number(cost.cpu), number(cost.memory)]
        for cost in costs(scenarios)
    ]
    return Table(["scenario", "server", "process", "CPU per request, µs", "memory, MiB"], rows)


def _milliseconds(times: Iterable[float], sign: str = "") -> str:
    return " / ".join(f"{time / 1000:{sign}.2f}" for time in times)


def origin_section(documents: Sequence[Mapping[str, Any]]) -> Section:
    """The machine, the versions and the commits."""
    last = documents[0]
    machine = last["machine"]
    rows = [
        ["processor", f"{machine['processor']}, {machine['cores']} cores"],
        ["memory", f"{machine['memory_gib']} GiB"],
        ["system", f"{machine['distribution']}, {machine['system']}"],
        ["versions", ", ".join(f"{name} {version}" for name, version in last["versions"].items())],
    ]
    rows += [[f"`{COMMANDS[document['kind']]}`", _origin(document)] for document in documents]
    return Section("Where it was measured", [Table(["", ""], rows)])


def _origin(document: Mapping[str, Any]) -> str:
    commit = document["commit"]
    at = "no commit" if commit is None else f"commit {commit['id']}" + (", changed since" if commit["changed"] else "")
    before, after = document["load"]
    return f"{document['made']}, {at}; load of the machine {before:g} before and {after:g} after"


def markdown(sections: Iterable[Section], plots: str) -> str:
    """Sections as Markdown; `plots` is the folder of the plots, seen from the page."""
    return "\n".join(f"## {section.title}\n\n{_markdown_blocks(section, plots)}" for section in sections)


def _markdown_blocks(section: Section, plots: str) -> str:
    lines = []
    for block in section.blocks:
        if isinstance(block, Table):
            lines.append(as_markdown(block.headings, block.rows))
        elif isinstance(block, Plot):
            lines.append(f"![{block.meaning}]({plots}/{block.name}.svg)")
        else:
            lines.append(block)
    return "".join(f"{line}\n\n" for line in lines).rstrip("\n") + "\n"


def steps_plot(steps: Sequence[tuple[str, float]]) -> Plot:
    """What one request waits for, step by step."""
    return Plot(
        "waterfall", "The steps of one request, each from the end of the one before", lambda: _plots().waterfall(steps)
    )


def save_plots(sections: Iterable[Section], folder: Path) -> None:
    """Draw every plot into its file."""
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Plot):
                _plots().save(block.draw(), folder / f"{block.name}.svg")


def plot_names(sections: Iterable[Section]) -> list[str]:
    """The names of all plots."""
    return [block.name for section in sections for block in section.blocks if isinstance(block, Plot)]


STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; font-size: 13px; margin: 1rem 0; }
th, td { text-align: left; padding: .3rem .7rem; border-bottom: 1px solid #ddd; font-variant-numeric: tabular-nums; }
svg { max-width: 100%; height: auto; }
"""


def write_html(path: Path, title: str, sections: Iterable[Section]) -> None:
    """One page with everything in it."""
    body = "".join(
        f"<h2>{html.escape(section.title)}</h2>{''.join(map(_html, section.blocks))}" for section in sections
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{STYLE}</style><h1>{html.escape(title)}</h1>{body}</html>\n",
        encoding="utf-8",
    )


def _html(block: str | Table | Plot) -> str:
    if isinstance(block, Plot):
        return f'<figure aria-label="{html.escape(block.meaning)}">{_plots().svg(block.draw())}</figure>'
    if isinstance(block, str):
        return f"<p>{html.escape(block.replace('**', ''))}</p>"
    rows = "".join(f"<tr>{_html_cells('td', row)}</tr>" for row in block.rows)
    return f"<table><tr>{_html_cells('th', block.headings)}</tr>{rows}</table>"


def _html_cells(tag: str, row: Sequence[str]) -> str:
    return "".join(f"<{tag}>{html.escape(cell.replace('`', ''))}</{tag}>" for cell in row)


def _plots() -> Any:
    from harness import plots  # matplotlib is slow to import, and text needs none of it

    return plots
