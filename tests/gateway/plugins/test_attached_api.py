"""What is started by hand is told where the API is by the gateway that attaches to it."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog

from mattermost_plugin import CommandResponse, Plugin, RuntimeConfig, command
from mattermost_plugin.handshake import Handshake
from mattermost_plugin.server import PluginServer, serve_plugin
from mattermost_plugin.unix_sockets import listen_at
from servehttp import WorkspaceHost, create_app
from servehttp.errors import LinkError
from servehttp.plugins.attached import attach
from servehttp.plugins.attached_api import AttachedApi
from servehttp.plugins.link import Link
from servehttp.plugins.reaper import Reaper
from servehttp.plugins.supervisor import SupervisedPlugin
from servehttp.workspace.settings import Settings
from support.patience import PATIENCE
from support.supervision import POLICY

pytestmark = pytest.mark.anyio

ID = "com.example.hand"


class Endpoint:
    """The API for one process, which answers nothing."""

    def __init__(self, folder: Path, token: str = "") -> None:
        folder.mkdir()
        self.target = f"unix:{folder / 's'}"
        self.token = token
        self.is_open = True
        self._listening = listen_at(folder / "s")

    def retire(self) -> None:
        pass

    async def close(self) -> None:
        self.is_open = False
        self._listening.close()


class Endpoints:
    """Those that were opened."""

    def __init__(self, token: str = "") -> None:
        self.opened: list[Endpoint] = []
        self._token = token

    async def open(self, folder: Path) -> Endpoint:
        self.opened.append(Endpoint(folder, self._token))
        return self.opened[-1]

    def api(self, target: str) -> AttachedApi:
        return AttachedApi(ID, target, self.open, Reaper())


class Rolling(Plugin):
    """Has a command, which is registered when it is activated."""

    @command("roll", description="Throw a die")
    async def roll(self) -> CommandResponse:
        return CommandResponse(text="Rolled 4.")


@pytest.fixture
def path() -> Iterator[Path]:
    """Where a plugin listens, in a path that is short enough."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder, "p")


@asynccontextmanager
async def by_hand(path: Path, plugin: Plugin, *, takes_api: bool = True) -> AsyncIterator[None]:
    """A plugin as `--listen` serves it."""
    server = PluginServer(plugin, RuntimeConfig(), address=Handshake("unix", str(path)), takes_api=takes_api)
    await server.start()
    try:
        yield
    finally:
        await server.stop(0)


@asynccontextmanager
async def attached(path: Path, endpoints: Endpoints) -> AsyncIterator[SupervisedPlugin]:
    target = f"unix:{path}"
    plugin = attach(ID, target, Link.connect, POLICY, make_api=lambda: endpoints.api(target))
    try:
        async with asyncio.timeout(PATIENCE):
            await plugin.start()
        yield plugin
    finally:
        await plugin.stop()


@asynccontextmanager
async def linked(path: Path) -> AsyncIterator[Link]:
    link = await Link.connect(f"unix:{path}", timeout=PATIENCE)
    try:
        yield link
    finally:
        await link.close()


def wait_until_there(path: Path) -> None:
    while not path.exists():
        time.sleep(0.01)


async def test_its_command_is_there_once_it_is_attached(path: Path, tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"data_dir": tmp_path, "plugins": {"attach": {ID: [f"unix:{path}"]}}, "log": {"format": "json"}}
    )
    host = WorkspaceHost(settings)
    async with by_hand(path, Rolling()), create_app(settings, [], host=host) as gateway:
        await gateway.wait_started()
        assert [found.trigger for found in host.workspace.commands.of_plugins("")] == ["roll"]


async def test_it_is_told_at_each_connection_and_the_api_ends_with_that(path: Path) -> None:
    endpoints, plugin = Endpoints(), Plugin()
    async with by_hand(path, plugin):
        for number in (0, 1):
            async with attached(path, endpoints):
                endpoint, config = endpoints.opened[number], plugin.config
                assert config is not None
                assert (config.plugin_id, config.api_target) == (ID, endpoint.target)
                assert endpoint.is_open
                client = plugin.async_api
            assert not endpoint.is_open
            assert not Path(endpoint.target.removeprefix("unix:")).parent.exists()
        assert plugin.async_api is client, "it is another one only once another API was offered"
    assert len(endpoints.opened) == 2


async def test_a_plugin_that_takes_none_is_attached_without(path: Path) -> None:
    endpoints = Endpoints()
    with structlog.testing.capture_logs() as logs:
        async with by_hand(path, Plugin(), takes_api=False), attached(path, endpoints) as plugin:
            assert plugin.state == "running"
            assert not endpoints.opened[0].is_open
    (said,) = [entry for entry in logs if entry["event"] == "an attached plugin has no API"]
    assert (said["plugin"], "UNIMPLEMENTED" in said["reason"]) == (ID, True)


async def test_a_token_is_told_to_nobody(path: Path) -> None:
    plugin = Plugin()
    with structlog.testing.capture_logs() as logs:
        async with by_hand(path, plugin), attached(path, Endpoints(token="secret")):
            pass
    assert plugin.config is None
    assert [entry["event"] for entry in logs].count("an attached plugin has no API") == 1
    assert "secret" not in str(logs)


async def test_another_machine_is_offered_nothing(path: Path) -> None:
    endpoints = Endpoints()
    async with by_hand(path, Plugin()), linked(path) as link:
        await endpoints.api("tls:plugin.example.com:7000").offer(link, PATIENCE)
    assert endpoints.opened == []


async def test_what_is_offered_has_to_be_a_socket_of_its_own_user(path: Path, tmp_path: Path) -> None:
    plugin, file = Plugin(), tmp_path / "file"
    file.write_text("")
    async with by_hand(path, plugin), linked(path) as link:
        for target in ("127.0.0.1:7000", "nonsense", f"unix:{file}", f"unix:{tmp_path / 'missing'}"):
            with pytest.raises(LinkError, match="cannot be used"):
                await link.offer_api(ID, target, PATIENCE)
    assert plugin.config is None


async def test_nobody_else_can_put_another_socket_in_the_place_of_what_is_taken(path: Path, tmp_path: Path) -> None:
    plugin, real, open_to_all = Plugin(), path.parent / "s", path.parent / "open"
    with listen_at(real):
        (tmp_path / "link").symlink_to(real)
        open_to_all.mkdir()
        open_to_all.chmod(0o777)
        async with by_hand(path, plugin), linked(path) as link:
            with listen_at(open_to_all / "s"), pytest.raises(LinkError, match="cannot be used"):
                await link.offer_api(ID, f"unix:{open_to_all / 's'}", PATIENCE)
            await link.offer_api(ID, f"unix:{tmp_path / 'link'}", PATIENCE)
            assert plugin.config is not None
            assert plugin.config.api_target == f"unix:{real.resolve()}"


async def test_what_was_told_otherwise_where_its_api_is_takes_none(path: Path) -> None:
    serving = asyncio.create_task(
        serve_plugin(Plugin, RuntimeConfig(api_target="unix:/elsewhere"), listen=f"unix:{path}")
    )
    try:
        async with asyncio.timeout(PATIENCE):
            await asyncio.to_thread(wait_until_there, path)
            async with linked(path) as link:
                with pytest.raises(LinkError, match="UNIMPLEMENTED"):
                    await link.offer_api(ID, "unix:/there", PATIENCE)
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
