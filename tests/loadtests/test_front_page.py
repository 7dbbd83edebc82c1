"""The figures in README.md, made from results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import front_page
import pytest

PAGE = f"# Title\n\nBefore.\n\n{front_page.BEGIN}old\n{front_page.END}\nAfter.\n"


def results(requests: float) -> dict[str, Any]:
    measured = {"rps": [requests], "p50": [1.0], "p95": [2.0], "p99": [3.0], "cpu": [4.0]}
    return {
        "made": "2026-01-02T03:04:05+00:00",
        "plan": {"rounds": 5},
        "machine": {"processor": "P", "cores": 2},
        "experiments": {"small": {"figures": dict.fromkeys(("uvicorn", "nginx", "gateway", "other"), measured)}},
    }


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(front_page, "PAGE", tmp_path / "README.md")
    monkeypatch.setattr(front_page, "RESULTS", tmp_path)
    (tmp_path / "README.md").write_text(PAGE)
    (tmp_path / "bench.json").write_text(json.dumps(results(34_846.7)))
    return tmp_path / "README.md"


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["front_page.py", *words])
    return front_page.main()


def test_figures_are_written_between_the_comments_and_nothing_else_changes(
    page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(monkeypatch) == 0

    text = page.read_text()
    assert text.startswith("# Title\n\nBefore.\n\n")
    assert text.endswith("\nAfter.\n")
    assert "| the gateway and its plugin | 34,800 | 3.00 | 4.00 |" in text
    assert "Medians of 5 rounds (P with 2 cores, 2026-01-02)." in text
    assert "old" not in text


def test_a_check_fails_until_the_figures_are_those_of_the_results(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "--check") == 1
    assert page.read_text() == PAGE
    assert run(monkeypatch) == 0
    assert run(monkeypatch, "--check") == 0
    page.with_name("bench.json").write_text(json.dumps(results(40_000.0)))
    assert run(monkeypatch, "--check") == 1


def test_a_page_without_the_comments_is_left_alone(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page.write_text("# Title\n")

    with pytest.raises(SystemExit, match="has no place for figures"):
        run(monkeypatch)
    assert page.read_text() == "# Title\n"
