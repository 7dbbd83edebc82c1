"""Writes the figures on the front page, README.md, from the results of the benchmark; with --check it only compares.

Usage: python loadtests/front_page.py [--check]

They stand between two comments, and docs/index.md includes them from there.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from harness.experiments import EXPERIMENTS
from harness.names import quantity_title, side_title
from harness.results import RESULTS
from harness.sides import ROOT
from harness.statistics import median
from harness.table import as_markdown, number

PAGE = ROOT / "README.md"
BEGIN, END = "<!-- Made by loadtests/front_page.py; do not edit. -->\n", "<!-- The end of what is made. -->\n"
EXPERIMENT = "small"
SIDES = {"gateway": "the gateway and its plugin", "uvicorn": side_title("uvicorn"), "nginx": side_title("nginx")}
QUANTITIES = ("rps", "p99", "cpu")


def main() -> int:
    """Write the figures, or compare them; returns the exit code."""
    results = json.loads((RESULTS / "bench.json").read_text(encoding="utf-8"))
    before = PAGE.read_text(encoding="utf-8")
    after = with_figures(before, figures(results))
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(after, encoding="utf-8")
    elif before != after:
        print("the figures in README.md are not the results: run python loadtests/front_page.py", file=sys.stderr)
        return 1
    return 0


def figures(results: Mapping[str, Any]) -> str:
    """The table, with what it shows and where."""
    measured = results["experiments"][EXPERIMENT]["figures"]
    rows = [[title, *(number(median(measured[side][key])) for key in QUANTITIES)] for side, title in SIDES.items()]
    table = as_markdown([EXPERIMENTS[EXPERIMENT].title, *map(quantity_title, QUANTITIES)], rows)
    machine = results["machine"]
    where = f"{machine['processor']} with {machine['cores']} cores, {results['made'][:10]}"
    return f"{table}\n\nMedians of {results['plan']['rounds']} rounds ({where}). `make bench` repeats them.\n"


def with_figures(page: str, figures: str) -> str:
    """A page with other figures between the comments.

    Raises:
        SystemExit: there are none.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        sys.exit(f"{PAGE.name} has no place for figures: it needs the comments {BEGIN.strip()} and {END.strip()}")
    return f"{before}{BEGIN}\n{figures}\n{END}{after}"


if __name__ == "__main__":
    sys.exit(main())
