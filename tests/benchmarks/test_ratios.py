"""What `make bench ONLY=calls` does with its times; how long they are is not tested."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from harness.measures import MEASURES

from benchmarks import ratios

pytestmark = pytest.mark.anyio


async def test_every_operation_that_is_compared_is_timed_once_a_round() -> None:
    figures = ratios.figures(await ratios.measure(rounds=2, calls=1))

    measures = [measure for measure in MEASURES if measure.experiment == "calls"]
    compared = [place for measure in measures for place in (measure.figure, measure.baseline)]
    assert compared
    for place in compared:
        assert not isinstance(place, float)
        of_rounds = figures[place[0]][place[1]]
        assert len(of_rounds) == 2
        assert min(of_rounds) > 0


def test_of_many_at_once_it_is_told_how_many_a_second() -> None:
    figures = ratios.figures({"get_user": [85.0], "get_user, 64 at once": [6400.0]})

    assert figures == {"get_user": {"call": [85.0]}, "get_user, 64 at once": {"calls": [10_000.0]}}


def test_the_figures_go_where_they_are_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "figures.json"
    monkeypatch.setattr("sys.argv", ["ratios", "--rounds", "1", "--calls", "1", "--out", str(out)])

    assert ratios.main() == 0
    assert "hook" in json.loads(out.read_text())


def test_no_rounds_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        ratios.parse(["--rounds", "0", "--out", "figures.json"])

    assert ended.value.code == 2
    assert "less than 1" in capsys.readouterr().err
