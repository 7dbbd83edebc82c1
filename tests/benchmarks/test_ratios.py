"""What `make bench ARGS=calls` does with its times; how long they are is not tested."""

from __future__ import annotations

import pytest

from benchmarks.ratios import RATIOS, Ratio, figure, measure, parse, row

pytestmark = pytest.mark.anyio

RATIO = Ratio("call", "bare", 1.5)


async def test_every_operation_that_is_compared_is_timed_once_a_round() -> None:
    times = await measure(rounds=2, calls=1)

    assert {name for ratio in RATIOS for name in (ratio.measured, ratio.against)} == set(times)
    assert all(len(of_rounds) == 2 and min(of_rounds) > 0 for of_rounds in times.values())


def test_the_figure_is_the_median_of_the_ratios_of_the_rounds() -> None:
    assert figure(RATIO, {"call": [120, 300, 130], "bare": [100, 200, 100]}) == pytest.approx(1.3)


def test_a_row_tells_whether_the_target_is_reached() -> None:
    reached = row(RATIO, {"call": [150.0], "bare": [100.0]})
    missed = row(RATIO, {"call": [160.0, 140.0, 180.0], "bare": [100.0, 100.0, 100.0]})

    assert reached == ["call", "150", "bare", "100", "1.500", "1.500 to 1.500", "≤ 1.5", "reached"]
    assert missed == ["call", "160", "bare", "100", "1.600", "1.400 to 1.800", "≤ 1.5", "missed"]


def test_no_rounds_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["--rounds", "0"])

    assert ended.value.code == 2
    assert "less than 1" in capsys.readouterr().err
