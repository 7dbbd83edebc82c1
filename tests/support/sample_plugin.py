"""A plugin for the tests of what tests plugins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.websockets import WebSocket

from mattermost_plugin import HookName, Plugin, hook
from mattermost_plugin.models import CommandArgs, CommandResponse, FileInfo, PluginContext, Post, User
from mattermost_plugin.routing import get, post, websocket


class Sample(Plugin):
    """A bit of everything."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.left = asyncio.Event()

    @hook(HookName.OnActivate)
    async def on_activate(self) -> None:
        self.seen.append("activated")

    @hook(HookName.OnDeactivate)
    async def on_deactivate(self) -> None:
        self.seen.append("deactivated")

    @hook(HookName.MessageWillBePosted)
    async def check(self, context: PluginContext, post: Post) -> tuple[Post | None, str]:
        if "damn" in post.message:
            return None, "Mind your language."
        if post.message.isupper():
            return replace(post, message=post.message.lower()), ""
        return post, ""

    @hook(HookName.FileWillBeUploaded)
    async def shorten(self, context: PluginContext, info: FileInfo, content: bytes) -> tuple[None, bytes]:
        return None, content[:3]

    @hook(HookName.MessagesWillBeConsumed)
    async def hide(self, posts: list[Post]) -> list[Post]:
        return [post for post in posts if post.message != "secret"]

    @hook(HookName.ExecuteCommand)
    def execute(self, context: PluginContext, args: CommandArgs) -> CommandResponse:
        return CommandResponse(text=f"{args.command} for {self.api.get_user(args.user_id).username}")

    @hook(HookName.UserHasBeenCreated)
    async def welcome(self, context: PluginContext, user: User) -> None:
        self.seen.append(user.username)

    @hook(HookName.UserWillLogIn)
    async def let_in(self, context: PluginContext, user: User) -> None:
        raise RuntimeError("the door is jammed")

    @get("/who")
    async def who(self, request: Request) -> JSONResponse:
        return JSONResponse({"user": request.headers.get("mattermost-user-id"), "root": request.scope["root_path"]})

    @post("/form")
    async def form(self, request: Request) -> JSONResponse:
        async with request.form() as form:
            fields = {
                name: value
                if isinstance(value, str)
                else [value.filename, value.content_type, (await value.read()).decode()]
                for name, value in form.items()
            }
        return JSONResponse(fields)

    @get("/users/{name}")
    async def user(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse((await self.async_api.get_user_by_username(request.path_params["name"])).id)

    @get("/ticks")
    async def ticks(self, request: Request) -> StreamingResponse:
        return StreamingResponse(self._tick(), media_type="text/event-stream")

    async def _tick(self) -> AsyncIterator[bytes]:
        number = 0
        try:
            while True:
                number += 1
                yield b"id: %d\nevent: tick\ndata: %d\n\n" % (number, number)
        finally:
            self.seen.append(f"{number} ticks")

    @get("/breaks")
    async def breaks(self, request: Request) -> StreamingResponse:
        async def body() -> AsyncIterator[bytes]:
            yield b"half"
            raise RuntimeError("no more")

        return StreamingResponse(body())

    @get("/hangs")
    async def hangs(self, request: Request) -> PlainTextResponse:
        await request.is_disconnected()
        while (await request.receive())["type"] != "http.disconnect":
            pass
        self.left.set()
        return PlainTextResponse("too late")

    @post("/echo")
    async def echo(self, request: Request) -> StreamingResponse:
        return StreamingResponse(request.stream())

    @post("/refuses")
    async def refuses(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse("too much", 413)

    @websocket("/ws")
    async def talk(self, ws: WebSocket) -> None:
        if "refuse" in ws.query_params:
            await ws.close()
            return
        await ws.accept(subprotocol=ws.scope["subprotocols"][0] if ws.scope["subprotocols"] else None)
        while (message := await ws.receive())["type"] == "websocket.receive":
            if message.get("text") == "bye":
                await ws.close(4000, "bye")
                return
            await ws.send({**message, "type": "websocket.send"})
        self.seen.append(f"closed {message['code']}")
