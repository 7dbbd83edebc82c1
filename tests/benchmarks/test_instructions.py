"""Counts of instructions beside a baseline."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from harness.errors import MeasurementError

from benchmarks import instructions
from benchmarks.counted import REPEATED
from benchmarks.operations import OPERATIONS

ORIGIN = {"python": "CPython 3.11.7", "machine": "x86_64", "code": "interpreted"}


def test_the_table_has_what_changed_what_is_new_and_what_is_gone() -> None:
    rows = instructions.compare(
        {"encode": 2_000, "decode": 1_000, "old": 7}, {"encode": 1_500, "decode": 1_001, "x": 5}
    )

    assert rows == [
        ["encode", "2,000", "1,500", "-25.0 %"],
        ["decode", "1,000", "1,001", "+0.1 %"],
        ["x", "–", "5", "new"],
        ["old", "7", "–", "gone"],
    ]


def test_a_baseline_of_another_python_is_told() -> None:
    now = {**ORIGIN, "python": "CPython 3.13.1"}

    (sentence,) = instructions.differences(ORIGIN, now)
    assert "the baseline is of CPython 3.11.7, this is CPython 3.13.1" in sentence
    assert instructions.differences(ORIGIN, ORIGIN) == []


def test_a_count_is_that_between_the_marks_around_an_operation() -> None:
    profiles = []
    for number in range(len(OPERATIONS)):
        profiles += ["totals: 999999\n", f"version: 1\nsummary: 1\ntotals: {REPEATED * number}\n"]

    assert list(instructions.counts_of(profiles).values()) == list(range(len(OPERATIONS)))


def test_marks_that_are_missing_are_an_error() -> None:
    with pytest.raises(MeasurementError, match="1 marks were seen instead of"):
        instructions.counts_of(["totals: 1\n"])


def test_files_are_read_in_the_order_of_the_marks(tmp_path: Path) -> None:
    for number in (10, 9, 1):
        (tmp_path / f"counts.{number}").touch()
    (tmp_path / "counts").touch()

    assert [path.name for path in instructions.dumps(tmp_path)] == ["counts.1", "counts.9", "counts.10"]


def test_the_baseline_has_every_operation() -> None:
    baseline = json.loads(instructions.BASELINE.read_text())

    assert list(baseline["instructions"]) == list(OPERATIONS)
    assert instructions.origin().keys() < baseline.keys()


def test_without_valgrind_that_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["instructions"])
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)

    assert instructions.main() == 1
    assert "apt-get install valgrind" in capsys.readouterr().err
