"""Hooks and routes that do next to nothing, so that what a host measures with them is the way there and back."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse

from mattermost_plugin import HookName, Plugin, hook, run_plugin
from mattermost_plugin.routing import get, post


class Wire(Plugin):
    """Takes a hook, answers a request, sends a body back."""

    @hook(HookName.OnConfigurationChange)
    async def on_configuration_change(self) -> None:
        """Nothing to do."""

    @get("/json")
    async def read_json(self, request: Request) -> JSONResponse:
        """17 bytes of JSON."""
        return JSONResponse({"hello": "world"})

    @post("/echo")
    async def echo(self, request: Request) -> StreamingResponse:
        """The body, as it comes."""
        return StreamingResponse(request.stream(), media_type="application/octet-stream")


if __name__ == "__main__":
    run_plugin(Wire)
