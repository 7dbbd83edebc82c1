"""Logging in: who gets a session, who does not, and what both are told."""

from __future__ import annotations

import asyncio
import threading

import pytest

from mattermost_plugin.grpc import common_pb2
from mattermost_plugin.grpc import hooks_user_channel_pb2 as pb
from servehttp.workspace.domains.people import passwords
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.hooks import Refused
from servehttp.workspace.settings import WorkspaceSettings
from servehttp.workspace.workspace import Workspace
from support.patience import PATIENCE
from support.workspaces import PASSWORD, Clock, FakePlugin, a_user

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings(database_url: str) -> WorkspaceSettings:
    return WorkspaceSettings(database_url=database_url, login_attempts=3, login_rate=5, session_hours=1)


async def failed(ws: Workspace, login_id: str, password: str, address: str = "") -> tuple[str, int]:
    with pytest.raises(AppFailure) as refused:
        await ws.logins.login(login_id, password, address=address)
    return refused.value.id, refused.value.status


@pytest.mark.parametrize("login_id", ["ada", "ADA", "ada@example.com"])
async def test_a_name_or_an_address_opens_a_session_with_the_password(ws: Workspace, login_id: str) -> None:
    user = await a_user(ws)
    session = await ws.logins.login(login_id, PASSWORD, device_id="phone")
    assert (session.user_id, session.roles, session.device_id) == (user.id, "system_user", "phone")
    assert await ws.sessions.authenticate(session.token) == session


async def test_a_wrong_password_and_an_unknown_user_cannot_be_told_apart(ws: Workspace) -> None:
    await a_user(ws)
    wrong = await failed(ws, "ada", "wrong password")
    assert wrong == await failed(ws, "nobody", PASSWORD)
    assert wrong == ("api.user.login.invalid_credentials_email_username", 401)


async def test_a_lock_ends_by_itself(ws: Workspace, clock: Clock) -> None:
    """Otherwise anybody could lock anybody out for good."""
    user = await a_user(ws)
    for address in ("192.0.2.1", "192.0.2.2"):
        for _ in range(3):
            await failed(ws, "ada", "wrong password", address)
        assert await failed(ws, "ada", PASSWORD, address) == (
            "api.user.check_user_login_attempts.too_many.app_error",
            401,
        )
        clock.advance(seconds=300)
    assert (await ws.logins.login("ada", PASSWORD)).user_id == user.id


@pytest.mark.parametrize("login_id", [" ada", "ada ", "ADA", "\tada\n"])
async def test_an_account_written_otherwise_is_the_same_account(ws: Workspace, login_id: str) -> None:
    await a_user(ws)
    for _ in range(5):
        await ws.logins.login("ada", PASSWORD, address="192.0.2.1")
    with pytest.raises(AppFailure) as refused:
        await ws.logins.login(login_id, PASSWORD, address="192.0.2.1")
    assert refused.value.status == 429


async def test_an_address_is_turned_away_whatever_names_it_tries(ws: Workspace) -> None:
    for number in range(ws.settings.login_address_rate):
        await failed(ws, f"nobody{number}", PASSWORD, "192.0.2.1")
    assert (await failed(ws, "nobody", PASSWORD, "192.0.2.1"))[1] == 429
    assert (await failed(ws, "nobody", PASSWORD, "192.0.2.2"))[1] == 401


async def test_a_name_or_a_password_that_is_nobodys_costs_no_work(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = counting_hashes(monkeypatch)
    assert (await failed(ws, "a" * 1_000_000, PASSWORD))[1] == 401
    assert (await failed(ws, "ada", "p" * 1_000_000))[1] == 401
    assert hashed == []


async def test_the_same_work_is_done_for_known_and_unknown_names(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_user(ws)
    hashed = counting_hashes(monkeypatch)
    for name in ("ada", "nobody"):
        await failed(ws, name, "wrong password")
    assert hashed == ["wrong password"] * 2


async def test_only_so_many_logins_wait_for_their_turn(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(passwords, "_verify", lambda hashed, password: go_on.wait(PATIENCE) and False)
    room = ws.settings.password_threads + ws.settings.password_queue
    tries = [
        asyncio.create_task(ws.logins.login(f"nobody{number}", PASSWORD, address=str(number)))
        for number in range(room + 3)
    ]
    refused, _ = await asyncio.wait(tries, return_when=asyncio.FIRST_COMPLETED)
    while len(refused) < 3:
        refused, _ = await asyncio.wait(tries, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(0)
    go_on.set()
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(it.status for it in outcomes if isinstance(it, AppFailure)) == [401] * room + [503] * 3


def counting_hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that are compared from here on."""
    compared: list[str] = []

    def compare(hashed: str, password: str) -> bool:
        compared.append(password)
        return False

    monkeypatch.setattr(passwords, "_verify", compare)
    return compared


async def test_wrong_passwords_in_a_row_lock_the_account_until_it_gets_another_one(ws: Workspace) -> None:
    user = await a_user(ws)
    for _ in range(3):
        await failed(ws, "ada", "wrong password")
    assert await failed(ws, "ada", PASSWORD) == ("api.user.check_user_login_attempts.too_many.app_error", 401)
    await ws.users.set_password(user.id, "another password")
    assert (await ws.logins.login("ada", "another password")).user_id == user.id
    assert (await ws.users.get(user.id)).failed_attempts == 0


async def test_too_many_tries_within_the_window_are_turned_away_by_address(ws: Workspace) -> None:
    await a_user(ws)
    for _ in range(5):
        await ws.logins.login("ada", PASSWORD, address="192.0.2.1")
    with pytest.raises(AppFailure) as refused:
        await ws.logins.login("ada", PASSWORD, address="192.0.2.1")
    assert refused.value.status == 429
    await ws.logins.login("ada", PASSWORD, address="192.0.2.2")


async def test_a_deactivated_user_is_turned_away(ws: Workspace) -> None:
    user = await a_user(ws)
    await ws.users.set_active(user.id, False)
    assert await failed(ws, "ada", PASSWORD) == ("api.user.login.inactive.app_error", 401)


async def test_a_plugin_can_turn_a_user_away_and_is_told_of_those_who_came_in(ws: Workspace) -> None:
    await a_user(ws)
    told = FakePlugin({"UserHasLoggedIn": pb.UserHasLoggedInResponse()})
    ws.hooks.register("b", told)
    await ws.logins.login("ada", PASSWORD)
    ws.hooks.register("a", FakePlugin({"UserWillLogIn": pb.UserWillLogInResponse(rejection_reason="not today")}))
    with pytest.raises(Refused, match="not today"):
        await ws.logins.login("ada", PASSWORD)
    await ws.hooks.settled()
    assert len(told.asked) == 1


async def test_a_user_whom_a_saml_service_sent_comes_in_unless_a_plugin_says_no(ws: Workspace) -> None:
    user = await a_user(ws)
    plugin = FakePlugin({"OnSAMLLogin": pb.OnSAMLLoginResponse(), "UserWillLogIn": pb.UserWillLogInResponse()})
    ws.hooks.register("a", plugin)
    session = await ws.logins.login_by_assertion(user.id, b'{"groups": []}', device_id="phone")
    assert (await ws.sessions.authenticate(session.token)).user_id == user.id
    assert [name for name, _ in plugin.asked] == ["OnSAMLLogin", "UserWillLogIn"]
    error = common_pb2.AppError(message="unknown group")
    plugin.answers["OnSAMLLogin"] = pb.OnSAMLLoginResponse(error=error)
    with pytest.raises(Refused, match="unknown group"):
        await ws.logins.login_by_assertion(user.id, b"{}")
    await ws.users.set_active(user.id, False)
    with pytest.raises(AppFailure, match="deactivated"):
        await ws.logins.login_by_assertion(user.id, b"{}")


async def test_a_session_ends_after_its_hours(ws: Workspace, clock: Clock) -> None:
    await a_user(ws)
    session = await ws.logins.login("ada", PASSWORD)
    clock.advance(seconds=3599)
    assert (await ws.sessions.authenticate(session.token)).id == session.id
    clock.advance(seconds=1)
    with pytest.raises(AppFailure) as ended:
        await ws.sessions.authenticate(session.token)
    assert ended.value.status == 401
    assert await ws.sessions.forget_expired() == 1


@pytest.mark.parametrize("token", ["", "wrong"])
async def test_what_is_no_token_authenticates_nobody(ws: Workspace, token: str) -> None:
    await a_user(ws)
    await ws.logins.login("ada", PASSWORD)
    with pytest.raises(AppFailure):
        await ws.sessions.authenticate(token)
