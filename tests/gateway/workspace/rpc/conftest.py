"""The plugin API of a workspace, and the SDK's clients connected to it."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mattermost_plugin import AsyncPluginAPIClient
from servehttp.workspace.rpc.server import Endpoint
from servehttp.workspace.workspace import Workspace
from support.call_ways import WAYS, going

PLUGIN_ID = "com.example.me"


@pytest.fixture
async def endpoint(ws: Workspace) -> AsyncIterator[Endpoint]:
    with tempfile.TemporaryDirectory() as folder:  # a short path: that of a socket has few characters
        endpoint = await Endpoint.on_socket(ws, PLUGIN_ID, Path(folder, "api"))
        yield endpoint
        await endpoint.close()


@pytest.fixture(params=WAYS)
async def api(endpoint: Endpoint, request: pytest.FixtureRequest) -> AsyncIterator[AsyncPluginAPIClient]:
    """What a plugin has as `self.async_api`, by either way."""
    with going(request.param):
        async with AsyncPluginAPIClient(endpoint.target) as client:
            yield client
