"""A plugin that takes part in the workspace: it asks the API and has hooks, and tells what it has seen."""

from __future__ import annotations

import os
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from mattermost_plugin import HookName, Plugin, hook, run_plugin
from mattermost_plugin.models import User
from mattermost_plugin.routing import get, post


class Member(Plugin):
    """Keeps what it has seen."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    @hook(HookName.OnActivate)
    def activated(self) -> None:
        starts = int(self.api.kv_get("starts") or b"0") + 1
        self.api.kv_set("starts", b"%d" % starts)
        self.seen.append("OnActivate")
        self.api.create_user(User(username=f"made-{starts}", email=f"made-{starts}@example.com", password="Passw0rd!"))

    @hook(HookName.OnInstall)
    def installed(self, context: Any, event: Any) -> None:
        self.seen.append("OnInstall")

    @hook(HookName.UserHasBeenCreated)
    def user_created(self, context: Any, user: User) -> None:
        self.seen.append(f"UserHasBeenCreated {user.username}")

    @get("/seen")
    async def what_was_seen(self, request: Request) -> JSONResponse:
        return JSONResponse(self.seen)

    @get("/starts")
    async def starts(self, request: Request) -> JSONResponse:
        return JSONResponse(int(await self.async_api.kv_get("starts") or b"0"))

    @post("/values/{key}")
    async def keep(self, request: Request) -> JSONResponse:
        await self.async_api.kv_set(request.path_params["key"], await request.body())
        return JSONResponse(None)

    @get("/values/{key}")
    async def kept(self, request: Request) -> JSONResponse:
        value = await self.async_api.kv_get(request.path_params["key"])
        return JSONResponse(None if value is None else value.decode())

    @get("/api")
    async def api_address(self, request: Request) -> JSONResponse:
        names = ("MATTERMOST_PLUGIN_API_TARGET", "MATTERMOST_PLUGIN_API_TOKEN")
        return JSONResponse([os.environ.get(name) for name in names])

    @get("/other/{id}/{path:path}")
    async def ask_another(self, request: Request) -> JSONResponse:
        url = f"/{request.path_params['id']}/{request.path_params['path']}?{request.url.query}"
        status, headers, body = await self.async_api.plugin_http("POST", url, {"X-From": "member"}, b"content")
        return JSONResponse([status, headers.get("content-type"), body.decode()])

    @get("/pid")
    async def pid(self, request: Request) -> JSONResponse:
        return JSONResponse(os.getpid())

    @get("/me")
    @post("/me")
    async def who_asks(self, request: Request) -> JSONResponse:
        names = ("mattermost-user-id", "authorization", "cookie")
        return JSONResponse(
            {name: request.headers.get(name) for name in names}
            | {"query": request.url.query, "body": (await request.body()).decode()}
        )


if __name__ == "__main__":
    run_plugin(Member)
