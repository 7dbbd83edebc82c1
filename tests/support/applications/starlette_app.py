"""The application in Starlette."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from support.applications import pieces


async def item(request: Request) -> Response:
    return JSONResponse({"id": request.path_params["id"], "query": request.query_params["q"]})


async def link(request: Request) -> Response:
    return JSONResponse({"link": request.url_for("item", id=7).path})


async def stream(request: Request) -> Response:
    return StreamingResponse(pieces())


async def count(request: Request) -> Response:
    return JSONResponse({"bytes": sum([len(piece) async for piece in request.stream()])})


app = Starlette(
    routes=[
        Route("/items/{id:int}", item),
        Route("/link", link),
        Route("/stream", stream),
        Route("/count", count, methods=["POST"]),
    ]
)
