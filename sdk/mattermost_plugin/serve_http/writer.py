"""The response writer that a handler of the ServeHTTP hook gets, and how what it writes leaves as ASGI messages."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping

from mattermost_plugin.asgi.http import BODILESS_STATUSES, FINAL_STATUSES, octets
from mattermost_plugin.loggers import get_logger
from mattermost_plugin.serve_http.thread_bridge import ThreadBridge
from mattermost_plugin.types import Send

MAX_QUEUED = 64 * 1024 * 1024
"""Bytes that an async handler may write without waiting for the client."""

logger = get_logger("mattermost_plugin.servehttp")


class HTTPResponseWriter:
    """Takes a handler's response and lets it leave as soon as it is written.

    By itself, without a request, it only keeps what is written.
    """

    MAX_CHUNK_SIZE = 64 * 1024
    """Bytes; a larger write leaves in several pieces."""

    def __init__(self) -> None:
        self.headers: dict[str, list[str]] = {}
        """Values by name, until the head is sent."""
        self.status_code: int | None = None
        self._head_written = False
        self._pending: deque[tuple[bytes, bool]] = deque()
        self._pending_bytes = 0
        self._flush_next = False

    def set_header(self, name: str, value: str) -> None:
        """Give a header one value. Once something was written this is too late: it does nothing, and logs."""
        if self._may_change_headers(name):
            for key in [key for key in self.headers if key.lower() == name.lower()]:
                del self.headers[key]
            self.headers[canonical_name(name)] = [value]

    def add_header(self, name: str, value: str) -> None:
        """Add a value to a header. Once something was written this is too late: it does nothing, and logs."""
        if self._may_change_headers(name):
            key = next((key for key in self.headers if key.lower() == name.lower()), canonical_name(name))
            self.headers.setdefault(key, []).append(value)

    def write_header(self, status_code: int) -> None:
        """Set the status; a second one does nothing, and logs. It leaves with the first write or flush.

        Raises:
            ValueError: the status is not from 200 to 999.
        """
        if status_code not in FINAL_STATUSES:
            raise ValueError(f"a response status is 200 to 999, not {status_code}")
        if self._head_written:
            logger.warning("write_header(%d) after the status was set to %s: ignored", status_code, self.status_code)
            return
        self.status_code = status_code
        self._head_written = True

    def write(self, data: bytes | bytearray | memoryview | str) -> int:
        """Write a piece of the body, text as UTF-8; the status is 200 unless it was set. Returns the number of bytes.

        Raises:
            OSError: the client has gone.
            BufferError: more than `MAX_QUEUED` waits for the client (async handlers, which may `drain`).
        """
        piece = data.encode() if isinstance(data, str) else octets(data)
        self._check(len(piece))
        self._write_default_head()
        self._pending.append((piece, self._flush_next))
        self._pending_bytes += len(piece)
        self._flush_next = False
        self._push()
        return len(piece)

    def flush(self) -> None:
        """Let the head leave if nothing was written yet; all that was written leaves without it.

        Raises:
            OSError: the client has gone.
        """
        self._check(0)
        if self._pending:
            self._pending[-1] = (self._pending[-1][0], True)
        else:
            self._flush_next = True
        self._push()

    async def drain(self) -> None:
        """Wait, in an async handler, until all that was written has left.

        Raises:
            OSError: the client has gone.
        """

    def get_body(self) -> bytes:
        """What was written and has not left."""
        return b"".join(piece for piece, _ in self._pending)

    def get_pending_writes(self) -> list[tuple[bytes, bool]]:
        """What was written and has not left, each piece with whether it is flushed."""
        return list(self._pending)

    def clear_pending_writes(self) -> None:
        """Drop what was written and has not left."""
        self._pending_bytes -= sum(len(piece) for piece, _ in self._pending)
        self._pending.clear()

    def _write_default_head(self) -> None:
        if not self._head_written:
            self.write_header(200 if self.status_code is None else self.status_code)

    def _may_change_headers(self, name: str) -> bool:
        if self._head_written:
            logger.warning("header %s set after the response was begun: ignored", name)
        return not self._head_written

    def _check(self, size: int) -> None:
        """Raise what forbids to write `size` bytes more."""

    def _push(self) -> None:
        """Let what is pending leave."""


class BlockingWriter(HTTPResponseWriter):
    """The writer of a handler in a thread: a write returns when the client's side has taken it."""

    def __init__(self, send: Send, bridge: ThreadBridge) -> None:
        super().__init__()
        self.sender = ResponseSender(self, send)
        self._bridge = bridge

    def _push(self) -> None:
        self._bridge.run(self.sender.send_pending())


class QueueingWriter(HTTPResponseWriter):
    """The writer of an async handler: what is written is sent beside the handler."""

    def __init__(self, send: Send) -> None:
        super().__init__()
        self.sender = ResponseSender(self, send)
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task = asyncio.create_task(self._send_as_written())

    async def drain(self) -> None:
        """Wait until all that was written has left, or the client has gone."""
        idle = asyncio.create_task(self._idle.wait())
        try:
            await asyncio.wait((idle, self._task), return_when=asyncio.FIRST_COMPLETED)
        finally:
            idle.cancel()
        self._check(0)

    async def wait_sent(self) -> None:
        """Wait until what has begun to leave has left."""
        if self.sender.started:
            await self.drain()

    async def close(self) -> None:
        """Stop sending beside the handler."""
        self._task.cancel()
        await asyncio.wait((self._task,))
        if not self._task.cancelled():
            self._task.exception()  # the handler has seen it, or did not write after it

    def _check(self, size: int) -> None:
        if self._task.done() and not self._task.cancelled() and (error := self._task.exception()):
            raise error
        if self._pending_bytes + size > MAX_QUEUED:
            raise BufferError(
                f"{self._pending_bytes} bytes wait for a slow client and {size} more would be above {MAX_QUEUED}:"
                " use `await response_writer.drain()` between writes"
            )

    def _push(self) -> None:
        self._idle.clear()
        self._news.set()

    async def _send_as_written(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            await self.sender.send_pending()
            if not self._news.is_set():
                self._idle.set()


class ResponseSender:
    """Sends what a writer holds as ASGI messages."""

    def __init__(self, writer: HTTPResponseWriter, send: Send) -> None:
        self._writer = writer
        self._send = send
        self.started = False

    async def send_pending(self) -> None:
        """The head, if it was not sent, and all that was written."""
        await self._start()
        while self._writer._pending:
            piece, _ = self._writer._pending.popleft()
            for start in range(0, len(piece), HTTPResponseWriter.MAX_CHUNK_SIZE):
                await self._send_body(piece[start : start + HTTPResponseWriter.MAX_CHUNK_SIZE], more=True)
            self._writer._pending_bytes -= len(piece)

    async def finish(self) -> None:
        """What is left, and the end; a response that is known as a whole gets its length."""
        if not self.started:
            self._writer._write_default_head()
            self._declare_length()
        await self.send_pending()
        await self._send_body(b"", more=False)

    def _declare_length(self) -> None:
        writer = self._writer
        named = {name.lower() for name in writer.headers}
        if writer.status_code not in BODILESS_STATUSES and not named & {"content-length", "transfer-encoding"}:
            writer.headers["Content-Length"] = [str(writer._pending_bytes)]

    async def _start(self) -> None:
        if self.started:
            return
        self._writer._write_default_head()
        headers = encode_headers(self._writer.headers)
        self.started = True
        await self._send({"type": "http.response.start", "status": self._writer.status_code, "headers": headers})

    async def _send_body(self, data: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": more})


def canonical_name(name: str) -> str:
    """A header's name as Go writes it: `Content-Type`."""
    return "-".join(word.capitalize() for word in name.split("-"))


def encode_headers(headers: Mapping[str, list[str] | str]) -> list[tuple[bytes, bytes]]:
    """Names and values as ASGI has them; a string instead of a list is one value."""
    encoded = []
    for name, values in headers.items():
        for value in [values] if isinstance(values, str) else values:
            encoded.append((name.lower().encode(), str(value).encode()))
    return encoded
