from __future__ import annotations

from contextlib import ExitStack

from servehttp.plugins.patience import Crowd, Patience


def test_each_time_out_doubles_the_time_up_to_four_times() -> None:
    patience = Patience(30, Crowd(cores=2))
    times = []
    for _ in range(4):
        with patience.starting() as seconds:
            times.append(seconds)
        patience.timed_out()
    patience.forget()
    with patience.starting() as seconds:
        assert [*times, seconds] == [30, 60, 120, 120, 30]


def test_beside_more_than_there_are_cores_each_has_more_time() -> None:
    crowd = Crowd(cores=2)
    with ExitStack() as stack:
        starts = [stack.enter_context(Patience(30, crowd).starting()) for _ in range(4)]
    assert starts == [30, 30, 45, 60]
    with Patience(30, crowd).starting() as alone:
        assert alone == 30
