"""One route and the lifecycle hooks: the least that a plugin needs, and the place where it starts and ends."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse

from mattermost_plugin import HookName, Plugin, hook, run_plugin
from mattermost_plugin.routing import get


class Hello(Plugin):
    """Greets whoever is named in the path."""

    @hook(HookName.OnActivate)
    async def on_activate(self) -> None:
        self.logger.info("ready to greet")

    @hook(HookName.OnDeactivate)
    async def on_deactivate(self) -> None:
        self.logger.info("goodbye")

    @get("/")
    async def index(self, request: Request) -> RedirectResponse:
        return RedirectResponse("hello/world")

    @get("/hello/{name}")
    async def hello(self, request: Request) -> JSONResponse:
        return JSONResponse({"hello": request.path_params["name"]})


if __name__ == "__main__":
    run_plugin(Hello)
