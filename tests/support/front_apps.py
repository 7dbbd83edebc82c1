"""Applications to put behind a front."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from support.fronts import Stage
from support.patience import PATIENCE

Play = Callable[..., AbstractAsyncContextManager[Stage]]
"""Puts an application behind a front."""

SOON = PATIENCE
"""Seconds within which what a test waits for has to happen."""


def app(endpoint: Callable[[Request], Any], methods: tuple[str, ...] = ("GET", "POST")) -> Starlette:
    """An application that answers every path in one way."""
    return Starlette(routes=[Route("/{rest:path}", endpoint, methods=methods)])


async def describe(request: Request) -> Response:
    """Answers with what it sees of the request."""
    scope = request.scope
    return JSONResponse(
        {
            "method": scope["method"],
            "path": scope["path"],
            "raw_path": scope["raw_path"].decode(),
            "query": scope["query_string"].decode(),
            "root_path": scope["root_path"],
            "client": scope["client"],
            "scheme": scope["scheme"],
            "headers": [[name.decode(), value.decode()] for name, value in scope["headers"]],
            "body": (await request.body()).decode(),
        }
    )


async def echo(request: Request) -> Response:
    """Sends the body back while it comes."""
    return StreamingResponse(request.stream())


async def hashed(request: Request) -> Response:
    """Answers with the SHA-256 of the whole body."""
    return PlainTextResponse(hashlib.sha256(await request.body()).hexdigest())
