"""Uploads of any size: each is stored while it comes in, and none is held in memory."""

import tempfile
from pathlib import Path

from mattermost_plugin import Plugin, run_plugin
from mattermost_plugin.forms import FormLimits, stream_form
from mattermost_plugin.routing import get, post
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse

PAGE = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
LIMITS = FormLimits(parts=20, file_size=10 * 1024**3)


class TemplatePlugin(Plugin):
    folder = Path(tempfile.gettempdir())
    """Where files go. Not the plugin's own folder, which is replaced when the plugin is installed anew."""

    @get("/")
    async def page(self, request: Request) -> HTMLResponse:
        return HTMLResponse(PAGE)

    @post("/files")
    async def upload(self, request: Request) -> JSONResponse:
        stored: list[dict[str, object]] = []
        async for part in stream_form(request, LIMITS):
            if part.filename:
                # A client may say any name, so it is none of a file here.
                size = await part.save(self.folder / f"com.example.template-{len(stored)}")
                stored.append({"name": part.filename, "size": size})
        return JSONResponse({"files": stored})


if __name__ == "__main__":
    run_plugin(TemplatePlugin)
