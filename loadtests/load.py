"""Locust's users before one application: alone, behind nginx and behind the gateway.

Reports what a request costs more than with uvicorn alone, in time, CPU and memory.

Exit codes: 0 measured, 1 failure (a request failed, or a server did), 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness import machine, sides, tools
from harness.errors import MeasurementError, NotMeasured
from harness.options import at_least_one, default, end_in_order, some_of
from harness.overhead import PERCENTILES, SCENARIOS, USUAL, Figures, OneRun, add_run, overheads
from harness.pages import Table, write_html
from harness.results import results_path, write_csv, write_json
from harness.sections import cost_table, load_sections, origin_section, overhead_table
from harness.sides import BOTH, LOADTESTS, Side
from harness.table import as_text
from harness.watching import watching

ROUNDS, USERS, SECONDS, PAUSE = 3, 4, 5, 0.1
GRACE = 60
"""Seconds that Locust may take longer than it was told to."""
FAILURE = 1


def main() -> int:
    """Run what was asked for; returns the exit code."""
    arguments = parse(sys.argv[1:])
    end_in_order()
    for sentence in tools.install_missing(["nginx"]):
        print(sentence)
    began, load = datetime.now(UTC), machine.load()
    try:
        figures = {scenario: measure(scenario, arguments) for scenario in arguments.scenario}
    except MeasurementError as error:
        print(error, file=sys.stderr)
        return FAILURE
    document = {
        "kind": "load",
        "made": began.isoformat(timespec="seconds"),
        "seconds": round((datetime.now(UTC) - began).total_seconds()),
        "load": [load, machine.load()],
        **machine.describe(),
        "plan": {
            "rounds": arguments.rounds,
            "seconds": arguments.duration,
            "users": arguments.users,
            "pause": arguments.pause,
        },
        "scenarios": figures,
    }
    write_json(arguments.out, document)
    write_csv(arguments.out.with_suffix(".csv"), csv_rows(figures))
    write_html(arguments.out.with_suffix(".html"), "Load tests", [*load_sections(document), origin_section([document])])
    show(overhead_table(figures))
    show(cost_table(figures))
    print(f"load of the machine before and after: {document['load']}; everything is in {arguments.out}")
    return 0


def measure(scenario: str, arguments: argparse.Namespace) -> Figures:
    """All sides in turn, round after round, before the users of one scenario."""
    figures: Figures = {}
    with ExitStack() as stack:
        up = [side for start in (sides.uvicorn, sides.nginx, sides.gateway) if (side := try_to(start(BOTH), stack))]
        for number in range(arguments.rounds):
            for side in up:
                print(f"{scenario}: round {number + 1}, {side.name} …", file=sys.stderr, flush=True)
                add_run(figures, side.name, run_locust(side, scenario, arguments))
    return figures


def try_to(start: AbstractContextManager[Side], stack: ExitStack) -> Side | None:
    """The side, if it can be started on this machine."""
    try:
        return stack.enter_context(start)
    except NotMeasured as reason:
        print(reason, file=sys.stderr)
        return None


def run_locust(side: Side, scenario: str, arguments: argparse.Namespace) -> OneRun:
    """One run of Locust in a process of its own.

    Raises:
        MeasurementError: Locust failed, or a request did.
    """
    with TemporaryDirectory() as folder:
        times = Path(folder) / "times.json"
        command = [sys.executable, "-m", "locust", "-f", str(LOADTESTS / "locustfile.py"), SCENARIOS[scenario]]
        command += ["--headless", "--only-summary", "--host", f"http://127.0.0.1:{side.port}", "--times", str(times)]
        command += ["-u", str(arguments.users), "-r", str(arguments.users), "-t", f"{arguments.duration + 1}s"]
        command += ["--pause", str(arguments.pause), "--warm-up", "1"]
        with watching(side.pids) as watched:
            try:
                done = subprocess.run(
                    command, cwd=folder, capture_output=True, text=True, timeout=arguments.duration + GRACE, check=False
                )
            except subprocess.TimeoutExpired as error:
                raise MeasurementError(f"{side.name}: Locust did not end") from error
        if done.returncode or not times.exists():
            raise MeasurementError(f"{side.name}: Locust ended with {done.returncode}\n{done.stderr[-2000:]}")
        return OneRun(json.loads(times.read_text(encoding="utf-8")), watched.cpu, watched.memory)


def show(table: Table) -> None:
    """Print it."""
    print(as_text(table.headings, table.rows), end="\n\n")


def csv_rows(figures: Mapping[str, Figures]) -> Iterable[Mapping[str, Any]]:
    """One line for each entry and side, in microseconds."""
    for row in overheads(figures):
        times = dict(zip(PERCENTILES, row.times, strict=True))
        over = {f"{name}_over": value for name, value in zip(PERCENTILES, row.over, strict=True)}
        yield {"scenario": row.scenario, "entry": row.entry, "side": row.side, **times, **over}


def parse(words: list[str]) -> argparse.Namespace:
    """The command line."""
    names = ", ".join(SCENARIOS)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--scenario", type=some_of(list(SCENARIOS)), default=default("SCENARIO", ",".join(USUAL)), help=names
    )
    parser.add_argument("--rounds", type=at_least_one, default=default("ROUNDS", ROUNDS), help="turns of each side")
    parser.add_argument("--users", type=at_least_one, default=default("USERS", USERS), help="users at the same time")
    parser.add_argument("--duration", type=at_least_one, default=default("DURATION", SECONDS), help="seconds of a run")
    parser.add_argument("--pause", type=float, default=default("PAUSE", PAUSE), help="seconds between two requests")
    parser.add_argument("--out", type=Path, help="where the results go")
    arguments = parser.parse_args(words)
    arguments.out = arguments.out or results_path("load", whole=set(USUAL) <= set(arguments.scenario))
    return arguments


if __name__ == "__main__":
    sys.exit(main())
