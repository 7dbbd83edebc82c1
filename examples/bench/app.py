"""A plain Starlette application to measure. It knows nothing of plugins: any ASGI server can run it as it is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

CHUNK = bytes(64 * 1024)


async def read_json(request: Request) -> JSONResponse:
    """17 bytes of JSON."""
    return JSONResponse({"hello": "world"})


async def read_bytes(request: Request) -> StreamingResponse:
    """`n` bytes."""
    n = int(request.query_params["n"])
    return StreamingResponse(zeros(n), media_type="application/octet-stream", headers={"content-length": str(n)})


async def upload(request: Request) -> JSONResponse:
    """How many bytes the body has."""
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return JSONResponse({"bytes": size})


async def sse(request: Request) -> StreamingResponse:
    """`n` server-sent events, as fast as they are taken."""
    n = int(request.query_params["n"])
    return StreamingResponse(events(n), media_type="text/event-stream", headers={"cache-control": "no-cache"})


async def clock(request: Request) -> StreamingResponse:
    """`n` server-sent events, `interval` seconds apart, each with the time at which it was made."""
    n, interval = int(request.query_params["n"]), float(request.query_params["interval"])
    return StreamingResponse(times(n, interval), media_type="text/event-stream", headers={"cache-control": "no-cache"})


async def burn(request: Request) -> JSONResponse:
    """`ms` milliseconds of CPU, during which the process does nothing else."""
    end = time.thread_time_ns() + int(float(request.query_params["ms"]) * 1e6)
    turns = 0
    while time.thread_time_ns() < end:
        turns += 1
    return JSONResponse({"turns": turns})


async def echo(ws: WebSocket) -> None:
    """Sends every message back."""
    await ws.accept()
    while (message := await ws.receive())["type"] == "websocket.receive":
        await ws.send({"type": "websocket.send", "text": message.get("text"), "bytes": message.get("bytes")})


async def zeros(n: int) -> AsyncIterator[bytes]:
    """`n` bytes in chunks."""
    for sent in range(0, n, len(CHUNK)):
        yield CHUNK[: n - sent]


async def events(n: int) -> AsyncIterator[str]:
    """`n` events."""
    for number in range(n):
        yield f"data: {number}\n\n"


async def times(n: int, interval: float) -> AsyncIterator[str]:
    """`n` events with nanoseconds on the clock that all processes of a machine share."""
    for _ in range(n):
        yield f"data: {time.monotonic_ns()}\n\n"
        await asyncio.sleep(interval)


app = Starlette(
    routes=[
        Route("/json", read_json),
        Route("/bytes", read_bytes),
        Route("/upload", upload, methods=["POST"]),
        Route("/sse", sse),
        Route("/clock", clock),
        Route("/burn", burn),
        WebSocketRoute("/ws", echo),
    ]
)
