"""The application in FastAPI."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from support.applications import pieces

app = FastAPI()


@app.get("/items/{id}")
async def item(id: int, q: str) -> dict[str, int | str]:
    return {"id": id, "query": q}


@app.get("/link")
async def link(request: Request) -> dict[str, str]:
    return {"link": request.url_for("item", id=7).path}


@app.get("/stream")
async def stream() -> StreamingResponse:
    return StreamingResponse(pieces())


@app.post("/count")
async def count(request: Request) -> dict[str, int]:
    return {"bytes": len(await request.body())}
