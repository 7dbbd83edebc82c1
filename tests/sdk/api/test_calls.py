"""Calls: connecting, deadlines, retries, sizes, threads, event loops, and closing."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from mattermost_plugin import AsyncPluginAPIClient, PluginAPIClient, PluginAPIError, UnavailableError
from mattermost_plugin.api.calls import DEFAULT_TIMEOUT, MAX_ATTEMPTS, TRANSFER_TIMEOUT
from mattermost_plugin.api.channel import DEFAULT_CHANNEL_OPTIONS
from mattermost_plugin.runtime_config import ENV_API_TARGET, ENV_API_TOKEN
from support.api_host import ApiHost, answer, serving
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

Code = grpc.StatusCode
LARGE = bytes(range(256)) * 4 * 1024 * 12
"""12 MiB."""


class Hanging:
    """An answer that does not come before the test is over."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.gone = threading.Event()

    def __call__(self, request: Any, context: grpc.ServicerContext) -> Any:
        context.add_callback(self.gone.set)
        self.asked.set()
        self.gone.wait(PATIENCE)
        return answer("GetUser")


@pytest.fixture
def hanging(host: ApiHost) -> Hanging:
    hanging = Hanging()
    host.answers["GetUser"] = host.answers["CreatePost"] = hanging
    return hanging


# Connecting


def test_a_client_connects_with_its_first_call(host: ApiHost, target: str) -> None:
    client = PluginAPIClient(target)
    assert (client.target, client.connected) == (target, False)
    assert client.get_server_version() == "version 1"
    assert client.connected
    client.close()
    assert not client.connected


def test_connecting_twice_is_an_error(client: PluginAPIClient) -> None:
    with pytest.raises(RuntimeError, match="already"):
        client.connect()


def test_a_closed_client_calls_nobody_until_it_connects_again(host: ApiHost, target: str) -> None:
    client = PluginAPIClient(target)
    client.close()
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.get_server_version()
    client.connect()
    assert client.get_server_version() == "version 1"
    client.close()


async def test_an_async_client_does_the_same(host: ApiHost, target: str) -> None:
    client = AsyncPluginAPIClient(target)
    assert (client.target, client.connected) == (target, False)
    assert await client.get_server_version() == "version 1"
    with pytest.raises(RuntimeError, match="already"):
        await client.connect()
    await client.close()
    await client.close()
    with pytest.raises(RuntimeError, match="closed"):
        await client.get_server_version()
    async with client:
        assert await client.get_server_version() == "version 1"


@pytest.mark.parametrize("cls", [PluginAPIClient, AsyncPluginAPIClient])
def test_the_target_comes_from_the_environment(cls: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENV_API_TARGET, raising=False)
    with pytest.raises(RuntimeError, match=ENV_API_TARGET):
        cls()
    monkeypatch.setenv(ENV_API_TARGET, "127.0.0.1:9")
    assert cls().target == "127.0.0.1:9"


def test_the_environments_token_goes_to_the_environments_target_only(
    host: ApiHost, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENV_API_TARGET, target)
    monkeypatch.setenv(ENV_API_TOKEN, "secret")
    for client in (PluginAPIClient(), PluginAPIClient(target), PluginAPIClient(target, token="mine")):
        with client:
            client.get_plugin_id()
    tokens = [call.metadata.get("authorization") for call in host.calls]
    assert tokens == ["Bearer secret", None, "Bearer mine"]


async def test_the_async_client_sends_the_token_too(host: ApiHost, target: str) -> None:
    async with AsyncPluginAPIClient(target, token="mine") as client:
        await client.get_plugin_id()
    assert host.calls[0].metadata["authorization"] == "Bearer mine"


def test_options_replace_the_defaults_by_name(host: ApiHost, target: str) -> None:
    host.answers["GetFile"] = _file(b"x" * 2000)
    with PluginAPIClient(target, options=[("grpc.max_receive_message_length", 1000)]) as client:
        with pytest.raises(UnavailableError) as caught:
            client.get_file("f")
        client.upload_file(LARGE, "c", "name")
    assert caught.value.code is Code.RESOURCE_EXHAUSTED
    assert dict(DEFAULT_CHANNEL_OPTIONS)["grpc.max_receive_message_length"] == 101 * 1024 * 1024


# Deadlines


def test_each_call_has_a_deadline(host: ApiHost, client: PluginAPIClient) -> None:
    client.get_user("u")
    client.upload_file(b"x", "c", "name")
    client.log_info("x", timeout="a field")
    client.get_user("u", timeout=500)
    client.get_user("u", timeout=math.inf)
    *seconds, unlimited = [call.seconds or math.inf for call in host.calls]
    assert [round(left, -1) for left in seconds] == [DEFAULT_TIMEOUT, TRANSFER_TIMEOUT, DEFAULT_TIMEOUT, 500]
    assert unlimited > 10**6
    assert host.asked("LogInfo")[0].key_value_pairs[0].key == "timeout"


async def test_a_client_may_have_limits_of_its_own(host: ApiHost, target: str) -> None:
    async with AsyncPluginAPIClient(target, timeout=100, transfer_timeout=200) as client:
        await client.get_user("u")
        await client.get_file("f")
    assert [round(call.seconds or 0, -1) for call in host.calls] == [100, 200]


def test_a_call_that_takes_too_long_ends(client: PluginAPIClient, hanging: Hanging) -> None:
    with pytest.raises(UnavailableError, match="Request timed out") as caught:
        client.get_user("u", timeout=0.1)
    assert caught.value.code is Code.DEADLINE_EXCEEDED
    assert hanging.gone.wait(PATIENCE)


async def test_an_async_call_that_takes_too_long_ends(async_client: AsyncPluginAPIClient, hanging: Hanging) -> None:
    with pytest.raises(UnavailableError, match="Request timed out"):
        await async_client.get_user("u", timeout=0.1)


def test_a_deadline_ends_the_retries_as_well(host: ApiHost, client: PluginAPIClient) -> None:
    host.fail("GetUser", Code.UNAVAILABLE, times=MAX_ATTEMPTS)
    with pytest.raises(UnavailableError):
        client.get_user("u", timeout=0.04)
    assert len(host.asked("GetUser")) == 1


# Retries


def test_a_reading_call_is_tried_again_while_the_host_is_unavailable(host: ApiHost, client: PluginAPIClient) -> None:
    host.fail("GetUser", Code.UNAVAILABLE, times=MAX_ATTEMPTS - 1)
    assert client.get_user("u").id == "id 1"
    assert len(host.asked("GetUser")) == MAX_ATTEMPTS


async def test_so_is_an_async_one(host: ApiHost, async_client: AsyncPluginAPIClient) -> None:
    host.fail("GetUser", Code.UNAVAILABLE, times=MAX_ATTEMPTS - 1)
    assert (await async_client.get_user("u")).id == "id 1"
    assert len(host.asked("GetUser")) == MAX_ATTEMPTS


def test_attempts_are_given_up(host: ApiHost, client: PluginAPIClient) -> None:
    host.fail("GetUser", Code.UNAVAILABLE, "gone", times=MAX_ATTEMPTS)
    with pytest.raises(UnavailableError, match="gone"):
        client.get_user("u")
    assert len(host.asked("GetUser")) == MAX_ATTEMPTS


@pytest.mark.parametrize("code", [Code.DEADLINE_EXCEEDED, Code.RESOURCE_EXHAUSTED, Code.INTERNAL, Code.NOT_FOUND])
def test_nothing_else_is_tried_again(code: Code, host: ApiHost, client: PluginAPIClient) -> None:
    host.fail("GetUser", code)
    with pytest.raises(PluginAPIError):
        client.get_user("u")
    assert len(host.asked("GetUser")) == 1


@pytest.mark.parametrize(
    ("rpc", "call"),
    [
        ("KVSet", lambda client: client.kv_set("k", b"v")),
        ("DeletePost", lambda client: client.delete_post("p")),
        ("SendMail", lambda client: client.send_mail("to", "subject", "body")),
        ("LogInfo", lambda client: client.log_info("x")),
    ],
)
def test_a_changing_call_is_made_once(
    rpc: str, call: Callable[[PluginAPIClient], None], host: ApiHost, client: PluginAPIClient
) -> None:
    host.fail(rpc, Code.UNAVAILABLE)
    with pytest.raises(UnavailableError):
        call(client)
    assert len(host.asked(rpc)) == 1


def test_a_client_finds_its_host_again(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with PluginAPIClient(f"unix:{path}") as client:
        with serving(path, ApiHost()):
            client.get_user("u")
        with pytest.raises(UnavailableError):
            client.delete_post("p")
        with serving(path, ApiHost()):
            assert client.get_user("u").id == "id 1"


# Sizes


def test_messages_may_be_large(host: ApiHost, client: PluginAPIClient) -> None:
    host.answers["GetFile"] = _file(LARGE)
    client.upload_file(LARGE, "c", "name")
    assert host.asked("UploadFile")[0].data == LARGE
    assert client.get_file("f") == LARGE


async def test_messages_of_the_async_client_may_be_large(host: ApiHost, async_client: AsyncPluginAPIClient) -> None:
    host.answers["GetFile"] = _file(LARGE)
    await async_client.upload_file(LARGE, "c", "name")
    assert host.asked("UploadFile")[0].data == LARGE
    assert await async_client.get_file("f") == LARGE


def _file(data: bytes) -> Any:
    response = answer("GetFile")
    response.data = data
    return response


# Threads and event loops


def test_threads_may_share_a_client(host: ApiHost, target: str) -> None:
    def echo(request: Any, context: grpc.ServicerContext) -> Any:
        response = answer("GetUser")
        response.user.id = request.user_id
        return response

    host.answers["GetUser"] = echo
    client = PluginAPIClient(target)
    barrier = threading.Barrier(8)

    def call_often(thread: int) -> list[str]:
        barrier.wait(PATIENCE)
        return [client.get_user(f"{thread}-{number}").id for number in range(10)]

    with client, ThreadPoolExecutor(8) as pool:
        results = list(pool.map(call_often, range(8)))
    assert results == [[f"{thread}-{number}" for number in range(10)] for thread in range(8)]


async def test_a_blocking_call_on_the_event_loop_is_refused(host: ApiHost, client: PluginAPIClient) -> None:
    with pytest.raises(RuntimeError, match=r"GetUser.*event loop.*await.*asyncio\.to_thread"):
        client.get_user("u")
    assert not host.calls
    assert (await asyncio.to_thread(client.get_user, "u")).id == "id 1"


async def test_a_cancelled_task_cancels_its_call(async_client: AsyncPluginAPIClient, hanging: Hanging) -> None:
    task = asyncio.create_task(async_client.get_user("u"))
    assert await asyncio.to_thread(hanging.asked.wait, PATIENCE)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(hanging.gone.wait, PATIENCE)


async def test_closing_ends_the_calls_that_are_under_way(target: str, hanging: Hanging) -> None:
    client = AsyncPluginAPIClient(target)
    task = asyncio.create_task(client.get_user("u"))
    assert await asyncio.to_thread(hanging.asked.wait, PATIENCE)
    await client.close()
    with pytest.raises(RuntimeError, match="closed"):
        await task


def test_closing_ends_the_calls_of_other_threads(target: str, hanging: Hanging) -> None:
    client = PluginAPIClient(target)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.get_user, "u")
        assert hanging.asked.wait(PATIENCE)
        client.close()
        with pytest.raises(PluginAPIError, match="Operation cancelled"):
            call.result(PATIENCE)


async def test_an_async_client_stays_with_its_event_loop(host: ApiHost, async_client: AsyncPluginAPIClient) -> None:
    await async_client.get_user("u")

    def elsewhere() -> None:
        asyncio.run(_call(async_client))

    with pytest.raises(RuntimeError, match="another event loop"):
        await asyncio.to_thread(elsewhere)


async def test_an_async_client_whose_loop_is_closed_goes_on_in_another(host: ApiHost, target: str) -> None:
    client = AsyncPluginAPIClient(target)
    for _ in range(2):
        await asyncio.to_thread(asyncio.run, _call(client))
    await _call(client)
    await _call(client)
    await client.close()
    with pytest.raises(RuntimeError, match="closed"):
        await _call(client)


async def test_an_async_client_is_closed_after_its_loop(host: ApiHost, target: str) -> None:
    client = AsyncPluginAPIClient(target)
    await asyncio.to_thread(asyncio.run, _call(client))
    assert not client.connected
    await client.close()
    with pytest.raises(RuntimeError, match="closed"):
        await _call(client)


async def _call(client: AsyncPluginAPIClient) -> None:
    await client.get_user("u")
