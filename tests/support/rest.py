"""A client of the REST API for tests."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import uvicorn

from mattermost_plugin.models import User


class Client:
    """A client of the REST API, which may be logged in."""

    def __init__(self, http: httpx2.AsyncClient, user: User, token: str = "") -> None:
        self.user = user
        self.token = token
        self.http = http

    async def __call__(
        self, method: str, path: str, *, headers: Mapping[bytes, bytes] | None = None, **options: Any
    ) -> httpx2.Response:
        sent = {b"Authorization": f"Bearer {self.token}".encode()} if self.token else {}
        return await self.http.request(method, f"/api/v4{path}", headers={**sent, **(headers or {})}, **options)

    async def ok(self, method: str, path: str, **options: Any) -> Any:
        """The JSON of an answer, which has to be a good one."""
        response = await self(method, path, **options)
        assert response.status_code < 300, response.text
        return response.json()


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[int]:
    """Serve an ASGI application on this loop; gives the port on 127.0.0.1."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="websockets-sansio"))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task
