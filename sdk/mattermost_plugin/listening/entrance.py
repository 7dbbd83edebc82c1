"""Where each connection goes: to what serves its first call alone, or to gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, Protocol, cast

from mattermost_plugin.http2.errors import Violation
from mattermost_plugin.http2.frames import GOAWAY, PROTOCOL_ERROR, SETTINGS, frame_head, number
from mattermost_plugin.listening.first_call import FirstCall
from mattermost_plugin.listening.reports import Reports
from mattermost_plugin.tls import speaks_http2

GREETING_TIMEOUT: Final = 10.0
"""Seconds for a client that has connected to say that it speaks HTTP/2."""


MAX_TOLD: Final = 100
"""Bytes of why a client does not get through that it is told."""


class Serving(Protocol):
    """What serves a connection that has begun; a protocol of asyncio's.

    Attributes:
        closed: done once the connection is no more.
    """

    closed: asyncio.Future[None]

    def connection_made(self, transport: asyncio.BaseTransport) -> None: ...

    def data_received(self, data: bytes) -> None: ...


class Entrance:
    """Knows what serves which connections.

    Args:
        alone: what serves a call that has its connection for itself, by its path.
        rest: what serves any other.
        reports: where it is told what came to nothing.
        greeting_timeout: seconds for a client to say that it speaks HTTP/2.
    """

    def __init__(
        self,
        alone: Mapping[str, Callable[[], Serving]],
        rest: Callable[[], Serving],
        reports: Reports,
        greeting_timeout: float = GREETING_TIMEOUT,
    ) -> None:
        self.reports = reports
        self.greeting_timeout = greeting_timeout
        self._alone = alone
        self._rest = rest

    def __call__(self) -> Opening:
        """A new connection."""
        return Opening(self)

    def choose(self, path: str) -> Serving:
        """What serves a connection whose first call this is; an empty path is none yet."""
        return self._alone.get(path, self._rest)()


class Opening(asyncio.Protocol):
    """A connection, until it is known what it is for."""

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance
        self._first = FirstCall()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._chosen: asyncio.Future[Serving | None] = asyncio.get_running_loop().create_future()

    async def serve(self) -> None:
        """Serves the connection; returns when it is no more. Cancelled, it hangs up at once."""
        try:
            serving = await self._chosen
            if serving is not None:
                await asyncio.wait((serving.closed,))
        finally:
            if self._transport is not None:
                self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = made = cast(asyncio.Transport, transport)  # uvloop's is none by descent
        if not speaks_http2(made.get_extra_info("ssl_object")):
            self._give_up("it does not ask for HTTP/2 by ALPN")
            return
        self._timer = asyncio.get_running_loop().call_later(self._entrance.greeting_timeout, self._late)

    def data_received(self, data: bytes) -> None:
        try:
            self._first.receive(data)
        except Violation as violation:
            self._give_up(_speaks_tls(data) or str(violation))
            return
        if self._first.known:
            self._hand_over()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        if not self._chosen.done():
            self._chosen.set_result(None)

    def _late(self) -> None:
        self._give_up(f"it did not begin to speak HTTP/2 within {self._entrance.greeting_timeout:g} s")

    def _hand_over(self) -> None:
        self._stop_waiting()
        assert self._transport is not None
        serving = self._entrance.choose(self._first.path)
        self._chosen.set_result(serving)
        self._transport.set_protocol(cast(asyncio.Protocol, serving))
        serving.connection_made(self._transport)
        serving.data_received(self._first.take_all())

    def _give_up(self, why: str) -> None:
        self._stop_waiting()
        self._entrance.reports.tell(f"a client did not get through: {why}")
        if self._transport is not None:
            self._transport.write(farewell(why))
            self._transport.close()

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def farewell(why: str) -> bytes:
    """What is said to who does not get through. To who speaks HTTP/2 it is an error, to anybody else a sign of it."""
    told = number(0) + number(PROTOCOL_ERROR) + why.encode()[:MAX_TOLD]
    return frame_head(0, SETTINGS, 0, 0) + frame_head(len(told), GOAWAY, 0, 0) + told


def _speaks_tls(data: bytes) -> str:
    return "it speaks TLS, which is not spoken here" if data[:2] == b"\x16\x03" else ""
