"""Server-sent events: a page that shows the time as the plugin tells it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from mattermost_plugin import Plugin, run_plugin
from mattermost_plugin.routing import get
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import HTMLResponse

PAGE = Path(__file__).with_name("page.html").read_text(encoding="utf-8")


class TemplatePlugin(Plugin):
    @get("/")
    async def page(self, request: Request) -> HTMLResponse:
        return HTMLResponse(PAGE)

    @get("/events")
    async def events(self, request: Request) -> EventSourceResponse:
        return EventSourceResponse(ticks())  # with pings, and to its end when the client goes


async def ticks() -> AsyncIterator[ServerSentEvent]:
    number = 0
    while True:
        number += 1
        yield ServerSentEvent(datetime.now(UTC).isoformat(timespec="seconds"), id=str(number), event="tick")
        await asyncio.sleep(1)


if __name__ == "__main__":
    run_plugin(TemplatePlugin)
