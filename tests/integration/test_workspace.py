"""The gateway with its workspace, and real plugins that take part in it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from websockets.asyncio.client import connect as connect_websocket

from mattermost_plugin import AsyncPluginAPIClient
from mattermost_plugin.exceptions import NotFoundError, PluginAPIError
from mattermost_plugin.models import Channel, Post, Team, User
from support.bundles import bundle_of, bundle_of_folder, plugin_bundle
from support.client import Broken, connect, fetch
from support.gateway import Gateway, running
from support.patience import PATIENCE
from support.wheels import wheel, wheel_name

INSTALLED = "com.example.installed"
NEEDY = b"""
import needed

async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": needed.VERSION.encode()})
"""
PROGRAM = b"""
from starlette.responses import JSONResponse
from mattermost_plugin import HookName, Plugin, hook, run_plugin
from mattermost_plugin.routing import get, post

class Installed(Plugin):
    def __init__(self):
        self.seen = []

    @hook(HookName.OnActivate)
    def activated(self):
        self.seen.append("OnActivate")

    @hook(HookName.OnInstall)
    def installed(self, context, event):
        self.seen.append("OnInstall")

    @hook(HookName.MessageWillBePosted)
    def check(self, context, post):
        return (None, "no spam here") if "spam" in post.message else (None, "")

    @get("/seen")
    async def what_was_seen(self, request):
        return JSONResponse(self.seen)

    @post("/echo")
    async def echo(self, request):
        names = ("mattermost-plugin-id", "x-from")
        body = (await request.body()).decode()
        return JSONResponse([request.headers.get(name) for name in names] + [request.url.query, body])

run_plugin(Installed)
"""
pytestmark = pytest.mark.anyio

MEMBER = Path(__file__).parent / "plugins" / "member"
BASE = "/plugins/com.example.member"
SETTINGS = {"SERVEHTTP_WORKSPACE__ENABLED": "true", "SERVEHTTP_PLUGINS__RESTART_DELAY": "0.1"}


def member_of(data_dir: Path, *options: str, **environment: str) -> AbstractAsyncContextManager[Gateway]:
    """A gateway with a workspace in this folder, and the plugin."""
    return running(MEMBER, "--data-dir", str(data_dir), *options, environment={**SETTINGS, **environment})


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module")
async def shared(shared_folder: Path) -> AsyncIterator[Gateway]:
    """One for the tests that leave its plugin running, and that of the bundle removed."""
    async with member_of(shared_folder) as gateway:
        yield gateway


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with member_of(tmp_path) as gateway:
        yield gateway


async def told(gateway: Gateway, path: str) -> Any:
    answer = await fetch(gateway.port, f"{BASE}{path}")
    assert answer.status == 200, answer
    return answer.json()


async def test_a_plugin_asks_the_api_while_it_is_activated_and_in_its_routes(shared: Gateway) -> None:
    assert await told(shared, "/starts") == 1


async def test_what_activation_does_to_the_workspace_already_reaches_the_plugins_hooks(shared: Gateway) -> None:
    async with asyncio.timeout(PATIENCE):
        while "UserHasBeenCreated made-1" not in (seen := await told(shared, "/seen")):
            await asyncio.sleep(0.02)
    assert {"OnActivate", "UserHasBeenCreated made-1"} <= set(seen)


async def test_each_process_has_a_socket_of_its_own_that_only_our_user_can_reach(gateway: Gateway) -> None:
    target, token = await told(gateway, "/api")
    socket = Path(target.removeprefix("unix:"))
    assert (target, token) == (f"unix:{socket}", None)
    assert socket.parent.stat().st_mode & 0o777 == 0o700
    os.kill(await told(gateway, "/pid"), signal.SIGKILL)
    async with asyncio.timeout(PATIENCE):
        while (answer := await fetch(gateway.port, f"{BASE}/api")).status != 200:
            await asyncio.sleep(0.05)
    assert answer.json()[0] != target
    assert await asyncio.to_thread(socket.exists) is False


async def test_over_loopback_the_api_asks_for_the_token_of_the_process(tmp_path: Path) -> None:
    async with member_of(tmp_path, SERVEHTTP_WORKSPACE__API_TCP="com.example.member") as gateway:
        assert await told(gateway, "/starts") == 1
        target, token = await told(gateway, "/api")
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


@asynccontextmanager
async def api_of(gateway: Gateway) -> AsyncIterator[AsyncPluginAPIClient]:
    """The API as the plugin has it."""
    target, _ = await told(gateway, "/api")
    async with AsyncPluginAPIClient(target) as client:
        yield client


async def status_of(gateway: Gateway, path: str, plugin_id: str = INSTALLED) -> int:
    return (await fetch(gateway.port, f"/plugins/{plugin_id}{path}")).status


async def test_a_plugin_is_disabled_and_enabled_and_that_is_remembered(tmp_path: Path) -> None:
    async with member_of(tmp_path, str(MEMBER.parent / "subject")) as gateway, api_of(gateway) as api:
        await api.disable_plugin("com.example.subject")
        assert (await api.get_plugin_status("com.example.subject")).state == 0
        assert await status_of(gateway, "/pid", "com.example.subject") == 404
        await gateway.stop()
    async with member_of(tmp_path, str(MEMBER.parent / "subject")) as gateway, api_of(gateway) as api:
        assert await status_of(gateway, "/pid", "com.example.subject") == 404
        await api.enable_plugin("com.example.subject")
        assert await status_of(gateway, "/pid", "com.example.subject") == 200
        assert (await api.get_plugin_status("com.example.subject")).state == 2


async def test_a_bundle_is_installed_enabled_replaced_and_removed(tmp_path: Path) -> None:
    async with member_of(tmp_path) as gateway, api_of(gateway) as api:
        await api.install_plugin(plugin_bundle(INSTALLED, PROGRAM))
        assert await status_of(gateway, "/seen") == 404
        await api.enable_plugin(INSTALLED)
        answer = await fetch(gateway.port, f"/plugins/{INSTALLED}/seen")
        assert answer.json() == ["OnActivate", "OnInstall"]
        with pytest.raises(PluginAPIError, match="There is a plugin with this id"):
            await api.install_plugin(plugin_bundle(INSTALLED, PROGRAM, "2.0.0"))
        await api.install_plugin(plugin_bundle(INSTALLED, PROGRAM, "2.0.0"), force=True)
        with pytest.raises(PluginAPIError, match="The one before serves on"):
            await api.install_plugin(plugin_bundle(INSTALLED, b"1 +", "3.0.0"), force=True)
        assert (await api.get_plugin_status(INSTALLED)).version == "2.0.0"
        assert await status_of(gateway, "/seen") == 200
        await gateway.stop()
    async with member_of(tmp_path) as gateway, api_of(gateway) as api:
        answer = await fetch(gateway.port, f"/plugins/{INSTALLED}/seen")
        assert answer.json() == ["OnActivate"]
        await api.remove_plugin(INSTALLED)
        assert await status_of(gateway, "/seen") == 404
        assert os.listdir(tmp_path / "plugins") == []
        with pytest.raises(NotFoundError):
            await api.get_plugin_status(INSTALLED)


async def test_what_a_bundle_needs_is_installed_with_it(tmp_path: Path) -> None:
    files = {
        "plugin.json": json.dumps({"id": INSTALLED, "server": {"app": "shop:app"}}).encode(),
        "shop.py": NEEDY,
        "requirements.txt": b"needed==1.0\n",
        f"wheels/{wheel_name('needed')}": wheel("needed"),
    }
    bundled = {"SERVEHTTP_PLUGINS__INSTALL_DEPENDENCIES": "bundled"}
    async with member_of(tmp_path, **bundled) as gateway, api_of(gateway) as api:
        with pytest.raises(PluginAPIError, match="its dependencies cannot be installed"):
            await api.install_plugin(bundle_of(files | {"requirements.txt": b"needed==2.0\n"}))
        with pytest.raises(PluginAPIError, match="line 1 of its requirements"):
            await api.install_plugin(bundle_of(files | {"requirements.txt": b"-e .\n"}))
        await api.install_plugin(bundle_of(files))
        await api.enable_plugin(INSTALLED)
        assert (await fetch(gateway.port, f"/plugins/{INSTALLED}/")).body == b"1.0"
        await api.remove_plugin(INSTALLED)
        assert os.listdir(tmp_path / "environments") == []


async def test_a_plugin_that_was_named_at_the_start_is_neither_removed_nor_replaced(shared: Gateway) -> None:
    async with api_of(shared) as api:
        with pytest.raises(PluginAPIError, match="named at the start"):
            await api.remove_plugin("com.example.member")
        with pytest.raises(PluginAPIError, match="There is a plugin with this id"):
            await api.install_plugin(bundle_of_folder(MEMBER), force=True)
        assert await told(shared, "/starts") == 1


async def test_a_plugin_may_disable_itself(gateway: Gateway) -> None:
    async with api_of(gateway) as api:
        with contextlib.suppress(PluginAPIError):  # its own connection ends with it
            await api.disable_plugin("com.example.member")
    async with asyncio.timeout(PATIENCE):
        while await status_of(gateway, "/starts", "com.example.member") != 404:
            await asyncio.sleep(0.02)
    assert await gateway.stop() == 0


async def test_a_plugin_asks_another_over_http(shared: Gateway) -> None:
    async with api_of(shared) as api:
        await api.install_plugin(plugin_bundle(INSTALLED, PROGRAM))
        assert (await api.plugin_http("POST", f"/{INSTALLED}/echo", {}, b""))[0] == 404
        await api.enable_plugin(INSTALLED)
        forged = {"Mattermost-User-Id": "a" * 26, "Mattermost_Plugin_ID": "another", "X-From": "me"}
        status, _, body = await api.plugin_http("POST", f"/{INSTALLED}/echo?a=b", forged, b"hello")
        assert (status, json.loads(body)) == (200, ["com.example.member", "me", "a=b", "hello"])
        assert (await api.plugin_http("POST", f"/{INSTALLED}/../com.example.member/"))[0] == 400
        assert (await api.plugin_http("POST", f"/{INSTALLED}/{'x' * 9000}"))[0] == 414
        assert (await api.plugin_http("POST", f"/{INSTALLED}/echo", {f"X-{n}": "v" for n in range(200)}))[0] == 431
        status, kind, body = await told(shared, f"/other/{INSTALLED}/echo?a=b")
        assert (status, kind) == (200, "application/json")
        assert json.loads(body) == ["com.example.member", "member", "a=b", "content"]
        await api.remove_plugin(INSTALLED)


async def test_what_one_plugin_posts_another_one_refuses(shared: Gateway) -> None:
    async with api_of(shared) as api:
        await api.install_plugin(plugin_bundle(INSTALLED, PROGRAM))
        await api.enable_plugin(INSTALLED)
        user = await api.create_user(User(username="eve", email="eve@example.com", password="Passw0rd!"))
        team = await api.create_team(Team(name="engine", display_name="Engine", type="O"))
        channel = await api.create_channel(Channel(team_id=team.id, name="talk", display_name="Talk", type="O"))
        with pytest.raises(PluginAPIError, match="no spam here"):
            await api.create_post(Post(user_id=user.id, channel_id=channel.id, message="spam"))
        posted = await api.create_post(Post(user_id=user.id, channel_id=channel.id, message="ham"))
        assert (await api.get_post(posted.id)).message == "ham"
        await api.remove_plugin(INSTALLED)
        await api.create_post(Post(user_id=user.id, channel_id=channel.id, message="spam"))


async def test_workers_serve_what_is_installed_meanwhile(tmp_path: Path) -> None:
    async with member_of(tmp_path, "--workers", "2") as gateway, api_of(gateway) as api:
        await api.install_plugin(plugin_bundle(INSTALLED, PROGRAM))
        await api.enable_plugin(INSTALLED)
        async with asyncio.timeout(PATIENCE):
            for _ in range(10):
                while await status_of(gateway, "/seen") != 200:
                    await asyncio.sleep(0.02)
        await api.remove_plugin(INSTALLED)
        assert await status_of(gateway, "/seen") == 404


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_public_files_are_those_of_the_version_that_serves(workers: str, tmp_path: Path) -> None:
    async def page(gateway: Gateway) -> bytes:
        return (await fetch(gateway.port, f"/plugins/{INSTALLED}/public/page.txt")).body

    async with member_of(tmp_path, "--workers", workers) as gateway, api_of(gateway) as api:
        await api.install_plugin(plugin_bundle(INSTALLED, PROGRAM, files={"public/page.txt": b"first"}))
        await api.enable_plugin(INSTALLED)
        assert await page(gateway) == b"first"
        update = plugin_bundle(INSTALLED, PROGRAM, "2.0.0", files={"public/page.txt": b"second"})
        await api.install_plugin(update, force=True)
        async with asyncio.timeout(PATIENCE):
            for _ in range(10):
                while await page(gateway) != b"second":
                    await asyncio.sleep(0.02)
        await api.disable_plugin(INSTALLED)
        assert await status_of(gateway, "/public/page.txt") == 404


async def test_workers_know_who_asks(tmp_path: Path) -> None:
    async with member_of(tmp_path, "--workers", "2") as gateway:
        bearer = ("authorization", f"Bearer {token_in(tmp_path)}")
        for _ in range(6):
            assert len((await me(gateway, bearer))["mattermost-user-id"]) == 26
            assert (await me(gateway, ("authorization", "Bearer guessed")))["mattermost-user-id"] is None


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_without_its_database_nobody_who_sends_a_token_is_taken_for_nobody(tmp_path: Path, workers: str) -> None:
    async with member_of(tmp_path, "--workers", workers) as gateway:
        with contextlib.closing(sqlite3.connect(tmp_path / "workspace.db", timeout=PATIENCE)) as database, database:
            database.execute("ALTER TABLE sessions RENAME TO away")
        for _ in range(4):
            answer = await fetch(gateway.port, f"{BASE}/me", headers=[("cookie", f"MMAUTHTOKEN={'a' * 26}")])
            assert (answer.status, answer.header("retry-after")) == (503, "1")
            assert (await me(gateway))["mattermost-user-id"] is None
            assert (await me(gateway, ("authorization", "Bearer my.jwt")))["authorization"] == "Bearer my.jwt"


async def test_workers_pass_the_api_on_to_the_main_process(tmp_path: Path) -> None:
    async with member_of(tmp_path, "--workers", "2") as gateway:
        bearer = ("authorization", f"Bearer {token_in(tmp_path)}")
        for _ in range(4):
            answer = await fetch(gateway.port, "/api/v4/users/me", headers=[bearer])
            assert (answer.status, answer.json()["username"]) == (200, "admin")
        form = b'--b\r\nContent-Disposition: form-data; name="plugin"; filename="p.tar.gz"\r\n\r\n'
        form += plugin_bundle(INSTALLED, PROGRAM) + b"\r\n--b--\r\n"
        headers = [bearer, ("content-type", "multipart/form-data; boundary=b")]
        answer = await fetch(gateway.port, "/api/v4/plugins", "POST", headers, form)
        assert (answer.status, answer.json()["id"]) == (201, INSTALLED)
        answer = await fetch(gateway.port, f"/api/v4/plugins/{INSTALLED}/enable", "POST", [bearer])
        assert answer.status == 200
        async with connect_websocket(
            f"ws://127.0.0.1:{gateway.port}/api/v4/websocket", additional_headers=[bearer]
        ) as websocket:
            assert json.loads(await websocket.recv())["event"] == "hello"
        ready = (await fetch(gateway.port, "/readyz?verbose")).json()
        assert [plugin["id"] for plugin in ready["plugins"]] == ["com.example.member", INSTALLED]
        assert await gateway.stop() == 0


async def me(gateway: Gateway, *headers: tuple[str, str], query: str = "", method: str = "GET") -> dict[str, str]:
    answer = await fetch(gateway.port, f"{BASE}/me{query}", method=method, headers=[*headers])
    assert answer.status == 200
    return dict(answer.json())


async def test_a_session_from_a_login_tells_plugins_who_asks(shared: Gateway) -> None:
    async with api_of(shared) as api:
        user = await api.create_user(User(username="ada", email="ada@example.com", password="Passw0rd!"))
    credentials = json.dumps({"login_id": "ada", "password": "Passw0rd!"}).encode()
    login = await fetch(shared.port, "/api/v4/users/login", method="POST", body=credentials)
    assert login.status == 200, login
    token = next(value for name, value in login.headers if name == b"token").decode()
    for _ in range(2):  # the ASGI path, and then the short one
        seen = await me(shared, ("authorization", f"Bearer {token}"), ("mattermost-user-id", "forged"))
        assert seen == {"mattermost-user-id": user.id, "authorization": None, "cookie": None, "query": "", "body": ""}
    async with connect(shared.port) as client:  # the same head again and again, on one connection
        for _ in range(4):
            answer = await client.request("GET", f"{BASE}/me", [("authorization", f"Bearer {token}")], b"")
            assert (answer.json()["mattermost-user-id"], answer.json()["authorization"]) == (user.id, None)
    seen = await me(shared, ("cookie", f"a=b; MMAUTHTOKEN={token}"), query=f"?x=1&access_token={token}")
    assert (seen["mattermost-user-id"], seen["cookie"], seen["query"]) == (user.id, "a=b", "x=1")
    seen = await me(shared, ("authorization", "Bearer my.jwt"), ("cookie", "flag"), query="?access_token=own")
    assert (seen["authorization"], seen["cookie"], seen["query"]) == ("Bearer my.jwt", "flag", "access_token=own")
    assert (await me(shared, ("cookie", f"MMAUTHTOKEN={token}"), method="POST"))["mattermost-user-id"] is None
    ours = ("x-requested-with", "XMLHttpRequest")
    assert (await me(shared, ("cookie", f"MMAUTHTOKEN={token}"), ours, method="POST"))["mattermost-user-id"] == user.id
    logout = await fetch(
        shared.port, "/api/v4/users/logout", method="POST", headers=[("authorization", f"Bearer {token}")]
    )
    assert logout.status == 200
    assert (await me(shared, ("authorization", f"Bearer {token}")))["mattermost-user-id"] is None


LOUD = """
import sys

sys.exit("cannot connect to postgresql://app:s3cret@db/notes")
"""


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_what_a_plugin_printed_is_only_for_this_machine_and_administrators(tmp_path: Path, workers: str) -> None:
    plugin, data = tmp_path / "loud", tmp_path / "data"
    plugin.mkdir()
    (plugin / "plugin.json").write_text(
        '{"id": "com.example.loud", "server": {"runtime": "python", "executable": "plugin.py"}}'
    )
    (plugin / "plugin.py").write_text(LOUD)
    environment = {"SERVEHTTP_WORKSPACE__ENABLED": "true", "SERVEHTTP_PLUGINS__RESTART_LIMIT": "1"}
    async with running(plugin, "--data-dir", data, "--workers", workers, environment=environment) as gateway:
        proxied = ("x-forwarded-for", "192.0.2.1")
        bearer = ("authorization", f"Bearer {token_in(data)}")
        seen = {
            who: (await fetch(gateway.port, "/readyz?verbose", headers=headers)).json()["plugins"][0]
            for who, headers in {"here": [], "proxied": [proxied], "administrator": [proxied, bearer]}.items()
        }
    assert seen["proxied"].keys() == {"id", "state", "reason", "restarts", "started_in", "uptime"}
    assert seen["proxied"]["reason"] == "exited with code 1 before its handshake"
    for who in ("here", "administrator"):
        assert "s3cret" in seen[who]["reason"]
        assert "pid" in seen[who]


async def test_the_administrators_token_works_in_the_api_and_for_plugins(shared: Gateway, shared_folder: Path) -> None:
    bearer = ("authorization", f"Bearer {token_in(shared_folder)}")
    admin = (await fetch(shared.port, "/api/v4/users/me", headers=[bearer])).json()
    assert (admin["username"], admin["roles"]) == ("admin", "system_admin system_user")
    assert (await me(shared, bearer))["mattermost-user-id"] == admin["id"]
    assert (await fetch(shared.port, "/api/v4/users/me")).status == 401
    assert (await fetch(shared.port, "/api/v4/nothing", headers=[bearer])).status == 404
    # Another one is made while the gateway runs.
    made = await asyncio.to_thread(admin_token, shared_folder)
    assert made.returncode == 0, made.stderr
    another = ("authorization", f"Bearer {made.stdout.strip()}")
    assert (await me(shared, another))["mattermost-user-id"] == admin["id"]
    nobody = await asyncio.to_thread(admin_token, shared_folder, "--user", "nobody")
    assert (nobody.returncode, nobody.stderr) == (1, "error: there is no user 'nobody' in the workspace\n")


def token_in(data_dir: Path) -> str:
    return (data_dir / "admin-token").read_text().strip()


def admin_token(data_dir: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "servehttp", "admin", "token", "--data-dir", str(data_dir), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_gateway_whose_workspace_cannot_be_opened_says_why_and_ends(tmp_path: Path, workers: str) -> None:
    (tmp_path / "workspace.db").mkdir()
    options = ("--data-dir", str(tmp_path), "--workers", workers)
    async with running(MEMBER, *options, environment=SETTINGS, serving=False) as gateway:
        line = await gateway.log(lambda log: log["event"].startswith("error: the workspace cannot be opened: "))
        assert "unable to open database file" in line["event"]
        assert await gateway.process.wait() == 1
    command = await asyncio.to_thread(admin_token, tmp_path)
    assert (command.returncode, command.stderr) == (1, f"{line['event']}\n")


async def test_without_a_workspace_there_is_no_api_and_nothing_is_kept(tmp_path: Path) -> None:
    subject = MEMBER.parent / "subject"
    async with running(subject, "--no-workspace", "--data-dir", tmp_path, environment=SETTINGS) as gateway:
        environment = (await fetch(gateway.port, "/plugins/com.example.subject/environment")).json()
        of_api = {name: environment[name] for name in environment if name.startswith("MATTERMOST_PLUGIN_API")}
        assert of_api == {"MATTERMOST_PLUGIN_API_TARGET": ""}
        assert os.listdir(tmp_path) == []
