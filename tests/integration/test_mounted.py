"""The gateway inside another application, as docs/deployment.md shows it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from servehttp import Settings, create_app
from support.client import fetch
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

SUBJECT = Path(__file__).parent / "plugins" / "subject"


async def test_a_mounted_gateway_starts_serves_and_stops_its_plugins() -> None:
    gateway = create_app(Settings.model_validate({"plugins": {"paths": [SUBJECT]}, "workspace": {"enabled": False}}))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with gateway:
            yield

    app = Starlette(routes=[Mount("/gateway", app=gateway)], lifespan=lifespan)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            async with asyncio.timeout(PATIENCE):
                while not server.started:
                    await asyncio.sleep(0.02)
                await gateway.wait_started()
            assert (await fetch(port, "/gateway/readyz")).status == 200
            answer = await fetch(port, "/gateway/plugins/com.example.subject/seen")
            assert answer.json() == ["OnConfigurationChange", "OnActivate"]
            assert (await fetch(port, "/plugins/com.example.subject/seen")).status == 404
        finally:
            server.should_exit = True
            await serving
    plugin = gateway.registry.get("com.example.subject")
    assert plugin is not None
    assert plugin.state.value == "stopped"
