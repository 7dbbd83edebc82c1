"""A plugin that does what a test asks of it, well or badly."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from mattermost_plugin import HookName, Plugin, hook, run_plugin
from mattermost_plugin.routing import get, post, websocket

PIECE = b"x" * 65536


class EventStream:
    """An ASGI application that sends one event and waits for the end of its client."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"data: hello\n\n", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass


print("printed at import")


class Subject(Plugin):
    """State that a test can ask for, and every kind of trouble."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.pace = asyncio.Semaphore(0)

    @hook(HookName.OnConfigurationChange)
    def configured(self) -> None:
        self.seen.append("OnConfigurationChange")

    @hook(HookName.OnActivate)
    def activated(self) -> None:
        self.seen.append("OnActivate")

    @hook(HookName.OnDeactivate)
    def deactivated(self) -> None:
        if note := os.environ.get("SUBJECT_NOTE"):
            Path(note).write_text("OnDeactivate")

    @get("/pid")
    async def pid(self, request: Request) -> JSONResponse:
        return JSONResponse(os.getpid())

    @get("/seen")
    async def what_was_seen(self, request: Request) -> JSONResponse:
        return JSONResponse(self.seen)

    @get("/environment")
    async def environment(self, request: Request) -> JSONResponse:
        return JSONResponse(dict(os.environ))

    @get("/bytes")
    async def some_bytes(self, request: Request) -> StreamingResponse:
        count = int(request.query_params["n"])

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(count // len(PIECE)):
                yield PIECE
            yield PIECE[: count % len(PIECE)]

        return StreamingResponse(pieces(), headers={"content-length": str(count)})

    @post("/digest")
    async def digest(self, request: Request) -> JSONResponse:
        digest, count = hashlib.sha256(), 0
        async for piece in request.stream():
            digest.update(piece)
            count += len(piece)
        return JSONResponse({"bytes": count, "sha256": digest.hexdigest()})

    @post("/echo")
    async def echo(self, request: Request) -> StreamingResponse:
        return StreamingResponse(request.stream())

    @get("/events")
    async def events(self, request: Request) -> StreamingResponse:
        return self._ticks("events")

    @get("/pace")
    async def let_one_go(self, request: Request) -> JSONResponse:
        """Let one more event of `/paced` happen."""
        self.pace.release()
        return JSONResponse(None)

    @get("/paced")
    async def paced(self, request: Request) -> StreamingResponse:
        async def events() -> AsyncIterator[str]:
            for number in itertools.count():
                await self.pace.acquire()
                yield f"data: {number}\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")

    @get("/listening")
    async def listening(self, request: Request) -> EventStream:
        """Rare events, and a look out for the client's leaving, as libraries for server-sent events keep it."""
        return EventStream()

    @get("/farewell")
    async def farewell(self, request: Request) -> StreamingResponse:
        """Events until the server is about to stop, and then a last one."""
        stopping = request.scope["extensions"]["servehttp.stopping"]["event"]

        async def events() -> AsyncIterator[str]:
            yield "data: hello\n\n"
            await stopping.wait()
            yield "data: goodbye\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")

    def _ticks(self, name: str) -> StreamingResponse:
        async def ticks() -> AsyncIterator[str]:
            self.seen.append(f"{name} begun")
            try:
                for number in range(1_000_000):
                    yield f"data: {number}\n\n"
                    await asyncio.sleep(0.05)
            finally:
                self.seen.append(f"{name} ended")

        return StreamingResponse(ticks(), media_type="text/event-stream")

    @post("/swallow")
    async def swallow(self, request: Request) -> StreamingResponse:
        """Never reads the request, and answers a little now and then."""
        return self._ticks("swallow")

    @get("/watch")
    async def watch(self, request: Request) -> PlainTextResponse:
        """Answers nothing until the client has gone."""
        self.seen.append("watch begun")
        while not await request.is_disconnected():
            await asyncio.sleep(0.01)
        self.seen.append("watch ended")
        return PlainTextResponse("")

    @get("/die")
    async def die(self, request: Request) -> PlainTextResponse:
        print("last words", file=sys.stderr, flush=True)
        os._exit(7)

    @get("/crash")
    async def crash(self, request: Request) -> PlainTextResponse:
        signal.raise_signal(signal.SIGSEGV)
        return PlainTextResponse("still here")

    @get("/flood")
    def flood(self, request: Request) -> PlainTextResponse:
        for _ in range(int(request.query_params["n"]) // len(PIECE)):
            os.write(2, PIECE)
        return PlainTextResponse("flooded")

    @get("/print")
    async def say(self, request: Request) -> PlainTextResponse:
        print(request.query_params["text"])
        self.logger.warning("logged %s", request.query_params["text"])
        return PlainTextResponse("said")

    @websocket("/ws")
    async def talk(self, ws: WebSocket) -> None:
        await ws.accept()
        async for text in ws.iter_text():
            await ws.send_text(text)


if __name__ == "__main__":
    run_plugin(Subject)
