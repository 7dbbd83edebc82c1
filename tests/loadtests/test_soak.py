"""A soak: what it looks at, what it kills, and what its exit code says. Whether series are flat: test_flatness.py."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soak
from harness import sampling
from harness.errors import MeasurementError
from harness.flatness import ALLOWED, Sample
from harness.sections import soak_rows, soak_sections, soak_summary
from harness.sides import Side


@pytest.fixture(scope="module")
def side(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    """A gateway with plugins that are watched."""
    with soak.watched_gateway(tmp_path_factory.mktemp("plugins")) as side:
        yield side


def test_everything_of_every_process_is_looked_at(side: Side) -> None:
    samples = list(sampling.take(side, 1.0))

    processes = ("gateway", "plugin bench", "plugin streaming")
    assert {(sample.process, sample.quantity) for sample in samples} == {(p, q) for p in processes for q in ALLOWED}
    assert all(sample.value > 0 for sample in samples if sample.quantity != "open exchanges")
    assert [sample.value for sample in samples if sample.quantity == "open exchanges"] == [0, 0, 0]


def test_a_plugin_that_is_killed_begins_a_new_life_and_the_load_may_end(side: Side) -> None:
    before = sampling.running(side)

    assert soak.kill(side, "streaming")
    while (after := sampling.running(side)).keys() != before.keys() or after == before:
        time.sleep(0.05)
    lives = {sample.process: sample.life for sample in sampling.take(side, 2.0)}
    assert lives["plugin streaming"] == after["plugin streaming"] != before["plugin streaming"]
    assert lives["plugin bench"] == before["plugin bench"]
    soak.wait_until_closed(side)


def series(per_second: float) -> list[Sample]:
    return [Sample("gateway", "tasks", 1, float(second), 20 + per_second * second) for second in range(60)]


@pytest.mark.parametrize(("per_second", "code"), [(0.0, 0), (1.0, soak.NOT_FLAT)])
def test_the_exit_code_says_whether_everything_is_flat(
    per_second: float, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[dict[str, Any]] = []
    monkeypatch.setattr("sys.argv", ["soak.py", "--out", str(tmp_path / "soak.json")])
    monkeypatch.setattr(soak, "soak", lambda *_: (series(per_second), {"requests": 1000, "failures": 7}, 6))
    monkeypatch.setattr(soak, "publish", lambda _, document: published.append(document))

    assert soak.main() == code
    (document,) = published
    assert [row["verdict"] for row in document["rows"]] == ["grows" if code else "flat"]
    assert "servehttp" in document["versions"]


def test_a_server_that_fails_is_a_failure(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(*_: object) -> None:
        raise MeasurementError("a server ended before its time")

    monkeypatch.setattr("sys.argv", ["soak.py"])
    monkeypatch.setattr(soak, "soak", fail)

    assert soak.main() == soak.FAILURE
    assert capsys.readouterr().err == "a server ended before its time\n"


def test_half_an_hour_is_a_whole_soak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.results.is_compiled", lambda: True)

    assert soak.parse([]).out.name == "soak.json"
    assert soak.parse(["--minutes", "3"]).out.name == "soak-part.json"


def test_the_results_say_what_was_done_and_how_sure_they_are() -> None:
    row = {
        "process": "gateway",
        "quantity": "memory",
        "unit": " MiB",
        "held": 52.37,
        "per_hour": 1.25,
        "growth": 0.5,
        "least": -0.25,
        "most": 0.75,
        "allowed": 4.0,
        "verdict": "flat",
    }
    document = {
        "plan": {"minutes": 30, "users": 16, "pause": 0.05},
        "requests": 1_234_567,
        "failures": 890,
        "kills": 6,
        "rows": [row],
        "lives": [],
    }

    assert soak_rows(document) == [
        ["gateway", "memory", "52.4 MiB", "+1.25 MiB", "+0.50 MiB", "-0.25 to +0.75", "4 MiB", "flat"]
    ]
    assert soak_summary(document) == (
        "30 minutes of all users of the locustfile, 16 at a time: 1,234,567 requests, of which 890 failed while "
        "plugins were killed 6 times"
    )
    (section,) = soak_sections(document)
    assert str(section.blocks[0]).startswith("30 minutes of all users")
