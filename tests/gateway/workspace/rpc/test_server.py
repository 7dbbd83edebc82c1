"""The endpoint of one plugin: who may call it, and what goes wrong in it."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from contextvars import ContextVar
from pathlib import Path
from typing import cast

import grpc
import grpc.aio
import pytest

from mattermost_plugin import (
    AsyncPluginAPIClient,
    NotFoundError,
    PermissionDeniedError,
    PluginAPIClient,
    PluginAPIError,
)
from mattermost_plugin.grpc import api_pb2_grpc
from mattermost_plugin.grpc.api_user_team_pb2 import GetUserRequest
from servehttp.workspace.rpc.call import ApiCall
from servehttp.workspace.rpc.server import Endpoint
from servehttp.workspace.rpc.table import HANDLERS, RPCS, Handler
from servehttp.workspace.workspace import Workspace
from support.api_host import request_class

pytestmark = pytest.mark.anyio


@pytest.fixture
async def loopback(ws: Workspace) -> AsyncIterator[Endpoint]:
    endpoint = await Endpoint.on_loopback(ws, "com.example.tcp")
    yield endpoint
    await endpoint.close()


async def test_the_blocking_client_works_over_the_socket(endpoint: Endpoint) -> None:
    def use() -> bytes | None:
        with PluginAPIClient(endpoint.target) as client:
            client.kv_set("key", b"value")
            return client.kv_get("key")

    assert await asyncio.to_thread(use) == b"value"


async def test_the_async_client_works_over_loopback_with_the_token(loopback: Endpoint) -> None:
    async with AsyncPluginAPIClient(loopback.target, token=loopback.token) as client:
        await client.kv_set("key", b"value")
        assert await client.kv_get("key") == b"value"


@pytest.mark.parametrize("token", ["", "wrong", "Bearer"])
async def test_over_loopback_a_missing_or_wrong_token_is_unauthenticated(loopback: Endpoint, token: str) -> None:
    async with AsyncPluginAPIClient(loopback.target, token=token) as client:
        with pytest.raises(PermissionDeniedError) as refused:
            await client.kv_get("key")
    assert refused.value.code is grpc.StatusCode.UNAUTHENTICATED


async def test_one_plugins_token_is_no_good_at_anothers_endpoint(ws: Workspace, loopback: Endpoint) -> None:
    other = await Endpoint.on_loopback(ws, "com.example.other")
    async with AsyncPluginAPIClient(other.target, token=loopback.token) as client:
        with pytest.raises(PermissionDeniedError):
            await client.kv_get("key")
    await other.close()


async def test_nobody_else_may_enter_the_folder_of_the_socket(endpoint: Endpoint) -> None:
    folder = Path(endpoint.target.removeprefix("unix:")).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_a_call_knows_nothing_of_who_had_the_endpoint_opened(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opener = ContextVar("opener", default="nobody")
    seen = []

    async def look(call: ApiCall, request: object) -> str:
        seen.append(opener.get())
        return "1"

    monkeypatch.setitem(cast(dict[str, Handler], HANDLERS), "GetServerVersion", look)
    opener.set("an administrator")
    endpoint = await Endpoint.on_socket(ws, "com.example.other", tmp_path / "api")
    async with AsyncPluginAPIClient(endpoint.target) as client:
        assert await client.get_server_version() == "1"
    await endpoint.close()
    assert seen == ["nobody"]


async def test_each_endpoint_has_the_keys_of_its_plugin(
    endpoint: Endpoint, loopback: Endpoint, api: AsyncPluginAPIClient
) -> None:
    await api.kv_set("key", b"mine")
    async with AsyncPluginAPIClient(loopback.target, token=loopback.token) as other:
        assert await other.kv_get("key") is None


async def test_a_failure_of_the_caller_comes_as_an_app_error(api: AsyncPluginAPIClient) -> None:
    with pytest.raises(NotFoundError) as missing:
        await api.get_user("nobody")
    assert (missing.value.error_id, missing.value.status_code) == ("app.user.missing_account.const", 404)


async def test_a_failure_of_ours_is_told_without_its_words(ws: Workspace, api: AsyncPluginAPIClient) -> None:
    async with ws.database.transaction() as tx:
        await tx.exec_driver_sql("DROP TABLE plugin_kv")
    with pytest.raises(PluginAPIError) as failed:
        await api.kv_get("key")
    assert failed.value.status_code == 500
    assert "plugin_kv" not in str(failed.value)


async def test_every_rpc_without_a_handler_answers_501_and_names_itself(endpoint: Endpoint) -> None:
    missing = sorted(RPCS.keys() - HANDLERS.keys())
    async with grpc.aio.insecure_channel(endpoint.target) as channel:
        stub = api_pb2_grpc.PluginAPIStub(channel)
        errors = [(await getattr(stub, rpc)(request_class(rpc)())).error for rpc in missing]
    assert {error.status_code for error in errors} == {501}
    assert [rpc for rpc, error in zip(missing, errors, strict=True) if rpc not in error.message] == []


async def test_messages_of_several_megabytes_pass(api: AsyncPluginAPIClient) -> None:
    large = b"x" * (8 * 1024 * 1024)
    await api.kv_set("key", large)
    assert await api.kv_get("key") == large


async def test_a_closed_endpoint_answers_nobody(endpoint: Endpoint) -> None:
    async with grpc.aio.insecure_channel(endpoint.target) as channel:
        stub = api_pb2_grpc.PluginAPIStub(channel)
        await stub.GetUser(GetUserRequest(user_id="x"))
        await endpoint.close()
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.GetUser(GetUserRequest(user_id="x"))
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
