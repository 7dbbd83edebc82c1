"""The gateway's HTTP server in this process with an application of the test's, and a client that looks at the bytes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from ssl import SSLContext
from typing import Any

import h11

from mattermost_plugin.types import ASGIApp, Receive, Scope, Send
from servehttp.front.server import Server, make_server
from servehttp.settings.gateway import GatewaySettings
from servehttp.settings.limits import LimitSettings
from servehttp.settings.server import ServerSettings
from servehttp.workspace.settings import Settings
from support.patience import PATIENCE

HEAD = b"Host: test\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
SECONDS = PATIENCE
"""Longest that a test waits for anything."""

ENDLESS = 60 * PATIENCE
"""A time-out that no test waits for."""


@dataclass(slots=True)
class Answer:
    """A whole response."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: bytes) -> bytes | None:
        return next((value for key, value in self.headers if key == name), None)

    @property
    def message(self) -> str:
        """What an answer of the gateway's own says."""
        return str(json.loads(self.body)["error"]["message"])


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._rest = b""

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def get(self, path: bytes = b"/", headers: bytes = b"", version: bytes = b"1.1") -> None:
        self.send(b"GET %s HTTP/%s\r\n%s%s\r\n" % (path, version, HEAD, headers))

    def post(self, headers: bytes, body: bytes = b"", path: bytes = b"/") -> None:
        self.send(b"POST %s HTTP/1.1\r\n%s%s\r\n%s" % (path, HEAD, headers, body))

    async def answer(self, method: str = "GET") -> Answer:
        """The next response, after any interim one.

        Raises:
            h11.RemoteProtocolError: it is cut short, or none comes.
        """
        async with asyncio.timeout(SECONDS):
            connection = h11.Connection(h11.CLIENT)
            connection.send(h11.Request(method=method, target="/", headers=[("host", "test")]))
            connection.send(h11.EndOfMessage())
            if self._rest:
                connection.receive_data(self._rest)
            answer: Answer | None = None
            while True:
                event = connection.next_event()
                if event is h11.NEED_DATA:
                    connection.receive_data(await self.reader.read(65536))
                elif isinstance(event, h11.Response):
                    answer = Answer(event.status_code, list(event.headers), b"")
                elif isinstance(event, h11.Data) and answer is not None:
                    answer.body += event.data
                elif isinstance(event, h11.EndOfMessage) and answer is not None:
                    self._rest = connection.trailing_data[0]
                    return answer
                elif isinstance(event, h11.ConnectionClosed):
                    raise h11.RemoteProtocolError("closed without an answer")

    async def until(self, end: bytes) -> bytes:
        async with asyncio.timeout(SECONDS):
            while end not in self._rest:
                await self._read_more()
        return self._take(self._rest.index(end) + len(end))

    async def exactly(self, size: int) -> bytes:
        async with asyncio.timeout(SECONDS):
            while len(self._rest) < size:
                await self._read_more()
        return self._take(size)

    async def _read_more(self) -> None:
        data = await self.reader.read(65536)
        if not data:
            raise ConnectionError(f"closed after {self._rest!r}")
        self._rest += data

    def _take(self, size: int) -> bytes:
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    async def rest(self) -> bytes:
        """All that comes until the server closes the connection, in order or not."""
        received = self._rest
        self._rest = b""
        async with asyncio.timeout(SECONDS):
            with contextlib.suppress(ConnectionError):
                while data := await self.reader.read(65536):
                    received += data
        return received

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


class Running:
    """A server that runs."""

    def __init__(
        self, server: Server, settings: GatewaySettings, task: asyncio.Task[None], listener: socket.socket
    ) -> None:
        self.server = server
        self.settings = settings
        self._task = task
        self.address: tuple[str, int] = listener.getsockname()
        self._clients: list[Client] = []

    @property
    def connections(self) -> list[asyncio.Transport]:
        """The server's side of all open connections."""
        return [connection.transport for connection in self.server.server_state.connections]

    async def connect(self, limit: int = 2**16, ssl: SSLContext | None = None) -> Client:
        client = Client(*await asyncio.open_connection(*self.address, limit=limit, ssl=ssl))
        self._clients.append(client)
        return client

    async def stop(self) -> None:
        """Stop it as a signal would."""
        self.server.should_exit = True
        async with asyncio.timeout(SECONDS):
            await self._task

    async def close(self) -> None:
        for client in self._clients:
            await client.close()
        await self.stop()


@contextlib.asynccontextmanager
async def serving(
    app: ASGIApp, parser: str, *, drain_timeout: float = 0.2, tls: Mapping[str, str] | None = None, **limits: Any
) -> AsyncIterator[Running]:
    """Serve an application that knows scopes "http" and "websocket", by TLS if the settings for it are given."""
    settings = Settings(
        server=ServerSettings.model_validate({"http": parser, "drain_timeout": drain_timeout, **(tls or {})}),
        limits=LimitSettings.model_validate(limits),
    )
    listener = socket.create_server(("127.0.0.1", 0))
    server = make_server(_with_lifespan(app), settings)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    running = Running(server, settings, task, listener)
    try:
        yield running
    finally:
        await running.close()


def _with_lifespan(app: ASGIApp) -> ASGIApp:
    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        for _ in range(2):
            event = await receive()
            await send({"type": event["type"] + ".complete"})

    return wrapped


class Recorder:
    """An application that reads the whole body and answers with it; keeps what reached it.

    Attributes:
        scopes: of every request.
        whole: (method, path, body) of every request that arrived complete.
    """

    def __init__(self) -> None:
        self.scopes: list[Scope] = []
        self.whole: list[tuple[str, str, bytes]] = []
        self.disconnected = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        body = await self.read(receive)
        if body is not None:
            self.whole.append((scope["method"], scope["path"], body))
            await respond(send, body)

    async def read(self, receive: Receive) -> bytes | None:
        body = b""
        while True:
            event = await receive()
            if event["type"] == "http.disconnect":
                self.disconnected.set()
                return None
            body += bytes(event["body"])
            if not event["more_body"]:
                return body


async def respond(send: Send, body: bytes = b"ok", *headers: tuple[bytes, bytes], status: int = 200) -> None:
    """A whole response."""
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})


async def eventually(condition: Callable[[], bool]) -> None:
    """Returns when something is so that no event tells of.

    Raises:
        TimeoutError: it did not come to be.
    """
    async with asyncio.timeout(SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


async def gone(receive: Receive) -> None:
    """Returns when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def now() -> float:
    """The running loop's clock, in seconds."""
    return asyncio.get_running_loop().time()
