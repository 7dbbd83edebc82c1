"""A request on the ASGI path: uvicorn's cycle runs the application for it."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl

from servehttp.front.disconnect_signal import EXTENSION, DisconnectSignal
from servehttp.front.http_connection import LimitedConnection


class UvicornCycle(Protocol):
    """What both of uvicorn's HTTP protocols keep of a request."""

    scope: Any  # uvicorn's own type for what ASGI calls a dict
    transport: Any
    body: Any
    more_body: bool
    disconnected: bool
    response_started: bool
    response_complete: bool
    waiting_for_100_continue: bool
    keep_alive: bool
    default_headers: list[tuple[bytes, bytes]]
    message_event: asyncio.Event


class CycleTransport:
    """What uvicorn's cycles of one connection write to, as far as they ask; closing it ends the response as the client
    must see it.

    Not an `asyncio.Transport`: what a base class keeps in slots stays in memory for good where this is compiled.
    """

    def __init__(self, connection: LimitedConnection) -> None:
        self._connection = connection

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._connection.transport.write(data)

    def is_closing(self) -> bool:
        return self._connection.lingering or self._connection.transport.is_closing()

    def close(self) -> None:
        self._connection.close_response()


class ASGICycle:
    """uvicorn's cycle as the connection sees it; a `Cycle`.

    uvicorn's protocols make their cycles themselves, of a class that cannot be chosen, and keep the last in `cycle` and
    those that wait in `pipeline`. So this is not one of them: a connection keeps it beside them. What remains of
    uvicorn's cycle outside of here is what uvicorn's protocols do with their own, and `CloseDelimited`.

    Args:
        flow: the connection's.
        cycle: uvicorn's, which has just been made. It does not refer to this: the two are freed without the collector.
        transport: where its response goes.
    """

    progress: int | None = None
    """The application keeps the time."""

    def __init__(self, flow: FlowControl, cycle: UvicornCycle, transport: CycleTransport) -> None:
        self.expects_100 = cycle.waiting_for_100_continue
        self._flow = flow
        self._cycle = cycle
        self._signal = DisconnectSignal()
        cycle.transport = transport
        cycle.scope.setdefault("extensions", {})[EXTENSION] = self._signal

    @property
    def http_version(self) -> str:
        version: str = self._cycle.scope["http_version"]
        return version

    @property
    def awaits_100(self) -> bool:
        return self._cycle.waiting_for_100_continue

    @property
    def response_started(self) -> bool:
        return self._cycle.response_started

    @property
    def response_complete(self) -> bool:
        return self._cycle.response_complete

    @property
    def chunked(self) -> bool:
        cycle: Any = self._cycle
        return cycle.chunked_encoding is True

    def make_last(self) -> None:
        self._cycle.keep_alive = False

    def feed(self, data: bytes) -> None:
        cycle = self._cycle
        if cycle.response_complete:
            return
        if not cycle.body:  # uvicorn would copy it into a bytearray, and again out of it
            cycle.body = data
        else:
            if isinstance(cycle.body, bytes):  # two pieces before the application took one: now it has to grow
                cycle.body = bytearray(cycle.body)
            cycle.body += data
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self._flow.pause_reading()
        cycle.message_event.set()

    def end_body(self) -> None:
        if not self._cycle.response_complete:
            self._cycle.more_body = False
            self._cycle.message_event.set()

    def resume(self) -> None:
        """uvicorn's flow control has told the application."""

    def client_disconnected(self) -> None:
        self._signal.client_disconnected()
        self._cycle.disconnected = True
        self._cycle.message_event.set()

    def patience(self) -> float:
        """The application keeps the time."""
        return float("inf")

    def time_out(self) -> None:
        """The application keeps the time."""

    def cut(self) -> None:
        """uvicorn cancels the application."""
