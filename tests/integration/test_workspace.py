"""The gateway with its workspace, and real plugins that take part in it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import grpc
import pytest

from mattermost_plugin import AsyncPluginAPIClient
from mattermost_plugin.exceptions import PluginAPIError
from support.client import Broken, fetch
from support.gateway import Gateway, running

pytestmark = pytest.mark.anyio

MEMBER = Path(__file__).parent / "plugins" / "member"
BASE = "/plugins/com.example.member"
SETTINGS = {"SERVEHTTP_WORKSPACE__ENABLED": "true", "SERVEHTTP_PLUGINS__RESTART_DELAY": "0.1"}


def member_of(data_dir: Path, *options: str, **environment: str) -> AbstractAsyncContextManager[Gateway]:
    """A gateway with a workspace in this folder, and the plugin."""
    return running(MEMBER, "--data-dir", str(data_dir), *options, environment={**SETTINGS, **environment})


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with member_of(tmp_path) as gateway:
        yield gateway


async def told(gateway: Gateway, path: str) -> object:
    answer = await fetch(gateway.port, f"{BASE}{path}")
    assert answer.status == 200, answer
    return answer.json()


async def test_a_plugin_asks_the_api_while_it_is_activated_and_in_its_routes(gateway: Gateway) -> None:
    assert await told(gateway, "/starts") == 1


async def test_what_activation_does_to_the_workspace_already_reaches_the_plugins_hooks(gateway: Gateway) -> None:
    async with asyncio.timeout(10):
        while "UserHasBeenCreated made-1" not in (seen := await told(gateway, "/seen")):
            await asyncio.sleep(0.02)
    assert isinstance(seen, list)
    assert sorted(seen) == ["OnActivate", "UserHasBeenCreated made-1"]


async def test_each_process_has_a_socket_of_its_own_that_only_our_user_can_reach(gateway: Gateway) -> None:
    target, token = await told(gateway, "/api")  # type: ignore[misc]
    socket = Path(target.removeprefix("unix:"))
    assert (target, token) == (f"unix:{socket}", None)
    assert socket.parent.stat().st_mode & 0o777 == 0o700
    os.kill(await told(gateway, "/pid"), signal.SIGKILL)  # type: ignore[arg-type]
    async with asyncio.timeout(20):
        while (answer := await fetch(gateway.port, f"{BASE}/api")).status != 200:
            await asyncio.sleep(0.05)
    assert answer.json()[0] != target
    assert await asyncio.to_thread(socket.exists) is False


async def test_over_loopback_the_api_asks_for_the_token_of_the_process(tmp_path: Path) -> None:
    async with member_of(tmp_path, SERVEHTTP_WORKSPACE__API_TCP="com.example.member") as gateway:
        assert await told(gateway, "/starts") == 1
        target, token = await told(gateway, "/api")  # type: ignore[misc]
        assert target.startswith("127.0.0.1:")
        async with AsyncPluginAPIClient(target, token=token) as client:
            assert await client.kv_get("starts") == b"1"
        async with AsyncPluginAPIClient(target, token="guessed") as client:
            with pytest.raises(PluginAPIError) as refused:
                await client.kv_get("starts")
        assert refused.value.code is grpc.StatusCode.UNAUTHENTICATED


async def test_the_first_start_hands_out_an_administrators_token_once_and_never_logs_it(tmp_path: Path) -> None:
    file = tmp_path / "admin-token"
    async with member_of(tmp_path) as gateway:
        token = file.read_text().strip()
        assert file.stat().st_mode & 0o777 == 0o600
        await gateway.stop()
        assert len(token) == 26
        assert not [log for log in gateway.logs if token in str(log)]
    file.unlink()
    async with member_of(tmp_path) as gateway:
        assert await told(gateway, "/starts") == 2
        assert not file.exists()


async def test_where_the_log_is_for_people_the_token_is_printed_for_them(tmp_path: Path) -> None:
    async with running(
        "--data-dir", tmp_path, "--log-format", "console", MEMBER, environment=SETTINGS, serving=False
    ) as gateway:
        line = await gateway.log(lambda log: "Access token of the user 'admin'" in log["event"])
        assert len(line["event"].rpartition(": ")[2]) == 26
        assert not (tmp_path / "admin-token").exists()


async def test_what_a_plugin_was_told_is_kept_survives_a_kill_of_the_gateway(tmp_path: Path) -> None:
    kept: list[str] = []

    async def keep(gateway: Gateway, writer: int) -> None:
        for number in range(10_000):
            key = f"{writer}-{number}"
            try:
                answer = await fetch(gateway.port, f"{BASE}/values/{key}", method="POST", body=key.encode())
            except (OSError, Broken):
                return
            if answer.status != 200:
                return
            kept.append(key)

    async with member_of(tmp_path) as gateway:
        writers = [asyncio.create_task(keep(gateway, writer)) for writer in range(4)]
        while len(kept) < 40:
            await asyncio.sleep(0.005)
        gateway.process.send_signal(signal.SIGKILL)
        await asyncio.gather(*writers)
    async with member_of(tmp_path) as gateway:
        assert {key: await told(gateway, f"/values/{key}") for key in kept} == {key: key for key in kept}
        assert await told(gateway, "/starts") == 2


async def test_without_a_workspace_there_is_no_api_and_nothing_is_kept(tmp_path: Path) -> None:
    subject = MEMBER.parent / "subject"
    async with running(subject, "--no-workspace", "--data-dir", tmp_path, environment=SETTINGS) as gateway:
        environment = (await fetch(gateway.port, "/plugins/com.example.subject/environment")).json()
        assert not [name for name in environment if name.startswith("MATTERMOST_PLUGIN_API")]
        assert os.listdir(tmp_path) == []
