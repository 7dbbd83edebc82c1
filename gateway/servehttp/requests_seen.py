"""Single requests as an operator looks at them: those that are open, and the slowest of the last minutes."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

MINUTES = 5
SLOWEST_OF_MINUTE = 20
MINUTE = 60.0
"""Seconds."""
PATH_CHARACTERS = 500


@dataclass(frozen=True)
class SeenRequest:
    """A request, open or over.

    Attributes:
        request_id: its id.
        plugin: the plugin's id; empty if none was found for it.
        method: of HTTP, or WEBSOCKET.
        path: the path of its target, without the query, cut to `PATH_CHARACTERS`.
        client: the address of who sent it.
        status: of the response; 0 while there is none.
        began: when its head was read, in seconds since 1970.
        seconds: how long it has been open, or was.
        first_byte: seconds until the response began; None if it has not, or did not.
        bytes_in: what of the body, or of WebSocket messages, went to the plugin.
        bytes_out: what came back.
        problem: why it did not end as it should have; empty if it did, or is open.
        waits_for: who keeps what is on its way to it waiting, `plugin` or `client`; empty for nobody.
    """

    request_id: str
    plugin: str
    method: str
    path: str
    client: str
    status: int
    began: float
    seconds: float
    first_byte: float | None
    bytes_in: int
    bytes_out: int
    problem: str = ""
    waits_for: str = ""

    @property
    def waited(self) -> float:
        """Seconds until the response began, or that it has not, or did not begin."""
        return self.seconds if self.first_byte is None else self.first_byte


@dataclass(frozen=True)
class RequestsSeen:
    """What processes that serve HTTP have seen.

    Attributes:
        open: those that are open, oldest first.
        slowest: those of the last minutes whose responses took longest to begin, slowest first.
    """

    open: Sequence[SeenRequest] = ()
    slowest: Sequence[SeenRequest] = ()


class Witness(Protocol):
    """Knows single requests."""

    async def requests(self, most: int) -> RequestsSeen:
        """Ask for them.

        Args:
            most: how many of each kind.
        """
        ...


def together(seen: Iterable[RequestsSeen], most: int) -> RequestsSeen:
    """What several have seen, as one."""
    seen = tuple(seen)
    opened = sorted((each for one in seen for each in one.open), key=lambda each: each.began)
    slowest = sorted((each for one in seen for each in one.slowest), key=lambda each: -each.waited)
    return RequestsSeen(opened[:most], slowest[:most])


class Slowest:
    """Keeps the slowest requests of each minute, for some minutes.

    Attributes:
        floor: seconds below which a request is none of them, until `until`.
        until: when this minute ends, on the clock of whoever offers requests.
    """

    def __init__(self) -> None:
        self.floor = 0.0
        self.until = 0.0
        self._minute: list[tuple[float, int, SeenRequest]] = []
        self._before: deque[tuple[float, list[tuple[float, int, SeenRequest]]]] = deque(maxlen=MINUTES)
        self._number = 0

    def take(self, request: SeenRequest, now: float) -> None:
        """Have one that took longer than `floor`, or came after `until`."""
        self._turn(now)
        self._number += 1
        entry = request.waited, self._number, request
        if len(self._minute) < SLOWEST_OF_MINUTE:
            heapq.heappush(self._minute, entry)
        elif request.waited > self._minute[0][0]:
            heapq.heapreplace(self._minute, entry)
        self.floor = self._minute[0][0] if len(self._minute) == SLOWEST_OF_MINUTE else 0.0

    def of_last_minutes(self, now: float) -> list[SeenRequest]:
        """Those of the last minutes, slowest first."""
        self._turn(now)
        minutes = [minute for until, minute in self._before if until > now - MINUTES * MINUTE]
        entries = [entry for minute in (*minutes, self._minute) for entry in minute]
        return [request for _, _, request in sorted(entries, reverse=True)]

    def _turn(self, now: float) -> None:
        if now < self.until:
            return
        if self._minute:
            self._before.append((self.until, self._minute))
        self._minute, self.floor, self.until = [], 0.0, now + MINUTE
