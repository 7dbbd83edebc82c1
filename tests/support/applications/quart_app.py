"""The application in Quart."""

from __future__ import annotations

from quart import Quart, Response, request, url_for

from support.applications import pieces

app = Quart(__name__)


@app.get("/items/<int:id>")
async def item(id: int) -> dict[str, int | str]:
    return {"id": id, "query": request.args["q"]}


@app.get("/link")
async def link() -> dict[str, str]:
    return {"link": url_for("item", id=7)}


@app.get("/stream")
async def stream() -> Response:
    return Response(pieces())


@app.post("/count")
async def count() -> dict[str, int]:
    return {"bytes": sum([len(piece) async for piece in request.body])}
