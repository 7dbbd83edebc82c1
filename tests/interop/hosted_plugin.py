"""The plugin that the contract's host runs: an application for each way in which an exchange can go."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

from starlette.responses import StreamingResponse

from mattermost_plugin import HookName, Plugin, hook, run_plugin
from mattermost_plugin.exchange import Headers
from mattermost_plugin.types import Receive, Scope, Send

SECRET = "the-password-is-swordfish"
events: list[str] = []
changed = asyncio.Condition()


async def note(event: str) -> None:
    async with changed:
        events.append(event)
        changed.notify_all()


async def start(send: Send, status: int = 200, headers: Headers = ()) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})


async def write(send: Send, data: bytes, more: bool = False) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": more})


async def send_json(send: Send, value: object) -> None:
    await start(send)
    await write(send, json.dumps(value).encode())


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    events.clear()
    try:
        await start(send)
        more = True
        while more:
            event = await receive()
            if event["type"] == "http.disconnect":
                break
            more = event["more_body"]
            await write(send, event["body"], more)
    except OSError:
        more = True
    if more:
        await note("disconnect")


async def upload(scope: Scope, receive: Receive, send: Send) -> None:
    events.clear()
    body = b""
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            await note("disconnect")
            return
        body += event["body"]
        if not event["more_body"]:
            break
    await note("complete")
    await send_json(send, {"size": len(body), "start": body[:20].decode()})


async def forever(scope: Scope, receive: Receive, send: Send) -> None:
    events.clear()
    with contextlib.suppress(OSError):
        await start(send)
        await write(send, b"first", more=True)
    while (await receive())["type"] != "http.disconnect":
        pass
    try:
        await write(send, b"more", more=True)
    except OSError:
        await note("send failed")
    await note("disconnect")


async def stubborn(scope: Scope, receive: Receive, send: Send) -> None:
    events.clear()
    try:
        await start(send)
        while True:
            await write(send, b"first", more=True)
            await asyncio.sleep(0.01)
    finally:
        await note("disconnect")


async def generated(scope: Scope, receive: Receive, send: Send) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"more"
                await asyncio.sleep(0.01)
        finally:
            await note("disconnect")

    events.clear()
    await StreamingResponse(pieces())(scope, receive, send)


async def last_events(scope: Scope, receive: Receive, send: Send) -> None:
    async with changed:
        await asyncio.wait_for(changed.wait_for(lambda: "disconnect" in events or "complete" in events), 60)
    await send_json(send, events)


async def describe(scope: Scope, receive: Receive, send: Send) -> None:
    shown = {key: scope[key] for key in ("method", "path", "root_path", "scheme", "http_version", "client", "server")}
    shown["raw_path"] = scope["raw_path"].decode()
    shown["query_string"] = scope["query_string"].decode()
    shown["headers"] = [[name.decode(), value.decode()] for name, value in scope["headers"]]
    await send_json(send, shown)


async def headers(scope: Scope, receive: Receive, send: Send) -> None:
    pairs = [(b"X-ONE", b"1"), (b"set-cookie", b"a=1"), (b"x-One", b"2"), (b"Set-Cookie", b"b=2"), (b"etag", b'"e"')]
    await start(send, 404, pairs)
    await write(send, b"body")


async def sized(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send, 200, [(b"content-length", b"4")])
    await write(send, b"body")


async def large(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send)
    await write(send, b"x" * (1024 * 1024 + 17))


async def fail_before(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError(SECRET)


async def fail_after(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send)
    await write(send, b"begun", more=True)
    raise ValueError(SECRET)


async def bad_status(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send, int(scope["query_string"]))
    await write(send, b"never seen")


async def bad_header(scope: Scope, receive: Receive, send: Send) -> None:
    await start(send, 200, [(b"x-evil", b"1\r\nset-cookie: stolen=1")])
    await write(send, b"never seen")


async def printing(scope: Scope, receive: Receive, send: Send) -> None:
    print("1|1|tcp|127.0.0.1:1|grpc")
    await send_json(send, "printed")


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    assert scope["type"] == "http"
    await globals()[scope["path"].removeprefix(scope["root_path"]).strip("/")](scope, receive, send)


class Sample(Plugin):
    app = application

    @hook(HookName.OnActivate)
    def activated(self) -> None:
        self.logger.info("activated")

    @hook(HookName.OnDeactivate)
    async def deactivated(self) -> None:
        raise RuntimeError("still busy")


if __name__ == "__main__":
    print("printed before the start")
    run_plugin(Sample)
