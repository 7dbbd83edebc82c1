"""A call of the host's API and its answer, with both clients; the host is a process of its own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import pytest

from benchmarks import api_stand_in
from benchmarks.measuring import Measure
from benchmarks.operations import POST, USER_ID
from mattermost_plugin import AsyncPluginAPIClient, PluginAPIClient


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    """Where the host listens."""
    command = [sys.executable, api_stand_in.__file__]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def client(target: str) -> Iterator[PluginAPIClient]:
    with PluginAPIClient(target) as client:
        yield client


@pytest.fixture(scope="module")
def async_client(target: str, loop: asyncio.AbstractEventLoop) -> Iterator[AsyncPluginAPIClient]:
    client = AsyncPluginAPIClient(target)
    yield client
    loop.run_until_complete(client.close())


def test_get_user_blocking(client: PluginAPIClient, measure: Measure) -> None:
    measure(lambda: client.get_user(USER_ID))


def test_create_post_blocking(client: PluginAPIClient, measure: Measure) -> None:
    measure(lambda: client.create_post(POST))


def test_get_user_async(async_client: AsyncPluginAPIClient, loop: asyncio.AbstractEventLoop, measure: Measure) -> None:
    measure(lambda: loop.run_until_complete(async_client.get_user(USER_ID)))


def test_create_post_async(
    async_client: AsyncPluginAPIClient, loop: asyncio.AbstractEventLoop, measure: Measure
) -> None:
    measure(lambda: loop.run_until_complete(async_client.create_post(POST)))
