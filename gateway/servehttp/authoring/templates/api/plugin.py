"""A small JSON API: notes, kept in the plugin's key-value store."""

import json

from mattermost_plugin import Plugin, run_plugin
from mattermost_plugin.routing import delete, get, put
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

LONGEST = 10_000
"""Characters of a note."""


class TemplatePlugin(Plugin):
    @get("/")
    async def index(self, request: Request) -> JSONResponse:
        """The names of notes, at most a hundred."""
        return JSONResponse({"notes": await self.async_api.kv_list(page=0, per_page=100)})

    @put("/notes/{name}")
    async def write(self, request: Request) -> Response:
        try:
            text = (await request.json())["text"]
        except (ValueError, KeyError, TypeError):
            return problem(400, 'send {"text": "…"}')
        if not isinstance(text, str) or len(text) > LONGEST:
            return problem(400, f"a text has at most {LONGEST} characters")
        await self.async_api.kv_set(request.path_params["name"], json.dumps({"text": text}).encode())
        return Response(status_code=204)

    @get("/notes/{name}")
    async def read(self, request: Request) -> Response:
        note = await self.async_api.kv_get(request.path_params["name"])
        if note is None:
            return problem(404, "there is no such note")
        return Response(note, media_type="application/json")

    @delete("/notes/{name}")
    async def remove(self, request: Request) -> Response:
        await self.async_api.kv_delete(request.path_params["name"])
        return Response(status_code=204)


def problem(status: int, text: str) -> JSONResponse:
    return JSONResponse({"error": text}, status_code=status)


if __name__ == "__main__":
    run_plugin(TemplatePlugin)
