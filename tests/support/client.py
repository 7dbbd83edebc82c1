"""An HTTP/1.1 client that shows the bytes: one connection, h11, no help."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import h11

from support.patience import PATIENCE

TIMEOUT = PATIENCE
"""Seconds for any one step, so that no test hangs."""

HeaderList = list[tuple[str, str]]


class Broken(Exception):
    """The server broke the connection in the middle of a response, or before it."""


@dataclass
class Answer:
    """A response that was read to its end."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""
    interim: list[int] = field(default_factory=list)

    def header(self, name: str) -> str | None:
        return next((value.decode() for key, value in self.headers if key == name.lower().encode()), None)

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One connection to a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.http = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
        self.left = b""  # what a test that pipelines keeps for the next response

    async def write(self, data: bytes) -> None:
        """Bytes as they are."""
        async with asyncio.timeout(TIMEOUT):
            self.writer.write(data)
            await self.writer.drain()

    async def _send(self, event: h11.Event) -> None:
        await self.write(self.http.send(event) or b"")

    async def start(self, method: str, target: str, headers: HeaderList | None = None) -> None:
        """A request head; `Host` is added."""
        await self._send(h11.Request(method=method, target=target, headers=[("Host", "test"), *(headers or [])]))

    async def send(self, data: bytes) -> None:
        """A piece of the body."""
        await self._send(h11.Data(data=data))

    async def end(self) -> None:
        """The end of the body."""
        await self._send(h11.EndOfMessage())

    async def _event(self) -> h11.Event:
        while True:
            try:
                event = self.http.next_event()
            except h11.RemoteProtocolError as error:
                raise Broken(str(error)) from error
            if isinstance(event, h11.ConnectionClosed):
                raise Broken("the connection was closed")
            if event is not h11.NEED_DATA:
                assert not isinstance(event, type)
                return event
            try:
                async with asyncio.timeout(TIMEOUT):
                    self.http.receive_data(await self.reader.read(65536))
            except ConnectionError as error:
                raise Broken(str(error)) from error

    async def head(self) -> Answer:
        """The response's head, after any interim ones."""
        interim = []
        while isinstance(event := await self._event(), h11.InformationalResponse):
            interim.append(event.status_code)
        assert isinstance(event, h11.Response), event
        return Answer(event.status_code, list(event.headers), interim=interim)

    async def piece(self) -> bytes | None:
        """The next piece of the body, None at its end."""
        event = await self._event()
        return bytes(event.data) if isinstance(event, h11.Data) else None

    async def exactly(self, length: int) -> bytes:
        """So many bytes of the body."""
        data = b""
        while len(data) < length:
            piece = await self.piece()
            if piece is None:
                raise AssertionError(f"the body ended after {data!r}")
            data += piece
        assert len(data) == length, data
        return data

    async def rest(self) -> bytes:
        """The body to its end."""
        pieces = []
        while (piece := await self.piece()) is not None:
            pieces.append(piece)
        return b"".join(pieces)

    async def answer(self) -> Answer:
        """The whole response."""
        answer = await self.head()
        answer.body = await self.rest()
        return answer

    async def request(self, method: str, target: str, headers: HeaderList | None = None, body: bytes = b"") -> Answer:
        """A whole request and its whole response; the connection can be used again."""
        length = [("Content-Length", str(len(body)))] if body else []
        await self.start(method, target, [*(headers or []), *length])
        if body:
            await self.send(body)
        await self.end()
        answer = await self.answer()
        if self.http.our_state is h11.DONE and self.http.their_state is h11.DONE:
            self.http.start_next_cycle()
        return answer

    async def closed(self) -> None:
        """Waits until the server has closed the connection."""
        async with asyncio.timeout(TIMEOUT):
            while await self.reader.read(65536):
                pass

    def abort(self) -> None:
        """Leave without a word (RST), whatever is under way."""
        connection = self.writer.get_extra_info("socket")
        if connection.fileno() >= 0:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def close(self) -> None:
        """Leave in order (FIN)."""
        self.writer.close()
        try:
            async with asyncio.timeout(TIMEOUT):
                await self.writer.wait_closed()
        except ConnectionError:
            pass


@asynccontextmanager
async def connect(port: int, host: str = "127.0.0.1") -> AsyncIterator[Client]:
    """A connection to a server on this machine."""
    async with asyncio.timeout(TIMEOUT):
        client = Client(*await asyncio.open_connection(host, port))
    try:
        yield client
    finally:
        client.abort()


async def fetch(
    port: int, target: str, method: str = "GET", headers: HeaderList | None = None, body: bytes = b""
) -> Answer:
    """One request on a connection of its own."""
    async with connect(port) as client:
        return await client.request(method, target, headers, body)
