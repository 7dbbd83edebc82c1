"""What workers are asked about their requests, and what becomes of their answers."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import cast

import pytest

from servehttp.figures import Figures
from servehttp.workers.channel import Channel
from servehttp.workers.counting import WorkerFigures
from servehttp.workers.messages import Count, Counted, Look, Message, Seen, decode, encode
from support.consoles import seen
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio


class Worker:
    """The other end of a channel, which answers at once, if it does.

    Args:
        figures: who asks.
        waited: seconds that its one request has waited.
    """

    def __init__(self, figures: WorkerFigures, waited: float, *, silent: bool = False) -> None:
        self._figures = figures
        self._waited = waited
        self.silent = silent
        figures.join(self.channel)

    @property
    def channel(self) -> Channel:
        return cast("Channel", self)

    def send(self, message: Message) -> None:
        if not self.silent:
            asyncio.get_running_loop().call_soon(self._answer, message)

    def _answer(self, message: Message) -> None:
        request = asdict(seen("open", waited=self._waited) if self._waited < 1 else seen("slow", waited=self._waited))
        if isinstance(message, Look):
            answer = decode(encode(Seen(message.number, [request], [request])))
            assert isinstance(answer, Seen)
            self._figures.note(self.channel, answer)
        elif isinstance(message, Count):
            counted = Figures()
            counted.count("requests", ("p",), 5)
            self._figures.note(self.channel, Counted(message.number, counted.to_json(), counted.to_json()))


async def test_the_requests_of_all_workers_are_told_as_one_list() -> None:
    figures = WorkerFigures(PATIENCE)
    Worker(figures, 0.5), Worker(figures, 7.0), Worker(figures, 3.0)
    told = await figures.requests(most=2)
    assert [each.waited for each in told.slowest] == [7.0, 3.0]
    assert len(told.open) == 2


async def test_of_a_worker_that_is_stuck_is_told_what_it_has_said_last() -> None:
    figures = WorkerFigures(0.05)
    well, stuck = Worker(figures, 2.0), Worker(figures, 7.0)
    assert len((await figures.requests(most=9)).slowest) == 2
    stuck.silent = True
    Worker(figures, 9.0, silent=True)  # which has never said anything
    assert [each.waited for each in (await figures.requests(most=9)).slowest] == [7.0, 2.0]
    figures.leave(well.channel)
    assert [each.waited for each in (await figures.requests(most=9)).slowest] == [7.0]


async def test_what_a_worker_has_counted_stays_when_it_has_gone() -> None:
    figures = WorkerFigures(PATIENCE)
    first, _ = Worker(figures, 1.0), Worker(figures, 1.0)
    before = await figures.counts()
    figures.leave(first.channel)
    after = await figures.counts()
    for counts, present in ((before, 10), (after, 5)):
        assert counts.counted.family("requests")["p",] == [10]
        assert counts.present.family("requests")["p",] == [present]
