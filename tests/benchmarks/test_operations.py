"""What is timed and counted does what it is named for."""

from __future__ import annotations

import asyncio

import open_exchanges
import pytest
from harness.cores import Cores, as_bytes, hold, request

from benchmarks.measuring import allocated, row
from benchmarks.operations import OPERATIONS, finish


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_can_be_repeated(name: str) -> None:
    operation = OPERATIONS[name]()
    operation()
    operation()


def test_an_operation_that_waits_is_no_operation() -> None:
    with pytest.raises(RuntimeError, match="it waited"):
        finish(asyncio.sleep(0))


def test_held_exchanges_stay_open_beside_requests_that_end() -> None:
    cores = Cores()
    for _ in range(3):
        hold(cores, as_bytes)
    request(cores, as_bytes)

    assert (cores.gateway.open_exchanges, cores.plugin.open_exchanges) == (3, 3)


def test_each_count_of_open_exchanges_has_a_figure_of_every_round() -> None:
    costs = open_exchanges.measure(rounds=2, requests=1, counts=(1, 2))

    assert {count: len(figures) for count, figures in costs.items()} == {1: 2, 2: 2}
    assert all(figure > 0 for figures in costs.values() for figure in figures)


def test_the_memory_of_an_operation_is_what_it_holds_at_a_time() -> None:
    def hold_twice() -> None:
        for _ in range(2):
            bytes(100_000)

    assert 100_000 <= allocated(hold_twice) < 200_000


def test_a_row_has_the_rate_and_the_percentiles_in_microseconds() -> None:
    seconds = [0.001] * 94 + [0.002] * 4 + [0.003] * 2

    assert row("x", seconds, 12_345, 4) == ["x", "926", "1,000", "2,000", "3,000", "12,345", "4"]
