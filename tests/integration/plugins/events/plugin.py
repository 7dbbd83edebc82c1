"""Server-sent events by sse-starlette, as the guide and the template have them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import JSONResponse

from mattermost_plugin import Plugin, run_plugin
from mattermost_plugin.routing import get


class Events(Plugin):
    """Streams that say one thing and then wait; who waits is counted."""

    waiting = 0

    @get("/rare")
    async def rare(self, request: Request) -> EventSourceResponse:
        return EventSourceResponse(self._one("rare"), ping=0.05)

    @get("/silent")
    async def silent(self, request: Request) -> EventSourceResponse:
        return EventSourceResponse(self._one("silent"), ping=0)

    @get("/farewell")
    async def farewell(self, request: Request) -> EventSourceResponse:
        """Says goodbye when the plugin is about to stop."""
        return EventSourceResponse(self._until(request.scope["extensions"]["servehttp.stopping"]["event"]))

    @get("/waiting")
    async def count(self, request: Request) -> JSONResponse:
        return JSONResponse(self.waiting)

    async def _one(self, name: str) -> AsyncIterator[ServerSentEvent]:
        self.waiting += 1
        try:
            yield ServerSentEvent("begun", event=name, id="1")
            await asyncio.Event().wait()
        finally:
            self.waiting -= 1
            self.logger.info("%s ended", name)

    async def _until(self, stopping: asyncio.Event) -> AsyncIterator[ServerSentEvent]:
        yield ServerSentEvent("hello")
        await stopping.wait()
        yield ServerSentEvent("goodbye")


if __name__ == "__main__":
    run_plugin(Events)
