"""The application in Litestar."""

from __future__ import annotations

from typing import Any

from litestar import Litestar, Request, get, post
from litestar.response import Stream

from support.applications import pieces


@get("/items/{id:int}", name="item")
async def item(request: Request[Any, Any, Any]) -> dict[str, int | str]:
    return {"id": request.path_params["id"], "query": request.query_params["q"]}


@get("/link")
async def link(request: Request[Any, Any, Any]) -> dict[str, str]:
    return {"link": request.url_for("item", id=7).removeprefix("http://example.com")}


@get("/stream")
async def stream() -> Stream:
    return Stream(pieces())


@post("/count", status_code=200)
async def count(request: Request[Any, Any, Any]) -> dict[str, int]:
    return {"bytes": sum([len(piece) async for piece in request.stream()])}


app = Litestar([item, link, stream, count])
