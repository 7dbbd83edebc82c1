"""A client that does to its connection what it likes, step by step, and tells afterwards what it was shown."""

from __future__ import annotations

import select
import socket
import struct
import time
from dataclasses import dataclass, field

import h11

from support.patience import PATIENCE

PIECE = 1 << 18


@dataclass
class Shown:
    """One response, as far as it came."""

    status: int | None = None
    body: bytes = b""
    complete: bool = False
    closes: bool = False


@dataclass
class RawClient:
    """One connection; nothing here waits, but for `read_to_end`.

    Attributes:
        unsent: what the server does not take yet.
        received: every byte that was read.
        ended: how the server ended the connection, "FIN" or "RST", if it did.
    """

    port: int
    unsent: bytearray = field(default_factory=bytearray)
    received: bytearray = field(default_factory=bytearray)
    ended: str = ""

    def __post_init__(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self.port))
        self._socket.setblocking(False)
        self._was_reset = False

    def send(self, data: bytes) -> None:
        """Send as much as fits, and keep the rest."""
        self.unsent += data
        self.push()

    def push(self) -> None:
        """Send as much of the rest as fits."""
        try:
            while self.unsent:
                del self.unsent[: self._socket.send(self.unsent[:PIECE])]
        except BlockingIOError:
            pass
        except OSError:  # a reset, which is told only once; what came before it can be read
            self.unsent.clear()
            self._was_reset = True

    def read(self) -> None:
        """Read what is there."""
        if self.ended:
            return
        try:
            while data := self._socket.recv(PIECE):
                self.received += data
            self.ended = "RST" if self._was_reset else "FIN"
        except BlockingIOError:
            pass
        except OSError:
            self.ended = "RST"

    def read_to_end(self, methods: list[str], *, to_close: bool) -> None:
        """Read until every response is complete, or the connection is at its end."""
        until = time.monotonic() + PATIENCE
        while not self.ended and (to_close or not self._all_complete(methods)):
            left = until - time.monotonic()
            assert left > 0, f"after {PATIENCE} s: {self.shown(methods)}"
            select.select([self._socket], [self._socket] if self.unsent else [], [], left)
            self.push()
            self.read()

    def _all_complete(self, methods: list[str]) -> bool:
        return all(shown.complete for shown in self.shown(methods))

    def half_close(self) -> None:
        """Say that nothing more is sent."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self._was_reset = True

    def leave(self, *, orderly: bool) -> None:
        """Close, with a FIN or a RST."""
        if not orderly:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def shown(self, methods: list[str]) -> list[Shown]:
        """What came for each request, by its method.

        Raises:
            h11.RemoteProtocolError: the server sent what is no response.
            AssertionError: it sent more than there were requests for.
        """
        rest, shown = bytes(self.received), []
        for method in methods:
            response, rest = self._parse(method, rest)
            shown.append(response)
        assert not rest, f"bytes after the last response: {rest[:200]!r}"
        return shown

    def _parse(self, method: str, data: bytes) -> tuple[Shown, bytes]:
        http = h11.Connection(h11.CLIENT)
        http.send(h11.Request(method=method, target="/", headers=[("Host", "test")]))
        http.send(h11.EndOfMessage())
        if data:
            http.receive_data(data)
        shown, pieces, delimited = Shown(), [], True
        while not shown.complete and (event := http.next_event()) is not h11.NEED_DATA:
            if isinstance(event, h11.Response):
                names = {name for name, _ in event.headers}
                shown.status = event.status_code
                delimited = bool(names & {b"content-length", b"transfer-encoding"})
                shown.closes = (b"connection", b"close") in event.headers
            elif isinstance(event, h11.Data):
                pieces.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                shown.complete = True
        shown.body = b"".join(pieces)
        if not shown.complete:
            shown.complete = not delimited and self.ended == "FIN"
            return shown, b""
        return shown, http.trailing_data[0]
