"""`/readyz?verbose`: who is told what of the plugins."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest

from mattermost_plugin.types import Event, Scope
from servehttp.front.health import SEE_THE_LOG, Health, own_words
from servehttp.identity import UNKNOWN, Cached, Caller, IdentityUnavailable
from servehttp.plugins.states import PluginState
from support.fronts import Handle, Plugins

pytestmark = pytest.mark.anyio

SECRET = "postgresql://app:s3cret@db/notes"
REASON = f"exited with code 1 before its handshake; last on stderr: cannot connect to {SECRET}"
ABROAD = ("192.0.2.1", 4711)
HERE = ("127.0.0.1", 4711)


@dataclass
class Degraded(Handle):
    """A plugin of which one process stays down."""

    state: PluginState = PluginState.RUNNING

    def describe(self) -> dict[str, object]:
        parts = [
            {"replica": 1, "state": "running", "reason": None, "restarts": 0, "pid": 4241, "in_flight": 7},
            {"replica": 2, "state": "failed", "reason": REASON, "restarts": 3, "pid": None, "in_flight": 0},
        ]
        reason = f"1 of 2 replicas run; [2] is failed: {REASON}"
        whole = {"id": self.id, "state": "running", "reason": reason, "restarts": 3, "in_flight": 7}
        return {**whole, "replicas": parts}


@dataclass
class Fallen(Handle):
    """A plugin that stays down."""

    state: PluginState = PluginState.FAILED
    reason: str | None = REASON
    restarts: int = 3

    def describe(self) -> dict[str, object]:
        return {
            "id": self.id,
            "state": self.state.value,
            "reason": self.reason,
            "restarts": self.restarts,
            "pid": 4242,
            "transport": "tunnel",
            "in_flight": 0,
            "started_in": None,
            "uptime": None,
            "worker": 4241,
        }


class Users:
    """Knows an administrator and somebody else, unless the database is away."""

    def __init__(self, *, away: bool = False) -> None:
        self._away = away

    def cached(self, token: str) -> Cached:
        return UNKNOWN

    async def lookup(self, token: str) -> Caller | None:
        self._look()
        return Caller(token) if token in ("admin", "ada") else None

    trouble: str | None = None

    async def manages(self, user_id: str) -> bool:
        self._look()
        return user_id == "admin"

    def _look(self) -> None:
        if self._away:
            raise IdentityUnavailable


async def ask(*headers: tuple[bytes, bytes], **options: Any) -> dict[str, Any]:
    """What is told of a plugin that has failed; options are those of `ask_all`."""
    (plugin,) = (await ask_all(*headers, **options))["plugins"]
    return dict(plugin)


async def ask_all(
    *headers: tuple[bytes, bytes],
    client: tuple[str, int] | None = ABROAD,
    server: tuple[str, int | None] = ("192.0.2.9", 80),
    query: bytes = b"verbose",
    users: Users | None = None,
    plugin: Handle | None = None,
) -> dict[str, Any]:
    """What is told of a gateway whose only plugin has failed, or is another one."""
    sent: list[Event] = []

    async def send(event: Event) -> None:
        sent.append(event)

    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": "/readyz",
        "query_string": query,
        "headers": [*headers],
        "client": client,
        "server": server,
    }
    registry: Any = Plugins({"p": plugin or Fallen(None)})
    assert await Health(registry, users or Users()).answer(scope, send)
    assert sent[0]["status"] == (200 if plugin else 503)
    report: dict[str, Any] = json.loads(sent[1]["body"])
    return report


FOR_ANYBODY = {
    "id": "p",
    "state": "failed",
    "reason": "exited with code 1 before its handshake",
    "restarts": 3,
    "started_in": None,
    "uptime": None,
}
WHOLE = Fallen(None).describe()


@pytest.mark.parametrize("client", [ABROAD, ("10.0.0.1", 1), ("2001:db8::1", 1), None, ("testclient", 1)])
async def test_anybody_is_told_the_reason_but_nothing_that_the_plugin_said(client: tuple[str, int] | None) -> None:
    assert await ask(client=client) == FOR_ANYBODY


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
async def test_who_is_on_this_machine_is_told_all(host: str) -> None:
    assert await ask(client=(host, 1)) == WHOLE


async def test_so_is_who_comes_by_a_unix_socket() -> None:
    socket = ("/run/gateway.sock", None)
    assert await ask(client=None, server=socket) == WHOLE
    assert await ask((b"x-forwarded-for", b"192.0.2.1"), client=None, server=socket) == FOR_ANYBODY


@pytest.mark.parametrize(
    "name", [b"x-forwarded-for", b"x-forwarded-host", b"x_forwarded_for", b"forwarded", b"x-real-ip", b"via"]
)
async def test_who_comes_through_a_proxy_of_this_machine_is_anybody(name: bytes) -> None:
    assert await ask((name, b"127.0.0.1"), client=("127.0.0.1", 1)) == FOR_ANYBODY


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ([(b"authorization", b"Bearer admin")], b"verbose"),
        ([(b"cookie", b"MMAUTHTOKEN=admin")], b"verbose"),
        ([], b"verbose&access_token=admin"),
    ],
)
async def test_an_administrator_is_told_all_from_anywhere(headers: list[tuple[bytes, bytes]], query: bytes) -> None:
    assert await ask(*headers, query=query) == WHOLE
    assert await ask(*headers, (b"x-forwarded-for", b"192.0.2.1"), query=query) == WHOLE


@pytest.mark.parametrize("token", [b"ada", b"nobody", b""])
async def test_another_user_is_anybody(token: bytes) -> None:
    assert await ask((b"authorization", b"Bearer " + token)) == FOR_ANYBODY


async def test_a_probe_is_answered_though_nobody_can_be_looked_up() -> None:
    assert await ask((b"authorization", b"Bearer admin"), users=Users(away=True)) == FOR_ANYBODY


@pytest.mark.parametrize(
    ("reason", "own"),
    [
        (None, None),
        (REASON, "exited with code 1 before its handshake"),
        ("was killed by SIGKILL; last on stderr: " + SECRET, "was killed by SIGKILL"),
        ("printed no handshake within 10 s; on stdout it printed 'x'", "printed no handshake within 10 s"),
        (f"its handshake cannot be used: unrecognized address {SECRET}", "its handshake cannot be used"),
        (f"OnActivate failed: cannot reach {SECRET}", "OnActivate failed"),
        (f"connection lost: {SECRET}", "connection lost"),
        (f"Implemented failed: {SECRET}", "Implemented failed"),
        (f"OnActivate: INTERNAL: {SECRET}", "OnActivate"),
        (
            "3 health checks in a row failed, the last one with: Check: UNAVAILABLE: x",
            "3 health checks in a row failed, the last one with",
        ),
        ("/srv/plugins/x/venv/bin/python: is Python 3.9, but the plugin asks for 3.12; change", SEE_THE_LOG),
        ("plugins/x/plugin.json: server: is missing", SEE_THE_LOG),
        ("", SEE_THE_LOG),
    ],
)
async def test_a_reason_is_told_up_to_where_others_words_begin(reason: str | None, own: str | None) -> None:
    assert own_words(reason) == own


async def test_who_is_told_all_is_told_how_many_tasks_there_are() -> None:
    before = (await ask_all(client=HERE))["tasks"]
    over = asyncio.Event()
    task = asyncio.create_task(over.wait())
    with_another = (await ask_all(client=HERE))["tasks"]
    over.set()
    await task

    assert with_another == before + 1
    assert "tasks" not in await ask_all(client=ABROAD)


async def test_of_each_process_anybody_is_told_how_it_is_and_no_more() -> None:
    plugin = Degraded(None)
    assert await ask(client=("127.0.0.1", 1), plugin=plugin) == plugin.describe()
    assert await ask(plugin=plugin) == {
        "id": "p",
        "state": "running",
        "reason": "1 of 2 replicas run",
        "restarts": 3,
        "replicas": [
            {"replica": 1, "state": "running", "reason": None, "restarts": 0},
            {"replica": 2, "state": "failed", "reason": "exited with code 1 before its handshake", "restarts": 3},
        ],
    }
