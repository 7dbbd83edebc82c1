"""What ends a session ends it in every worker: a request that begins after the answer to it is nobody's."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.client import Client, connect, fetch
from support.gateway import Gateway, running
from support.patience import PATIENCE

pytestmark = pytest.mark.anyio

MEMBER = Path(__file__).parent / "plugins" / "member"
WORKERS = 3
SETTINGS = {
    "SERVEHTTP_WORKSPACE__ENABLED": "true",
    "SERVEHTTP_WORKSPACE__SESSION_CACHE": "3600",  # what is forgotten is so because it was told
    "SERVEHTTP_SERVER__WORKERS": str(WORKERS),
}
PASSWORD = "correct horse battery"
ROUNDS = 3


@dataclass
class Scene:
    """A gateway, its administrator, and a connection to each worker."""

    gateway: Gateway
    admin: str
    clients: list[Client]

    async def rest(self, method: str, path: str, token: str = "", **body: Any) -> Any:
        """What the REST API answers."""
        headers = [("authorization", f"Bearer {token}")] if token else []
        answer = await fetch(self.gateway.port, f"/api/v4{path}", method, headers, json.dumps(body).encode())
        assert answer.status < 300, answer
        return answer.json() | {"session": answer.header("token")}

    async def seen(self, token: str) -> list[str | None]:
        """Who asks, as the plugin sees it through each worker."""
        headers = [("authorization", f"Bearer {token}")]
        path = "/plugins/com.example.member/me"
        answers = [await client.request("GET", path, headers) for client in self.clients]
        return [answer.json()["mattermost-user-id"] for answer in answers]


@asynccontextmanager
async def clients_of(gateway: Gateway) -> AsyncIterator[list[Client]]:
    """A connection to each worker."""
    found: dict[int, Client] = {}
    async with contextlib.AsyncExitStack() as open_, asyncio.timeout(PATIENCE) as search:
        while len(found) < WORKERS:
            client = await open_.enter_async_context(connect(gateway.port))
            [plugin] = (await client.request("GET", "/readyz?verbose")).json()["plugins"]
            found.setdefault(plugin["worker"], client)
        search.reschedule(None)
        yield list(found.values())


@pytest.fixture(scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    data_dir = tmp_path_factory.mktemp("data")
    async with (
        running(MEMBER, "--data-dir", data_dir, environment=SETTINGS) as gateway,
        clients_of(gateway) as clients,
    ):
        yield Scene(gateway, (data_dir / "admin-token").read_text().strip(), clients)


async def logout(scene: Scene, user: str, token: str, token_id: str) -> None:
    await scene.rest("POST", "/users/logout", token)


async def revoke_the_session(scene: Scene, user: str, token: str, token_id: str) -> None:
    await scene.rest("POST", f"/users/{user}/sessions/revoke/all", scene.admin)


async def deactivate(scene: Scene, user: str, token: str, token_id: str) -> None:
    await scene.rest("PUT", f"/users/{user}/active", scene.admin, active=False)


async def change_the_password(scene: Scene, user: str, token: str, token_id: str) -> None:
    await scene.rest("PUT", f"/users/{user}/password", scene.admin, new_password=PASSWORD)


async def revoke_the_token(scene: Scene, user: str, token: str, token_id: str) -> None:
    await scene.rest("POST", "/users/tokens/revoke", scene.admin, token_id=token_id)


async def disable_the_token(scene: Scene, user: str, token: str, token_id: str) -> None:
    await scene.rest("POST", "/users/tokens/disable", scene.admin, token_id=token_id)


End = Callable[[Scene, str, str, str], Awaitable[None]]
BY_LOGIN: list[End] = [logout, revoke_the_session, deactivate, change_the_password]
BY_TOKEN: list[End] = [revoke_the_token, disable_the_token, deactivate]


async def test_what_ends_a_session_ends_it_in_every_worker_before_it_is_answered(scene: Scene) -> None:
    for number, (end, by_login) in enumerate([(end, True) for end in BY_LOGIN] + [(end, False) for end in BY_TOKEN]):
        for again in range(ROUNDS):
            name = f"user-{number}-{again}"
            about = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
            user = (await scene.rest("POST", "/users", scene.admin, **about))["id"]
            if by_login:
                token = (await scene.rest("POST", "/users/login", login_id=name, password=PASSWORD))["session"]
                token_id = ""
            else:
                made = await scene.rest("POST", f"/users/{user}/tokens", scene.admin, description="theirs")
                token, token_id = made["token"], made["id"]
            assert await scene.seen(token) == [user] * WORKERS
            await end(scene, user, token, token_id)
            assert await scene.seen(token) == [None] * WORKERS, end.__name__


async def test_an_activated_users_token_counts_in_every_worker_at_once(scene: Scene) -> None:
    about = {"username": "ada", "email": "ada@example.com", "password": PASSWORD}
    user = (await scene.rest("POST", "/users", scene.admin, **about))["id"]
    token = (await scene.rest("POST", f"/users/{user}/tokens", scene.admin, description="theirs"))["token"]
    await scene.rest("PUT", f"/users/{user}/active", scene.admin, active=False)
    assert await scene.seen(token) == [None] * WORKERS
    await scene.rest("PUT", f"/users/{user}/active", scene.admin, active=True)
    assert await scene.seen(token) == [user] * WORKERS


async def test_a_worker_that_hangs_holds_up_what_ends_a_session_no_longer_than_the_setting(scene: Scene) -> None:
    [plugin] = (await scene.clients[0].request("GET", "/readyz?verbose")).json()["plugins"]
    about = {"username": "bob", "email": "bob@example.com", "password": PASSWORD}
    user = (await scene.rest("POST", "/users", scene.admin, **about))["id"]
    token = (await scene.rest("POST", "/users/login", login_id="bob", password=PASSWORD))["session"]
    others = Scene(scene.gateway, scene.admin, scene.clients[1:])
    assert await others.seen(token) == [user] * (WORKERS - 1)
    os.kill(plugin["worker"], signal.SIGSTOP)
    try:
        # On a connection that is there, for the port's next one may be the frozen worker's.
        headers = [("authorization", f"Bearer {token}")]
        assert (await others.clients[0].request("POST", "/api/v4/users/logout", headers)).status == 200
        assert await others.seen(token) == [None] * (WORKERS - 1)
        told = "a worker has not said in time that it forgot a user's sessions"
        await scene.gateway.log(lambda log: log["event"] == told)
    finally:
        os.kill(plugin["worker"], signal.SIGCONT)
