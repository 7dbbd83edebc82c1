"""The benchmark: the gateway beside uvicorn alone and nginx, with the ratios to be reached.

Exit codes: 0 every ratio that was measured is reached, 1 failure, 2 wrong usage, 5 a ratio is missed.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from harness import machine, tools
from harness.errors import MeasurementError, NotMeasured
from harness.experiments import EXPERIMENTS
from harness.experiments.turns import Outcome, Plan
from harness.measures import GROUPS, MEASURES, Row, fill, missed
from harness.options import at_least_one, default, end_in_order, some_of
from harness.pages import write_html
from harness.results import results_path, write_csv, write_json
from harness.sections import bench_sections, origin_section
from harness.table import HEADINGS, as_text, cells

from servehttp.build import build_name

ROUNDS, SECONDS = 5, 3
FAILURE, MISSED = 1, 5


def main() -> int:
    """Run what was asked for; returns the exit code."""
    arguments = parse(sys.argv[1:])
    end_in_order()
    for sentence in tools.install_missing(["wrk", "nginx"]):
        print(sentence)
    began = datetime.now(UTC)
    load = machine.load()
    plan = Plan(arguments.rounds, arguments.duration)
    try:
        outcomes = run_experiments(plan, arguments.only)
    except MeasurementError as error:
        print(error, file=sys.stderr)
        return FAILURE
    rows = make_rows(outcomes, arguments.only)
    lines = [row.as_json() for row in rows]
    document = {
        "kind": "bench",
        "made": began.isoformat(timespec="seconds"),
        "seconds": round((datetime.now(UTC) - began).total_seconds()),
        "load": [load, machine.load()],
        **machine.describe(),
        "plan": {"rounds": plan.rounds, "seconds": plan.seconds},
        "rows": lines,
        "experiments": {name: asdict(outcome) for name, outcome in outcomes.items()},
    }
    write_json(arguments.out, document)
    write_csv(arguments.out.with_suffix(".csv"), ({**line, "build": build_name()} for line in lines))
    write_html(arguments.out.with_suffix(".html"), "Benchmark", [*bench_sections(document), origin_section([document])])
    print(as_text(HEADINGS, [cells(line) for line in lines]))
    print(f"\nload of the machine before and after: {document['load']}; everything is in {arguments.out}")
    return MISSED if missed(rows) else 0


def run_experiments(plan: Plan, groups: list[str]) -> dict[str, Outcome]:
    """Those that the groups of measures need, one after the other."""
    outcomes = {}
    for name in dict.fromkeys(measure.experiment for measure in MEASURES if measure.group in groups):
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        try:
            outcomes[name] = EXPERIMENTS[name].run(plan)
        except NotMeasured as reason:
            outcomes[name] = Outcome(reason=str(reason))
    return outcomes


def make_rows(outcomes: dict[str, Outcome], groups: list[str]) -> list[Row]:
    """The table."""
    rows = []
    for measure in MEASURES:
        if measure.group in groups:
            outcome = outcomes[measure.experiment]
            rows.append(fill(measure, outcome.figures, outcome.missing, outcome.reason))
    return rows


def parse(words: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=at_least_one, default=default("ROUNDS", ROUNDS), help="turns of each side")
    parser.add_argument(
        "--duration", type=at_least_one, default=default("DURATION", SECONDS), help="seconds of each run of wrk"
    )
    parser.add_argument(
        "--only", type=some_of(GROUPS), default=default("ONLY", ",".join(GROUPS)), help=f"rows, of {', '.join(GROUPS)}"
    )
    parser.add_argument("--out", type=Path, help="where the results go")
    arguments = parser.parse_args(words)
    arguments.out = arguments.out or results_path("bench", whole=set(GROUPS) <= set(arguments.only))
    return arguments


if __name__ == "__main__":
    sys.exit(main())
