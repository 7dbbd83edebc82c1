"""docs/performance.md, made from results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import performance
import pytest
from harness.measures import MEASURES, fill
from harness.pages import Plot, Table, plot_names
from harness.sections import bench_sections, load_sections, open_sections
from harness.table import as_markdown

ORIGIN = {
    "made": "2026-01-02T03:04:05+00:00",
    "load": [0.1, 1.2],
    "commit": {"id": "0123456789ab", "changed": False},
    "machine": {"processor": "P", "cores": 2, "memory_gib": 8.0, "system": "Linux 6", "distribution": "Debian"},
    "versions": {"python": "CPython 3.11", "wrk": "4.1.0", "servehttp": "compiled"},
}


def bench() -> dict[str, Any]:
    figures = {"uvicorn": {"rps": [100.0]}, "gateway": {"rps": [150.0]}}
    rows = [fill(measure, figures, {"nginx": "there is no nginx"}) for measure in MEASURES if measure.group == "rps"]
    return {
        **ORIGIN,
        "kind": "bench",
        "plan": {"rounds": 1, "seconds": 1},
        "rows": [row.as_json() for row in rows],
        "experiments": {"headers": {"figures": figures}, "memory": {"figures": {}}},
    }


def load() -> dict[str, Any]:
    entries = {"GET /json": {"count": [9], "p50": [100.0], "p95": [200.0], "p99": [300.0]}}
    side = {"entries": entries, "processes": {"uvicorn": {"cpu": [9.0], "memory": [30.0]}}, "requests": [9]}
    plan = {"rounds": 1, "seconds": 1, "users": 8, "pause": 0.05}
    return {**ORIGIN, "kind": "load", "plan": plan, "scenarios": {"json": {"uvicorn": side}}}


def many_open() -> dict[str, Any]:
    costs = {"10": [40.0, 50.0, 60.0], "10000": [45.0, 55.0, 80.0]}
    return {**ORIGIN, "kind": "bench-open", "plan": {"rounds": 3, "requests": 1000}, "costs": costs}


def text_of(documents: list[dict[str, Any]]) -> str:
    sections = [section for document in documents for section in performance.KINDS[document["kind"]](document)]
    return performance.page(documents, sections, None)


def test_the_page_has_the_table_the_figures_and_where_they_come_from() -> None:
    text = text_of([bench()])

    assert "| 150/s | uvicorn alone | 100/s | 1.50 | 1.50 to 1.50 | ≥ 1.5 | ≥ 2 | reached |" in text
    assert "not measured: there is no nginx" in text
    assert "| uvicorn alone | 100 |" in text
    assert "2026-01-02T03:04:05+00:00, commit 0123456789ab; load of the machine 0.1 before and 1.2 after" in text


def test_what_was_not_measured_has_no_section() -> None:
    text = text_of([bench()])

    assert "Overhead of a request" not in text
    assert "idle clients" not in text
    assert "Where a request's time goes" not in text


def test_the_load_tests_have_their_own_sections() -> None:
    text = text_of([bench(), load()])

    assert "| GET /json | 0.10 / 0.20 / 0.30 |" in text
    assert "| json | uvicorn alone | uvicorn | 9.00 | 30.0 |" in text


def test_many_open_exchanges_have_their_own_section() -> None:
    text = text_of([bench(), many_open()])

    assert "| 10,000 | 55.0 | 45.0 to 80.0 | 1.10 |" in text
    assert "| `make bench ARGS=open` |" in text
    assert "Many open exchanges" not in text_of([bench()])


def test_a_change_since_the_commit_is_told() -> None:
    changed = {**bench(), "commit": {"id": "0123456789ab", "changed": True}}
    nowhere = {**bench(), "commit": None}

    assert "commit 0123456789ab, changed since" in text_of([changed])
    assert "no commit" in text_of([nowhere])


def test_each_plot_has_a_file_of_its_own() -> None:
    names = plot_names([*bench_sections(bench()), *load_sections(load()), *open_sections(many_open())])

    assert names == ["ratios", "overhead", "open-exchanges"]


def test_a_fragment_of_markdown_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "part.md").write_text("Most of it goes *there*.\n")
    section = performance.waterfall(tmp_path / "part.md")

    assert section is not None
    assert section.blocks == ["Most of it goes *there*."]


def test_fragments_of_json_become_tables_and_plots(tmp_path: Path) -> None:
    shares = {"text": "So:", "rows": [{"part": "parser", "µs": 5}]}
    steps = {"text": "And:", "steps": [["gateway: reads", 12.5], ["until the plugin is awake", 30]]}
    (tmp_path / "part.json").write_text(json.dumps([shares, steps]))
    section = performance.waterfall(tmp_path / "part.json")

    assert section is not None
    text, table, second, plot = section.blocks
    assert (text, second) == ("So:", "And:")
    assert isinstance(plot, Plot)
    assert plot.name == "waterfall"
    assert isinstance(table, Table)
    assert as_markdown(table.headings, table.rows) == "| part | µs |\n| --- | --- |\n| parser | 5 |"


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of results, and a page of its own, in place of the project's."""
    folder = tmp_path / "results"
    folder.mkdir()
    monkeypatch.setattr(performance, "RESULTS", folder)
    monkeypatch.setattr(performance, "PLOTS", folder)
    monkeypatch.setattr(performance, "PAGE", tmp_path / "performance.md")
    return folder


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["performance.py", *words])
    return performance.main()


def test_a_check_fails_until_the_page_and_its_plots_are_those_of_the_results(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (results / "bench.json").write_text(json.dumps(bench()))
    page = text_of([bench()])
    assert run(monkeypatch, "--check") == 1

    performance.PAGE.write_text(page)
    assert run(monkeypatch, "--check") == 1
    (results / "ratios.svg").touch()
    assert run(monkeypatch, "--check") == 0

    performance.PAGE.write_text(page + "by hand")
    assert run(monkeypatch, "--check") == 1


def test_results_of_the_pure_build_are_not_published(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (results / "bench.json").write_text(json.dumps({**bench(), "versions": {"servehttp": "pure"}}))
    assert run(monkeypatch) == 1
    assert capsys.readouterr().err == "results of the pure build are not published: bench\n"
    assert not performance.PAGE.exists()


def test_without_results_there_is_no_page(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch) == 1
    assert "run make bench first" in capsys.readouterr().err
    assert not performance.PAGE.exists()


def test_what_a_request_costs_is_told_for_each_process_and_against_the_limit() -> None:
    gateway = {
        "rps": [30_000.0],
        "gateway: own code": [10.0],
        "gateway: kernel": [8.0],
        "plugin: own code": [20.0],
        "plugin: kernel": [4.0],
    }
    small = {
        "gateway": gateway,
        "ceiling": {"rps": [120_000.0], "nginx worker: own code": [1.0], "nginx worker: kernel": [5.0]},
    }
    text = text_of([{**bench(), "experiments": {"small": {"figures": small}}}])

    assert "| gateway | plugin | 20.0 | 4.00 | 24.0 |" in text
    assert "| gateway | all | 30.0 | 12.0 | 42.0 |" in text
    assert "| nginx that answers by itself | nginx worker | 1.00 | 5.00 | 6.00 |" in text
    assert "120,000 requests a second. The gateway with its plugin does 25% of that." in text
    assert "|  | requests/s |" in text


def test_a_soak_has_its_own_section() -> None:
    row = {"process": "gateway", "quantity": "tasks", "unit": "", "held": 17.0, "per_hour": 0.0, "growth": 0.0}
    row |= {"least": 0.0, "most": 0.0, "allowed": 8.0, "verdict": "flat"}
    plan = {"minutes": 30, "users": 16, "pause": 0.05}
    soak = {
        **ORIGIN,
        "kind": "soak",
        "plan": plan,
        "requests": 5,
        "failures": 1,
        "kills": 6,
        "rows": [row],
        "lives": [],
    }
    text = text_of([bench(), soak])

    assert "| gateway | tasks | 17.0 | +0.00 | +0.00 | +0.00 to +0.00 | 8 | flat |" in text
    assert "| `make soak` |" in text
