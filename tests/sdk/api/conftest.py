"""A host, and both clients connected to it."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mattermost_plugin import AsyncPluginAPIClient, PluginAPIClient
from support.api_host import ApiHost, serving
from support.loops import one_loop

__all__ = ["one_loop"]


@pytest.fixture(scope="package")
def shared_host() -> Iterator[tuple[ApiHost, str]]:
    host = ApiHost()
    # A short path: that of a socket has few characters.
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder, "api.sock"), host) as target:
        yield host, target


@pytest.fixture
def host(shared_host: tuple[ApiHost, str]) -> ApiHost:
    """The host, which knows nothing of earlier tests."""
    host, _ = shared_host
    host.calls.clear()
    host.answers.clear()
    host.failures.clear()
    return host


@pytest.fixture
def target(shared_host: tuple[ApiHost, str]) -> str:
    return shared_host[1]


@pytest.fixture
def client(target: str) -> Iterator[PluginAPIClient]:
    with PluginAPIClient(target) as client:
        yield client


@pytest.fixture
async def async_client(target: str) -> AsyncIterator[AsyncPluginAPIClient]:
    async with AsyncPluginAPIClient(target) as client:
        yield client
