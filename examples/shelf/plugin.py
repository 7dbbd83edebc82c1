"""A shelf for files with a chat beside it: what docs/building-a-plugin.md builds, step by step."""

from __future__ import annotations

from pathlib import Path

from mattermost_plugin import run_plugin
from mattermost_plugin.routing import get
from starlette.requests import Request
from starlette.responses import FileResponse

from shelf.chat import Chat
from shelf.commands import Commands
from shelf.tidying import Tidying

PAGE = Path(__file__).with_name("page.html")


class Shelf(Chat, Commands, Tidying):
    """All parts, and the page that shows them."""

    @get("/")
    async def page(self, request: Request) -> FileResponse:
        """The page for browsers."""
        return FileResponse(PAGE)


if __name__ == "__main__":
    run_plugin(Shelf)
