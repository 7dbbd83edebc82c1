"""Whom tokens stand for, over a workspace whose sessions come and go."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import OperationalError

from mattermost_plugin.models import Session, UserAccessToken
from servehttp.identity import NOBODY, UNKNOWN, Caller, IdentityUnavailable
from servehttp.workspace.embedding.session_identity import SessionIdentity
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.workspace import Workspace
from support.workspaces import Clock, a_user

pytestmark = pytest.mark.anyio

LONG = 3600.0


@pytest.fixture
def identity(ws: Workspace) -> SessionIdentity:
    identity = SessionIdentity(lambda: ws, LONG)
    ws.sessions.listen(identity.forget)
    return identity


async def a_session(ws: Workspace) -> Session:
    return await ws.sessions.create(Session(user_id=(await a_user(ws, "ada")).id))


async def test_a_token_is_known_after_one_look(ws: Workspace, identity: SessionIdentity) -> None:
    session = await a_session(ws)
    caller = Caller(session.user_id, session.props["csrf"])
    assert identity.cached(session.token) is UNKNOWN
    assert await identity.lookup(session.token) == caller
    assert identity.cached(session.token) == caller


async def test_an_access_token_stands_for_its_user_though_not_in_a_cookie(
    ws: Workspace, identity: SessionIdentity
) -> None:
    user = await a_user(ws, "ada")
    token = await ws.access_tokens.create(UserAccessToken(user_id=user.id, description="mine"))
    assert await identity.lookup(token.token) == Caller(user.id, csrf="")


STRANGER = "a" * 26


async def test_it_is_known_as_well_that_a_token_stands_for_nobody(ws: Workspace, identity: SessionIdentity) -> None:
    assert identity.cached(STRANGER) is UNKNOWN
    assert await identity.lookup(STRANGER) is None
    assert identity.cached(STRANGER) is None


@pytest.mark.parametrize("token", ["", "my.own.jwt", "a" * 25, "a" * 27, "A" * 26, "é" * 26, "a" * 25 + "\n"])
async def test_what_cannot_be_a_token_is_nobodys_without_a_look(token: str) -> None:
    identity = SessionIdentity(_no_workspace, LONG)
    assert identity.cached(token) is None
    assert await identity.lookup(token) is None


def _no_workspace() -> Workspace:
    raise RuntimeError("the workspace is not open")


async def test_strangers_tokens_crowd_out_none_that_count(
    ws: Workspace, identity: SessionIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("servehttp.workspace.embedding.session_identity.ENTRIES", 3)
    identity = SessionIdentity(lambda: ws, LONG)
    session = await a_session(ws)
    await identity.lookup(session.token)
    for letter in "abcde":
        assert await identity.lookup(letter * 26) is None
    assert [identity.cached(letter * 26) for letter in "abcde"] == [UNKNOWN, UNKNOWN, None, None, None]
    assert identity.cached(session.token) is not UNKNOWN


async def test_a_workspace_that_is_not_there_makes_nobody_anonymous() -> None:
    identity = SessionIdentity(_no_workspace, LONG)
    with pytest.raises(IdentityUnavailable):
        await identity.lookup(STRANGER)
    with pytest.raises(IdentityUnavailable):
        await identity.manages(STRANGER)
    assert identity.cached(STRANGER) is UNKNOWN


@pytest.mark.parametrize(
    "error", [AppFailure("x", "The database is away.", 503), OperationalError("SELECT", {}, Exception("away"))]
)
@pytest.mark.parametrize("asked", ["a session's", "an access token's", "neither's"])
async def test_a_look_that_fails_is_no_answer(
    ws: Workspace, identity: SessionIdentity, monkeypatch: pytest.MonkeyPatch, error: Exception, asked: str
) -> None:
    session = await a_session(ws)
    mine = await ws.access_tokens.create(UserAccessToken(user_id=session.user_id, description="mine"))
    token = {"a session's": session.token, "an access token's": mine.token}.get(asked, STRANGER)

    def fails(*_: object) -> None:
        raise error

    with monkeypatch.context() as away:
        away.setattr(ws.database, "reading", fails)
        with pytest.raises(IdentityUnavailable):
            await identity.lookup(token)
        assert identity.cached(token) is UNKNOWN
    assert (await identity.lookup(token) is None) is (token == STRANGER)


async def test_what_is_known_needs_no_database(
    ws: Workspace, identity: SessionIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await a_session(ws)
    caller = await identity.lookup(session.token)
    monkeypatch.setattr(ws.database, "reading", _no_workspace)
    assert identity.cached(session.token) == caller


async def test_who_manages_the_system_is_known(ws: Workspace, identity: SessionIdentity) -> None:
    user = await a_user(ws, "grace")
    assert not await identity.manages(user.id)
    await ws.users.set_roles(user.id, "system_admin system_user")
    assert await identity.manages(user.id)


@pytest.mark.parametrize("how", ["revoke", "revoke_all", "set_active"])
async def test_whatever_ends_a_session_is_seen_at_once(ws: Workspace, identity: SessionIdentity, how: str) -> None:
    session = await a_session(ws)
    assert await identity.lookup(session.token) is not None
    if how == "revoke":
        await ws.sessions.revoke(session.id)
    elif how == "revoke_all":
        await ws.sessions.revoke_all(session.user_id)
    else:
        await ws.users.set_active(session.user_id, False)
    assert identity.cached(session.token) is UNKNOWN
    assert await identity.lookup(session.token) is None


async def test_an_access_token_that_is_switched_off_stands_for_nobody_and_on_again_for_its_user(
    ws: Workspace, identity: SessionIdentity
) -> None:
    user = await a_user(ws, "ada")
    token = await ws.access_tokens.create(UserAccessToken(user_id=user.id, description="mine"))
    assert await identity.lookup(token.token) is not None
    await ws.access_tokens.set_active(token.id, False)
    assert await identity.lookup(token.token) == NOBODY, "it may be switched on again, so no plugin may have it"
    await ws.access_tokens.set_active(token.id, True)
    assert identity.cached(token.token) is UNKNOWN
    assert await identity.lookup(token.token) is not None


async def test_nobody_is_known_longer_than_the_session_lasts(
    ws: Workspace, identity: SessionIdentity, clock: Clock
) -> None:
    session = await a_session(ws)
    clock.advance(seconds=ws.settings.session_hours * 3600 - 0.001)
    await identity.lookup(session.token)
    clock.advance(seconds=1)
    while identity.cached(session.token) is not UNKNOWN:
        pass
    assert await identity.lookup(session.token) == NOBODY


async def test_one_users_end_is_not_anothers(ws: Workspace, identity: SessionIdentity) -> None:
    session = await a_session(ws)
    other = await ws.sessions.create(Session(user_id=(await a_user(ws, "grace")).id))
    await identity.lookup(session.token)
    await identity.lookup(other.token)
    await ws.sessions.revoke(session.id)
    assert identity.cached(other.token) == Caller(other.user_id, other.props["csrf"])
