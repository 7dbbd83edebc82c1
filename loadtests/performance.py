"""Writes docs/performance.md and its plots from the results of the benchmark and the load tests.

Usage: python loadtests/performance.py [--check] [--waterfall FILE]

--check only says whether the page is what the results say. FILE has the section on where a request's time goes:
Markdown, or JSON, a list of fragments. A fragment has a `text`, and either `rows`, objects with the same keys that
become a table, or `steps`, pairs of a name and microseconds that follow one another and become a plot.
results/waterfall.md or results/waterfall.json is taken where it exists.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.pages import Plot, Section, Table, markdown, plot_names, save_plots
from harness.results import RESULTS, publishable
from harness.sections import bench_sections, load_sections, open_sections, origin_section, soak_sections, steps_plot
from harness.sides import ROOT

PAGE = ROOT / "docs/performance.md"
PLOTS = ROOT / "docs/plots"
KINDS = {"bench": bench_sections, "load": load_sections, "bench-open": open_sections, "soak": soak_sections}
INTRODUCTION = """\
<!-- Made by loadtests/performance.py from loadtests/results; do not edit. -->

# Performance

The gateway beside the same application under uvicorn alone, under Granian alone, and behind nginx. All run on one
machine, together with the client, and in one process for each part: uvicorn with uvloop and httptools, Granian with one
worker and uvloop, nginx with one worker that reaches uvicorn over a unix socket with keep-alive, the gateway with one
plugin process. Nobody writes an access log. Gateway and plugin are the compiled build, which `pip install` gives where
there is a C compiler; what is of the pure one says so.

"""
REPETITION = Section(
    "How to repeat it",
    [
        "`make performance` runs all of it and makes this page anew, but for the soak, which is `make soak`. "
        "`make bench` runs the benchmark alone, `make load` the load tests with Locust, and `make bench ARGS=open` "
        "what is measured with many open exchanges; `loadtests/README.md` says how to change what they do, and then "
        "`.venv-installed/bin/python loadtests/performance.py` makes the page of their results."
    ],
)


def main() -> int:
    """Write the page, or compare it; returns the exit code."""
    arguments = parse(sys.argv[1:])
    documents = [read(kind) for kind in KINDS if (RESULTS / f"{kind}.json").exists()]
    if not documents:
        print(f"there are no results in {RESULTS}: run make bench first", file=sys.stderr)
        return 1
    if pure := [document["kind"] for document in documents if not publishable(document)]:
        print(f"results of the pure build are not published: {', '.join(pure)}", file=sys.stderr)
        return 1
    sections = [section for document in documents for section in KINDS[document["kind"]](document)]
    parts = waterfall(arguments.waterfall)
    text = page(documents, sections, parts)
    if parts:
        sections.append(parts)
    if arguments.check:
        return check(text, sections)
    PAGE.write_text(text, encoding="utf-8")
    save_plots(sections, PLOTS)
    return 0


def read(kind: str) -> dict[str, Any]:
    """The results of one kind."""
    document: dict[str, Any] = json.loads((RESULTS / f"{kind}.json").read_text(encoding="utf-8"))
    return document


def page(documents: list[dict[str, Any]], sections: list[Section], parts: Section | None) -> str:
    """The whole text."""
    everything = [*sections, *([parts] if parts else []), origin_section(documents), REPETITION]
    return INTRODUCTION + markdown(everything, PLOTS.name)


def waterfall(path: Path | None) -> Section | None:
    """The section that somebody else wrote, if there is one."""
    usual = (RESULTS / "waterfall.md", RESULTS / "waterfall.json")
    path = path or next((candidate for candidate in usual if candidate.exists()), None)
    if path is None:
        return None
    text = path.read_text(encoding="utf-8")
    return Section(
        "Where a request's time goes", from_json(json.loads(text)) if path.suffix == ".json" else [text.strip()]
    )


def from_json(fragments: Iterable[Mapping[str, Any]]) -> list[str | Table | Plot]:
    """Paragraphs, each with a table or a plot."""
    blocks: list[str | Table | Plot] = []
    for fragment in fragments:
        blocks += [fragment["text"], steps_plot(fragment["steps"]) if "steps" in fragment else table(fragment["rows"])]
    return blocks


def table(rows: Sequence[Mapping[str, object]]) -> Table:
    """One row for each object."""
    return Table(list(rows[0]), [[str(value) for value in row.values()] for row in rows])


def check(text: str, sections: list[Section]) -> int:
    """Say whether the page and its plots are there and up to date."""
    missing = [name for name in plot_names(sections) if not (PLOTS / f"{name}.svg").exists()]
    if not missing and PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    print("docs/performance.md is not what the results say: run python loadtests/performance.py", file=sys.stderr)
    return 1


def parse(words: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only say whether the page is up to date")
    parser.add_argument("--waterfall", type=Path, help="Markdown or JSON for the section on where time goes")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
