"""Results as sections of a page, each kind of results by a function of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.experiments import EXPERIMENTS
from harness.names import quantity_title, side_title
from harness.overhead import ALONE, costs, overheads
from harness.pages import Plot, Section, Table, drawing
from harness.statistics import median, middle_ratio
from harness.table import HEADINGS, cells, number
from harness.usage import KERNEL, OWN

COMMANDS = {"bench": "make bench", "load": "make load", "bench-open": "make bench ARGS=open", "soak": "make soak"}
"""What makes the results of each kind."""


IN_PLOT = ("rps", "cpu", "p99")


def bench_sections(document: Mapping[str, Any]) -> list[Section]:
    """The results of the benchmark."""
    plan, rows = document["plan"], document["rows"]
    aimed = [row for row in rows if row["ratio"] is not None and row["reach"] is not None]
    about = (
        f"Each ratio is of one run in which the sides take turns, {plan['rounds']} rounds of {plan['seconds']} s. "
        "Figures are medians over the rounds, the ratio is the median of those of the single rounds, and 'one round' "
        "is the least and the greatest of these."
    )
    ratios: list[str | Table | Plot] = [about, Table(HEADINGS, [cells(row) for row in rows])]
    if aimed:
        meaning = "Each ratio in multiples of what has to be reached, with the single rounds and the aim"
        ratios.append(Plot("ratios", meaning, lambda: drawing().ratios(aimed)))
    experiments = document["experiments"]
    small = experiments.get("small", {"figures": {}})["figures"]
    return [Section("Against others", ratios), *cost_sections(small), *_experiments(experiments)]


def _experiments(experiments: Mapping[str, Any]) -> list[Section]:
    """The figures of every side."""
    blocks: list[str | Table | Plot] = []
    for name, outcome in experiments.items():
        figures = outcome["figures"]
        if not figures:
            continue
        blocks += [f"**{EXPERIMENTS[name].title}**", figures_table(figures)]
        if name == "small":
            blocks.append(_small_plot(figures))
    return [Section("All figures", blocks)] if blocks else []


def cost_sections(figures: Mapping[str, Mapping[str, list[float]]]) -> list[Section]:
    """What a small request costs in each process, and in the kernel; and what no server here could exceed."""
    rows = [row for side, found in figures.items() for row in _cost_rows(side_title(side), found)]
    if not rows:
        return []
    about = (
        "CPU of a `GET /json` over 64 connections in each process, in microseconds: in its own code, and in the kernel "
        "for it, where nearly all is for sockets."
    )
    blocks: list[str | Table | Plot] = [about, Table(("server", "process", "own code", "kernel", "together"), rows)]
    if {"ceiling", "gateway"} <= figures.keys():
        blocks.append(_limit(figures["ceiling"]["rps"], figures["gateway"]["rps"]))
    return [Section("What a request costs", blocks)]


def _cost_rows(title: str, found: Mapping[str, list[float]]) -> list[list[str]]:
    processes = dict.fromkeys(key.removesuffix(OWN) for key in found if key.endswith(OWN))
    costs = {name: (median(found[name + OWN]), median(found[name + KERNEL])) for name in processes}
    rows = [[title, name, *map(number, (own, kernel, own + kernel))] for name, (own, kernel) in costs.items()]
    if len(rows) > 1:
        own, kernel = (sum(parts) for parts in zip(*costs.values(), strict=True))
        rows.append([title, "all", *map(number, (own, kernel, own + kernel))])
    return rows


def _limit(ceiling: list[float], gateway: list[float]) -> str:
    share = middle_ratio(gateway, ceiling)
    return (
        "The limit of this machine, with this client on the same cores, is what nginx does when it answers the same "
        f"bytes by itself, without an application: {number(median(ceiling))} requests a second. The gateway with its "
        f"plugin does {share:.0%} of that."
    )


def figures_table(figures: Mapping[str, Mapping[str, list[float]]]) -> Table:
    """Medians: a line for each side, a column for each quantity that one of them has."""
    quantities = dict.fromkeys(
        quantity for found in figures.values() for quantity in found if not quantity.endswith((OWN, KERNEL))
    )
    rows = [
        [side_title(side), *(number(median(found[key])) if key in found else "–" for key in quantities)]
        for side, found in figures.items()
    ]
    return Table(["", *map(quantity_title, quantities)], rows)


def _small_plot(figures: Mapping[str, Any]) -> Plot:
    meaning = "Requests a second, CPU per request and p99 with a dot for each round"
    others = ("servehttp", "ceiling")  # beside these the rest were dots
    drawn = {side: found for side, found in figures.items() if side not in others}
    return Plot("small", meaning, lambda: drawing().sides(drawn, {key: quantity_title(key) for key in IN_PLOT}))


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
    plot = Plot("overhead", meaning, lambda: drawing().overhead(scenarios))
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
    plot = Plot("open-exchanges", meaning, lambda: drawing().open_exchanges(costs))
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


SOAK_HEADINGS = ("process", "what", "held", "more an hour", "more in the time", "95 %", "allowed", "")


def soak_sections(document: Mapping[str, Any]) -> list[Section]:
    """What was held while load went on."""
    about = (
        f"{soak_summary(document)}. The first third of each process's life is left out. The slope is that of Theil and "
        "Sen over all lives of a process, with the interval that it is in with 95 % confidence; flat is what does not "
        "grow by more than is allowed in the time that is left, even at the interval's upper end."
    )
    meaning = "What the gateway and its plugins held over the time"
    plot = Plot("soak", meaning, lambda: drawing().soak(document["lives"]))
    return [Section("Soak", [about, Table(SOAK_HEADINGS, soak_rows(document)), plot])]


def soak_summary(document: Mapping[str, Any]) -> str:
    """What was done, in a sentence without its full stop."""
    plan = document["plan"]
    return (
        f"{plan['minutes']} minutes of all users of the locustfile, {plan['users']} at a time: "
        f"{document['requests']:,} requests, of which {document['failures']:,} failed while plugins were killed "
        f"{document['kills']} times"
    )


def soak_rows(document: Mapping[str, Any]) -> list[list[str]]:
    """One row for each quantity of each process."""
    return [
        [
            row["process"],
            row["quantity"],
            f"{number(row['held'])}{row['unit']}",
            f"{row['per_hour']:+.2f}{row['unit']}",
            f"{row['growth']:+.2f}{row['unit']}",
            f"{row['least']:+.2f} to {row['most']:+.2f}",
            f"{row['allowed']:g}{row['unit']}",
            row["verdict"],
        ]
        for row in document["rows"]
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
    return Table(["entry", *map(side_title, (ALONE, *others))], table)


def cost_table(scenarios: Mapping[str, Any]) -> Table:
    """One row for each scenario and process."""
    rows = [
        [cost.scenario, side_title(cost.side), cost.process, number(cost.cpu), number(cost.memory)]
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


def steps_plot(steps: Sequence[tuple[str, float]]) -> Plot:
    """What one request waits for, step by step."""
    return Plot(
        "waterfall", "The steps of one request, each from the end of the one before", lambda: drawing().waterfall(steps)
    )
