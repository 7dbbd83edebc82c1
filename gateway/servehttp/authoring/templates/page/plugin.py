"""A page, and what it asks the plugin for."""

from pathlib import Path

from mattermost_plugin import Plugin, run_plugin
from mattermost_plugin.routing import get
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse

PAGE = Path(__file__).with_name("page.html").read_text(encoding="utf-8")


class TemplatePlugin(Plugin):
    @get("/")
    async def page(self, request: Request) -> HTMLResponse:
        return HTMLResponse(PAGE)

    @get("/greeting")
    async def greeting(self, request: Request) -> JSONResponse:
        name = request.query_params.get("name") or "world"
        return JSONResponse({"greeting": f"Hello, {name}!"})


if __name__ == "__main__":
    run_plugin(TemplatePlugin)
