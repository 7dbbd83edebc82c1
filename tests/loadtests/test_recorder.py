"""Exact times of a run of Locust."""

from __future__ import annotations

import json
from pathlib import Path

from users.recorder import Recorder
from users.reporting import PART


def test_percentiles_are_microseconds_of_every_time() -> None:
    recorder = Recorder(warm_up=0)
    for tenths in range(1, 101):
        recorder.record("GET", "/json", tenths / 10)

    assert recorder.summary() == {
        "requests": 100,
        "failures": 0,
        "entries": {"GET /json": {"count": 100, "p50": 5000.0, "p95": 9500.0, "p99": 9900.0}},
    }


def test_a_part_has_an_entry_and_is_no_request() -> None:
    recorder = Recorder(warm_up=0)
    recorder.record("GET", "/ticks (gap)", 1.0, context={PART: True})
    recorder.record("GET", "/ticks (total)", 2.0, context={})

    summary = recorder.summary()
    assert summary["requests"] == 1
    assert list(summary["entries"]) == ["GET /ticks (gap)", "GET /ticks (total)"]


def test_a_failure_is_counted_and_its_time_is_not() -> None:
    recorder = Recorder(warm_up=0)
    recorder.record("GET", "/json", 1.0, exception=ConnectionError(), response=None)

    assert recorder.summary() == {"requests": 1, "failures": 1, "entries": {}}


def test_times_of_the_warm_up_do_not_count() -> None:
    recorder = Recorder(warm_up=3600)
    recorder.record("GET", "/json", 1.0)

    assert recorder.summary() == {"requests": 1, "failures": 0, "entries": {}}


def test_the_summary_is_written_as_json(tmp_path: Path) -> None:
    recorder = Recorder(warm_up=0)
    recorder.record("GET", "/json", 1.0)
    recorder.write(tmp_path / "new" / "times.json")

    assert json.loads((tmp_path / "new" / "times.json").read_text()) == recorder.summary()
