"""A chat: what one says, all who are connected hear."""

from pathlib import Path

from mattermost_plugin import Plugin, run_plugin
from mattermost_plugin.routing import get, websocket
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

PAGE = Path(__file__).with_name("page.html").read_text(encoding="utf-8")


class TemplatePlugin(Plugin):
    @get("/")
    async def page(self, request: Request) -> HTMLResponse:
        return HTMLResponse(PAGE)

    @websocket("/chat")
    async def chat(self, ws: WebSocket) -> None:
        await ws.accept()
        connected.add(ws)
        try:
            async for text in ws.iter_text():
                await tell_all(text)
        finally:
            connected.discard(ws)


connected: set[WebSocket] = set()


async def tell_all(text: str) -> None:
    for ws in list(connected):
        try:
            await ws.send_text(text)
        except (WebSocketDisconnect, RuntimeError):  # it has gone meanwhile
            connected.discard(ws)


if __name__ == "__main__":
    run_plugin(TemplatePlugin)
