"""The figures of all workers, those that are gone included: what was counted never gets less. And their requests."""

from __future__ import annotations

from servehttp.figures import Counts, Figures
from servehttp.requests_seen import RequestsSeen, SeenRequest, together
from servehttp.workers.asking import Answers
from servehttp.workers.channel import Channel
from servehttp.workers.messages import Count, Counted, Look, Seen


class WorkerFigures:
    """Asks workers for their figures and requests; a `Counter` and a `Witness`.

    A worker takes part from its `join` to its `leave`.

    Args:
        timeout: seconds that they have.
    """

    def __init__(self, timeout: float) -> None:
        self._counted: Answers[Counted] = Answers(timeout)
        self._seen: Answers[Seen] = Answers(timeout)
        self._gone = Figures()

    def join(self, channel: Channel) -> None:
        """Ask another worker as well."""
        self._counted.join(channel)
        self._seen.join(channel)

    def note(self, channel: Channel, answer: Counted | Seen) -> None:
        """A worker has told its figures, or its requests."""
        if isinstance(answer, Counted):
            self._counted.note(channel, answer)
        else:
            self._seen.note(channel, answer)

    def leave(self, channel: Channel) -> None:
        """A worker is gone, or goes: what it has told last stays counted."""
        self._seen.leave(channel)
        told = self._counted.leave(channel)
        if told is not None:
            self._gone.add(Figures.from_json(told.counted))

    async def counts(self) -> Counts:
        """Those of all; of one that does not tell them in time, what it has told last."""
        answers = await self._counted.ask(Count)
        counted, present = Figures(), Figures()
        counted.add(self._gone)
        for told in answers:
            counted.add(Figures.from_json(told.counted))
            present.add(Figures.from_json(told.present))
        return Counts(counted, present)

    async def requests(self, most: int) -> RequestsSeen:
        """Those of all workers; of one that does not tell them in time, what it has told last."""
        answers = await self._seen.ask(lambda number: Look(number, most))
        seen = [
            RequestsSeen([SeenRequest(**each) for each in told.open], [SeenRequest(**each) for each in told.slowest])
            for told in answers
        ]
        return together(seen, most)
