"""Responses, uploads and WebSockets that stream, and never hold more than a chunk in memory."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import TypeVar

from sse_starlette import EventSourceResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, StreamingResponse
from starlette.websockets import WebSocket

from mattermost_plugin import Plugin, run_plugin
from mattermost_plugin.routing import get, post, websocket

PAGE = Path(__file__).with_name("page.html")
CHUNK = bytes(64 * 1024)
MOST = 2**40
"""The highest `n`: ticks, or bytes."""
LONGEST_INTERVAL = 60.0
"""Seconds."""

Number = TypeVar("Number", int, float)


class Streaming(Plugin):
    """Streams in every direction that HTTP has."""

    @get("/")
    async def page(self, request: Request) -> FileResponse:
        return FileResponse(PAGE)

    @get("/ticks")
    async def ticks(self, request: Request) -> EventSourceResponse:
        """`n` server-sent events, or events without end, `interval` seconds apart."""
        n = query_number(request, "n", int, MOST) if "n" in request.query_params else None
        interval = query_number(request, "interval", float, LONGEST_INTERVAL, default="1")
        return EventSourceResponse(tick(itertools.count(1) if n is None else range(1, n + 1), interval), sep="\n")

    @post("/echo")
    async def echo(self, request: Request) -> StreamingResponse:
        """The request's body, each chunk as soon as it is here."""
        content_type = request.headers.get("content-type", "application/octet-stream")
        return StreamingResponse(request.stream(), headers={"content-type": content_type})

    @post("/digest")
    async def digest(self, request: Request) -> JSONResponse:
        """The size and SHA-256 of a body of any size."""
        size, sha256 = 0, hashlib.sha256()
        async for chunk in request.stream():
            size += len(chunk)
            sha256.update(chunk)
        return JSONResponse({"bytes": size, "sha256": sha256.hexdigest()})

    @get("/bytes")
    async def download(self, request: Request) -> StreamingResponse:
        """`n` bytes, all of them zero."""
        n = query_number(request, "n", int, MOST)
        return StreamingResponse(zeros(n), media_type="application/octet-stream", headers={"content-length": str(n)})

    @websocket("/ws")
    async def echo_messages(self, ws: WebSocket) -> None:
        """Each message back, text as text and binary as binary."""
        await ws.accept()
        while (message := await ws.receive())["type"] == "websocket.receive":
            if message.get("text") is not None:
                await ws.send_text(message["text"])
            else:
                await ws.send_bytes(message["bytes"])


async def tick(numbers: Iterable[int], interval: float) -> AsyncIterator[dict[str, object]]:
    """Each number as an event, with a pause between two."""
    for number in numbers:
        if number > 1:
            await asyncio.sleep(interval)
        yield {"id": str(number), "data": number}


async def zeros(n: int) -> AsyncIterator[bytes]:
    """`n` bytes in chunks."""
    for sent in range(0, n, len(CHUNK)):
        yield CHUNK[: n - sent]


def query_number(request: Request, name: str, kind: type[Number], most: Number, *, default: str = "") -> Number:
    """A number from 0 to `most` out of the query string.

    Raises:
        HTTPException: 400, because there is none.
    """
    text = request.query_params.get(name, default)
    try:
        number = kind(text)
    except ValueError:
        raise HTTPException(400, f"{name} has to be a number, and {text!r} is none.") from None
    if not 0 <= number <= most:
        raise HTTPException(400, f"{name} has to be from 0 to {most}, and {text} is not.")
    return number


if __name__ == "__main__":
    run_plugin(Streaming)
