"""Whatever size is announced to users fits into the messages that carry it, whoever looks at it on the way."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest

from mattermost_plugin import AsyncPluginAPIClient, HookName, RuntimeConfig
from mattermost_plugin.grpc import hooks_message_pb2
from mattermost_plugin.message_sizes import LARGEST_MESSAGE_SIZE
from mattermost_plugin.server import PluginServer
from servehttp import WorkspaceHost
from servehttp.plugins.environment import mattermost_variables
from servehttp.plugins.link import Link
from servehttp.workspace.rpc.server import Endpoint
from servehttp.workspace.settings import Settings
from servehttp.workspace.workspace import Workspace
from support.hooks import plugin_with
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio
MEGA = 1024 * 1024

ANNOUNCED = {
    "workspace.max_file_size": 300 * MEGA,
    "workspace.api_message_size": 300 * MEGA,
    "rest.bundle_size": 300 * MEGA,
    "limits.websocket_max_message": 300 * MEGA,
}


def settings_with(name: str, value: int) -> Settings:
    group, _, setting = name.partition(".")
    return Settings.model_validate({group: {setting: value}})


def told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> RuntimeConfig:
    """What a plugin of a gateway with these settings reads in its environment."""
    for name, value in mattermost_variables(
        "com.example.me", Path("/plugin"), settings, WorkspaceHost(settings).message_size
    ).items():
        monkeypatch.setenv(name, value)
    return RuntimeConfig.from_env()


@pytest.mark.parametrize("name", ANNOUNCED)
def test_a_larger_limit_is_told_to_plugins(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = told(settings_with(name, ANNOUNCED[name]), monkeypatch)
    carried = config.websocket_message_size if "websocket" in name else config.message_size
    assert carried >= ANNOUNCED[name]


def test_what_grpc_cannot_carry_is_not_asked_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(settings_with("workspace.max_file_size", 10**12), monkeypatch).message_size == LARGEST_MESSAGE_SIZE


@pytest.mark.parametrize("text", ["", "-1", "0", "many", "9" * 5000])
def test_a_size_that_is_none_is_passed_over(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATTERMOST_PLUGIN_MESSAGE_SIZE", text)
    monkeypatch.setenv("MATTERMOST_PLUGIN_WEBSOCKET_MESSAGE_SIZE", text)
    config = RuntimeConfig.from_env()
    assert (config.message_size, config.websocket_message_size) == (101 * MEGA, 16 * MEGA)


@pytest.mark.parametrize("size", [None, 1 * MEGA], ids=["the default", "a small one"])
async def test_the_largest_file_passes_a_hook_that_looks_at_it(
    size: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings() if size is None else settings_with("workspace.max_file_size", size)
    seen: list[int] = []

    def look(self: object, context: Any, info: Any, content: bytes) -> tuple[Any, Any]:
        seen.append(len(content))
        return None, content

    name = HookName.FileWillBeUploaded.value
    server = PluginServer(plugin_with(name, look, told(settings, monkeypatch)))
    port = await server.start()
    try:
        link = await Link.connect(f"127.0.0.1:{port}", timeout=PATIENCE)
        try:
            content = bytes(int(settings.workspace.max_file_size))
            request = hooks_message_pb2.FileWillBeUploadedRequest(file_content=content)
            answer: Any = await link.call(name, request, 60)
        finally:
            await link.close()
    finally:
        await server.stop(0)
    assert seen == [len(content)]
    assert answer.rejection_reason == ""


async def test_as_much_as_the_largest_file_passes_the_api(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings()
    told(settings, monkeypatch)
    content = bytes(int(settings.workspace.max_file_size))
    with tempfile.TemporaryDirectory() as folder:  # a short path: that of a socket has few characters
        endpoint = await Endpoint.on_socket(
            ws, "com.example.me", Path(folder, "api"), WorkspaceHost(settings).message_size
        )
        try:
            async with AsyncPluginAPIClient(endpoint.target) as client:
                await client.kv_set("large", content)
                assert await client.kv_get("large") == content
        finally:
            await endpoint.close()
