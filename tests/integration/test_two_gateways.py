"""Two gateways of one workspace in PostgreSQL, as processes: what happens at one is seen at the other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect as connect_websocket

from support.client import fetch
from support.gateway import Gateway, running
from support.patience import PATIENCE
from support.workspaces import SERVER, empty_database

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(not SERVER, reason="needs a PostgreSQL server")]

SUBJECT = Path(__file__).parent / "plugins" / "subject"
ID = "com.example.subject"
PASSWORD = "Passw0rd!"


@dataclass
class Node:
    """A gateway."""

    gateway: Gateway

    async def rest(self, token: str, method: str, path: str, body: object = None) -> Any:
        text = b"" if body is None else json.dumps(body).encode()
        answer = await fetch(self.gateway.port, f"/api/v4{path}", method, [("authorization", f"Bearer {token}")], text)
        assert answer.status < 300, answer
        return answer.json()

    async def status(self, token: str) -> int:
        """Of an answer to whoever has this token."""
        headers = [("authorization", f"Bearer {token}")]
        return (await fetch(self.gateway.port, "/api/v4/users/me", headers=headers)).status

    async def plugin(self) -> str:
        told = (await fetch(self.gateway.port, "/readyz?verbose")).json()
        [plugin] = told["plugins"]
        return str(plugin["state"])


@dataclass
class Pair:
    one: Node
    two: Node
    token: str
    """The administrator's."""


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(empty_database("postgresql"))
        environment = {"SERVEHTTP_WORKSPACE__ENABLED": "true", "SERVEHTTP_WORKSPACE__DATABASE_URL": url}
        nodes = []
        for name in ("one", "two"):
            options = (SUBJECT, "--data-dir", tmp_path / name)
            nodes.append(Node(await stack.enter_async_context(running(*options, environment=environment))))
        token = await asyncio.to_thread((tmp_path / "one" / "admin-token").read_text)
        yield Pair(nodes[0], nodes[1], token.strip())


async def until(condition: Any) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await condition():
            await asyncio.sleep(0.02)


async def test_what_happens_at_one_is_seen_at_the_other_by_a_server(pair: Pair) -> None:
    one, two, admin = pair.one, pair.two, pair.token
    team = await one.rest(admin, "POST", "/teams", {"name": "lab", "display_name": "Lab", "type": "O"})
    channel = await one.rest(admin, "GET", f"/teams/{team['id']}/channels/name/town-square")

    headers = {"authorization": f"Bearer {admin}"}
    url = f"ws://127.0.0.1:{two.gateway.port}/api/v4/websocket"
    async with asyncio.timeout(PATIENCE), connect_websocket(url, additional_headers=headers) as client:
        assert json.loads(await client.recv())["event"] == "hello"
        for number in range(20):
            await one.rest(admin, "POST", "/posts", {"channel_id": channel["id"], "message": f"number {number}"})
        heard: list[str] = []
        while len(heard) < 20:
            event = json.loads(await client.recv())
            if event["event"] == "posted":
                heard.append(json.loads(event["data"]["post"])["message"])
        assert heard == [f"number {number}" for number in range(20)]

    account = {"username": "ada", "email": "ada@example.com", "password": PASSWORD}
    ada = await one.rest(admin, "POST", "/users", account)
    login = await fetch(
        one.gateway.port,
        "/api/v4/users/login",
        "POST",
        [("content-type", "application/json")],
        json.dumps({"login_id": "ada", "password": PASSWORD}).encode(),
    )
    session = login.header("token") or ""
    page = [("authorization", f"Bearer {session}")]

    async def known() -> str:
        """Who the plugin at the other gateway is told that it is."""
        answer = await fetch(two.gateway.port, f"/plugins/{ID}/pid", headers=page)
        return str(answer.status)

    assert (await known(), await two.status(session)) == ("200", 200)
    await one.rest(admin, "POST", f"/users/{ada['id']}/sessions/revoke/all")
    await until(lambda: _is(two.status(session), 401))

    await one.rest(admin, "POST", f"/plugins/{ID}/disable")
    await until(lambda: _is(two.plugin(), "stopped"))
    await two.rest(admin, "POST", f"/plugins/{ID}/enable")
    await until(lambda: _is(one.plugin(), "running"))


async def _is(found: Any, wanted: object) -> bool:
    return bool(await found == wanted)
