"""Whose turn it is to take a connection."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servehttp.workers import shares
from servehttp.workers.shares import Share, create_shares


def places(workers: int) -> list[Share]:
    with create_shares(workers) as file:
        return [Share(file.fileno(), place) for place in range(workers)]


def present(*connections: int) -> list[Share]:
    """Workers that are all present, with so many connections each."""
    workers = places(len(connections))
    for worker, number in zip(workers, connections, strict=True):
        worker.be_present()
        worker.count(number)
    return workers


@pytest.mark.parametrize(
    ("connections", "turns"),
    [
        ((0,), [True]),
        ((7, 7, 7), [True, True, True]),
        ((7, 8, 7), [True, False, True]),
        ((50, 0, 49), [False, True, False]),
    ],
)
def test_it_is_the_turn_of_those_with_the_fewest_connections(connections: tuple[int, ...], turns: list[bool]) -> None:
    assert [worker.is_mine() for worker in present(*connections)] == turns


@given(st.lists(st.integers(0, 3), max_size=60))
def test_whichever_wakes_first_and_how_often_none_gets_two_more_than_another(wakes: list[int]) -> None:
    counts = [0] * 4
    workers = present(*counts)
    for waking in wakes:
        if workers[waking].is_mine():
            counts[waking] += 1
            workers[waking].count(counts[waking])
        assert max(counts) - min(counts) <= 1


def test_one_that_has_not_begun_is_not_waited_for() -> None:
    first, second, _ = places(3)
    first.be_present()
    second.be_present()
    first.count(1)
    assert [first.is_mine(), second.is_mine()] == [False, True]
    second.count(1)
    assert [first.is_mine(), second.is_mine()] == [True, True]


def test_one_that_has_left_is_not_waited_for() -> None:
    first, second = present(1, 0)
    second.leave()
    assert first.is_mine()


def test_one_that_shows_no_sign_of_life_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = present(1, 0)
    assert not first.is_mine()
    monkeypatch.setattr(shares, "ABSENCE", 0)
    assert first.is_mine()


def test_closed_connections_count_no_more() -> None:
    workers = present(3, 2)
    turns = []
    for number in (2, 1):
        workers[0].count(number)
        turns.append([worker.is_mine() for worker in workers])
    assert turns == [[True, True], [True, False]]
