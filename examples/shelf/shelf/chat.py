"""People talk about what lies on the shelf."""

from __future__ import annotations


from mattermost_plugin import current_user
from mattermost_plugin.routing import websocket
from starlette.websockets import WebSocket

from shelf.base import Announcements, ShelfBase

LONGEST = 500
"""Characters of what is said at once."""


class Chat(ShelfBase):
    """A WebSocket for everybody who talks."""

    def __init__(self) -> None:
        super().__init__()
        self.said = Announcements()

    @websocket("/chat")
    async def chat(self, ws: WebSocket) -> None:
        """Tell all what one says, and one what all say."""
        user = await current_user()
        name = user.username if user else "somebody"
        await ws.accept()
        hearing = self.tasks.start(self._hear(ws))
        try:
            async for text in ws.iter_text():
                if said := text.strip()[:LONGEST]:
                    self.said.tell(name=name, text=said)
        finally:
            hearing.cancel()

    async def _hear(self, ws: WebSocket) -> None:
        async for event in self.said.listen():
            await ws.send_text(event)
