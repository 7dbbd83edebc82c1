"""Plugins that run as users of their own; most of it can only be seen where the tests run as root."""

from __future__ import annotations

import asyncio
import functools
import os
import pwd
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import structlog

from mattermost_plugin.tunnel.settings import TunnelSettings
from servehttp.app import create_app
from servehttp.errors import PluginStartError
from servehttp.plugins.factory import PluginFactory
from servehttp.plugins.installed import InstalledPlugins
from servehttp.plugins.manifest import discover, load_manifest
from servehttp.plugins.process import PluginProcess
from servehttp.plugins.reaper import Reaper
from servehttp.plugins.runner import RunnerError
from servehttp.plugins.users import User
from servehttp.settings.plugins import PluginSettings
from servehttp.workspace.embedding.host import WorkspaceHost
from servehttp.workspace.settings import Settings
from support.supervision import command_spec, either_loop

pytestmark = pytest.mark.anyio
anyio_backend = either_loop

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run plugins as other users")

PLUGIN = """
socket="$PLUGIN_UNIX_SOCKET_DIR/about"
echo "uid=$(id -u) gid=$(id -g) groups=$(id -G) home=$HOME user=$USER secret=$SECRET" > "$socket"
echo "1|1|unix|$socket|grpc"
exec sleep 600
"""
A_USER = "nobody"
ANOTHER_USER = "daemon"


@asynccontextmanager
async def running_as(user: str, folder: Path) -> AsyncIterator[tuple[PluginProcess, Path]]:
    """A process, and the file in its socket's folder that says who it is."""
    (folder / "plugin.sh").write_text(PLUGIN)
    spec = command_spec(("/bin/sh", "plugin.sh"), folder, {"PATH": "/usr/bin:/bin", "SECRET": "a password"})
    process = await PluginProcess.launch(replace(spec, user=user), Reaper())
    try:
        yield process, Path((await process.ready(10)).removeprefix("unix:"))
    finally:
        await process.stop(0)


def as_user(name: str, code: str) -> str:
    """What a user's Python says to a statement: "done", or the error that it raised."""
    found = pwd.getpwnam(name)
    drop = f"import os, socket; os.setgroups([]); os.setgid({found.pw_gid}); os.setuid({found.pw_uid})"
    tried = f"{drop}\ntry: {code}\nexcept OSError as error: print(type(error).__name__)\nelse: print('done')"
    return subprocess.run([sys.executable, "-c", tried], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can enter."""
    with TemporaryDirectory(dir="/tmp") as name:
        os.chmod(name, 0o755)
        yield Path(name)


@as_root
async def test_a_plugin_runs_as_its_user_with_no_groups_but_its_own(open_folder: Path) -> None:
    async with running_as(A_USER, open_folder) as (_, about):
        found = pwd.getpwnam(A_USER)
        said = dict(word.split("=", 1) for word in about.read_text().replace("secret=a password", "").split())
    own_groups = os.getgrouplist(A_USER, found.pw_gid)
    assert said["uid"] == str(found.pw_uid)
    assert said["gid"] == str(found.pw_gid)
    assert said["groups"] == " ".join(map(str, own_groups))
    assert (said["home"], said["user"]) == (found.pw_dir, A_USER)


@as_root
async def test_a_plugin_reaches_neither_the_socket_nor_the_environment_of_anothers_user(open_folder: Path) -> None:
    async with running_as(A_USER, open_folder) as (process, socket):
        environment = f"open('/proc/{process.pid}/environ').read()"
        assert as_user(A_USER, environment) == "done"
        assert as_user(ANOTHER_USER, environment) == "PermissionError"
        for use in (f"os.listdir({str(socket.parent)!r})", f"open({str(socket)!r})", f"os.kill({process.pid}, 15)"):
            assert as_user(ANOTHER_USER, use) == "PermissionError"
        assert as_user(A_USER, f"open({str(socket)!r})") == "done"


@as_root
async def test_only_its_user_reaches_the_plugin_api(open_folder: Path) -> None:
    folder = open_folder / "socket"
    folder.mkdir(mode=0o700)
    async with WorkspaceHost(Settings(data_dir=open_folder / "data")) as host:
        endpoint = await host.open_endpoint("p", None, folder / "api")
        User.named(A_USER).own(folder)
        connect = f"socket.socket(socket.AF_UNIX).connect({endpoint.target.removeprefix('unix:')!r})"
        assert as_user(A_USER, connect) == "done"
        assert as_user(ANOTHER_USER, connect) == "PermissionError"
        await endpoint.close()


@as_root
async def test_an_installed_plugin_is_handed_over_to_its_user_alone(open_folder: Path) -> None:
    settings = Settings(data_dir=open_folder / "data")
    folder = open_folder / "data/plugins/com.example.p"
    folder.mkdir(parents=True)
    for closed in (folder, folder.parent, folder.parent.parent):
        closed.chmod(0o700)
    (folder / "plugin.json").write_text('{"id": "com.example.p", "server": {"executable": "p.py"}}')
    (folder / "p.py").touch()
    InstalledPlugins.below(settings.data_dir).hand_over(load_manifest(folder), User.named(A_USER))
    read, see = f"open({str(folder / 'p.py')!r})", f"os.listdir({str(folder.parent)!r})"
    assert as_user(A_USER, read) == "done"
    assert as_user(ANOTHER_USER, read) == "PermissionError"
    assert as_user(A_USER, see) == "PermissionError"


INSTALLED = '{"id": "com.example.p", "server": {"executable": "p.py", "python_version": "3.9"}}'


def installed(folder: Path, manifest: str = INSTALLED) -> tuple[Settings, Path]:
    """A plugin that was installed, and is to run as a user."""
    settings = Settings(data_dir=folder / "data", plugins=PluginSettings(users={"com.example.p": A_USER}))
    plugin = folder / "data/plugins/com.example.p/1"
    plugin.mkdir(parents=True)
    (plugin / "plugin.json").write_text(manifest)
    (plugin / "p.py").write_text("")
    return settings, plugin


@as_root
async def test_whatever_an_installed_plugin_brings_as_its_interpreter_runs_as_its_user_alone(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "a password")
    settings, plugin = installed(open_folder)
    said = open_folder / "said"
    said.touch()
    said.chmod(0o666)
    (plugin / "venv/bin").mkdir(parents=True)
    interpreter = plugin / "venv/bin/python"
    interpreter.write_text(f"#!/bin/sh\necho $(id -u) secret=$SECRET >> {said}\necho 3.9.18\n")
    interpreter.chmod(0o755)
    factory = PluginFactory(settings, TunnelSettings(), Reaper())
    [supervised] = factory.started(load_manifest(plugin)).replicas
    with pytest.raises(PluginStartError):
        await supervised.start()
    await supervised.stop()
    lines = said.read_text().splitlines()
    assert len(lines) >= 2  # it was asked for its version, and run
    assert set(lines) == {f"{pwd.getpwnam(A_USER).pw_uid} secret="}


def test_an_installed_plugin_cannot_name_itself_anew(tmp_path: Path) -> None:
    settings, plugin = installed(tmp_path, INSTALLED.replace("example.p", "example.other"))
    manifests, (error,) = discover([], InstalledPlugins.below(settings.data_dir).folders())
    assert manifests == []
    assert "is 'com.example.other', but it was installed as com.example.p" in str(error)
    (plugin / "within").mkdir()
    (plugin / "plugin.json").rename(plugin / "within/plugin.json")
    manifests, (error,) = discover([], InstalledPlugins.below(settings.data_dir).folders())
    assert manifests == []
    assert "has no manifest" in str(error)


@as_root
async def test_a_plugin_cannot_have_the_gateway_remove_the_socket_of_another(open_folder: Path) -> None:
    settings = Settings(data_dir=open_folder / "data")
    other = open_folder / "api"
    async with WorkspaceHost(settings) as host:
        endpoint = await host.open_endpoint("other", None, other)
        socket = Path(endpoint.target.removeprefix("unix:"))
        spec = replace(
            command_spec(("/bin/sh", "-c", SWAP.format(other=other)), open_folder),
            user=A_USER,
            open_endpoint=functools.partial(host.open_endpoint, "p", None),
        )
        process = await PluginProcess.launch(spec, Reaper())
        await process.ready(10)
        await process.stop(0)
        assert await asyncio.to_thread(socket.is_socket)
        await endpoint.close()


SWAP = """
own=$(dirname "${{MATTERMOST_PLUGIN_API_TARGET#unix:}}")
for folder in "$own" "$(dirname "$own")"; do mv "$folder" "$folder.moved" && ln -s {other} "$folder" && break; done
echo "1|1|unix|/nowhere|grpc"
exec sleep 600
"""


@as_root
async def test_a_plugin_can_open_its_output_by_name(open_folder: Path) -> None:
    code = "echo '1|1|tcp|127.0.0.1:1|grpc' > /dev/stdout; echo by name > /dev/stderr"
    spec = replace(command_spec(("/bin/sh", "-c", code), open_folder), user=A_USER)
    process = await PluginProcess.launch(spec, Reaper())
    try:
        assert await process.ready(10) == "127.0.0.1:1"
        assert "last on stderr: by name" in await process.wait()
    finally:
        await process.stop(0)


def test_ids_are_compared_as_manifests_have_them() -> None:
    settings = PluginSettings.model_validate({"users": "com.Example.P=shop", "start_timeouts": "com.Example.P=3"})
    assert settings.users == {"com.example.p": "shop"}
    assert settings.start_timeouts == {"com.example.p": 3}


def test_an_id_that_is_no_plugins_is_warned_about(tmp_path: Path) -> None:
    settings, plugin = installed(tmp_path)
    with structlog.testing.capture_logs() as records:
        create_app(settings, [load_manifest(plugin)])
        create_app(settings, [])
    assert [record["ids"] for record in records if "plugins.users" in record["event"]] == [["com.example.p"]]


@as_root
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no-such-user", "plugins.users has 'no-such-user' for it, and this machine has no such user"),
        (A_USER, f"the user '{A_USER}' cannot run {{script}}: Permission denied"),
    ],
)
async def test_a_user_that_cannot_run_it_is_named(open_folder: Path, name: str, said: str) -> None:
    script = open_folder / "script"
    script.touch(mode=0o700)
    spec = replace(command_spec((str(script),), open_folder), user=name)
    with pytest.raises(RunnerError) as caught:
        process = await PluginProcess.launch(spec, Reaper())
        try:
            await process.ready(10)
        finally:
            await process.stop(0)
    assert said.format(script=script) in str(caught.value)


def test_a_gateway_that_is_not_root_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(RunnerError, match="only a gateway that runs as root can have other users") as caught:
        User.named(A_USER)
    assert caught.value.permanent
