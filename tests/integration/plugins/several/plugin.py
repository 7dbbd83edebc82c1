"""A plugin that runs several times and tells which of its processes did what.

What happens is a line in the file SEVERAL_NOTES, `PID REPLICA WHAT`, written before anything else is done about it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.websockets import WebSocket

from mattermost_plugin import HookName, Plugin, hook, run_plugin
from mattermost_plugin.models import PluginClusterEvent, PluginContext, User
from mattermost_plugin.routing import get, post, websocket

REPLICA = os.environ["MATTERMOST_PLUGIN_REPLICA"]
NOTES = os.environ.get("SEVERAL_NOTES", os.devnull)


def note(what: str) -> None:
    with open(NOTES, "a") as notes:
        notes.write(f"{os.getpid()} {REPLICA} {what}\n")


class Several(Plugin):
    """The same in every process, but for its number."""

    @hook(HookName.OnActivate)
    def activated(self) -> None:
        note("OnActivate")

    @hook(HookName.OnDeactivate)
    def deactivated(self) -> None:
        note("OnDeactivate")

    @hook(HookName.OnConfigurationChange)
    def configured(self) -> None:
        note("OnConfigurationChange")

    @hook(HookName.OnInstall)
    def installed(self, context: PluginContext, event: object) -> None:
        note("OnInstall")

    @hook(HookName.UserHasBeenCreated)
    def created(self, context: PluginContext, user: User) -> None:
        note(f"UserHasBeenCreated {user.username}")

    @hook(HookName.OnPluginClusterEvent)
    def heard(self, context: PluginContext, event: PluginClusterEvent) -> None:
        note(f"OnPluginClusterEvent {event.id}")

    @get("/who")
    async def who(self, request: Request) -> JSONResponse:
        return JSONResponse([os.getpid(), int(REPLICA)])

    @get("/work")
    async def work(self, request: Request) -> JSONResponse:
        """Takes a few milliseconds."""
        note(request.query_params["id"])
        await asyncio.sleep(0.01)
        return JSONResponse(os.getpid())

    @get("/events")
    async def events(self, request: Request) -> StreamingResponse:
        async def ticks() -> AsyncIterator[str]:
            while True:
                yield f"data: {os.getpid()}\n\n"
                await asyncio.sleep(0.02)

        return StreamingResponse(ticks(), media_type="text/event-stream")

    @websocket("/ws")
    async def talk(self, ws: WebSocket) -> None:
        await ws.accept()
        async for _ in ws.iter_text():
            await ws.send_text(str(os.getpid()))

    @post("/publish")
    async def publish(self, request: Request) -> JSONResponse:
        event, node = request.query_params["event"], request.query_params.get("node", "")
        await self.async_api.publish_plugin_cluster_event(event, b"", target_id=node)
        return JSONResponse(int(REPLICA))

    @post("/count")
    async def count(self, request: Request) -> JSONResponse:
        """How often it was asked, in all processes."""
        while True:
            before = await self.async_api.kv_get("count")
            after = str(int(before or b"0") + 1).encode()
            if await self.async_api.kv_compare_and_set("count", before, after):
                return JSONResponse([int(after), int(REPLICA)])


if __name__ == "__main__":
    run_plugin(Several)
