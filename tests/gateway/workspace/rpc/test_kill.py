"""Nothing that was acknowledged is lost when the host is killed; real processes, and a socket between them."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import support.api_process
from mattermost_plugin import AsyncPluginAPIClient, UnavailableError
from mattermost_plugin.models import User
from support.call_ways import WAYS, going
from support.workspaces import PASSWORD

pytestmark = pytest.mark.anyio

PROGRAM = support.api_process.__file__
ENOUGH = 60
"""Acknowledged writes before the kill."""


@asynccontextmanager
async def host(data_dir: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    with tempfile.TemporaryDirectory() as folder:
        process = await asyncio.create_subprocess_exec(
            sys.executable, PROGRAM, str(data_dir), f"{folder}/api", stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        try:
            yield process, (await process.stdout.readline()).decode().strip()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def write_until_killed(client: AsyncPluginAPIClient, writer: int, written: dict[str, bytes]) -> None:
    with contextlib.suppress(UnavailableError):
        for number in range(100_000):
            key, value = f"{writer}-{number}", b"%d" % number
            await client.kv_set(key, value)
            written[key] = value


@pytest.mark.parametrize("way", WAYS)
async def test_what_was_acknowledged_survives_a_kill_in_the_middle_of_writing(tmp_path: Path, way: str) -> None:
    written: dict[str, bytes] = {}
    async with host(tmp_path) as (process, target), AsyncPluginAPIClient(target) as client:
        with going(way):
            await client.get_server_version()  # connects
        user = await client.create_user(User(username="ada", email="ada@example.com", password=PASSWORD))
        writers = [asyncio.create_task(write_until_killed(client, writer, written)) for writer in range(4)]
        while len(written) < ENOUGH:
            await asyncio.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        await asyncio.gather(*writers)
    async with host(tmp_path) as (_, target), AsyncPluginAPIClient(target) as client:
        kept = {key: await client.kv_get(key) for key in written}
        assert await client.get_user(user.id) == user
    assert kept == written
