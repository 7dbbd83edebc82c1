"""Whom tokens stand for, over a workspace whose sessions come and go."""

from __future__ import annotations

import pytest

from mattermost_plugin.models import Session, UserAccessToken
from servehttp.host.identity import SessionIdentity
from servehttp.host.workspace import Workspace
from servehttp.identity import UNKNOWN, Caller
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
    assert identity.known(session.token) is UNKNOWN
    assert await identity.find(session.token) == caller
    assert identity.known(session.token) == caller


async def test_an_access_token_stands_for_its_user_though_not_in_a_cookie(
    ws: Workspace, identity: SessionIdentity
) -> None:
    user = await a_user(ws, "ada")
    token = await ws.access_tokens.create(UserAccessToken(user_id=user.id, description="mine"))
    assert await identity.find(token.token) == Caller(user.id, csrf="")


async def test_it_is_known_as_well_that_a_token_stands_for_nobody(ws: Workspace, identity: SessionIdentity) -> None:
    assert await identity.find("nobody") is None
    assert identity.known("nobody") is None


@pytest.mark.parametrize("how", ["revoke", "revoke_all", "set_active"])
async def test_whatever_ends_a_session_is_seen_at_once(ws: Workspace, identity: SessionIdentity, how: str) -> None:
    session = await a_session(ws)
    assert await identity.find(session.token) is not None
    if how == "revoke":
        await ws.sessions.revoke(session.id)
    elif how == "revoke_all":
        await ws.sessions.revoke_all(session.user_id)
    else:
        await ws.users.set_active(session.user_id, False)
    assert identity.known(session.token) is UNKNOWN
    assert await identity.find(session.token) is None


async def test_an_access_token_that_is_switched_off_stands_for_nobody_and_on_again_for_its_user(
    ws: Workspace, identity: SessionIdentity
) -> None:
    user = await a_user(ws, "ada")
    token = await ws.access_tokens.create(UserAccessToken(user_id=user.id, description="mine"))
    assert await identity.find(token.token) is not None
    await ws.access_tokens.set_active(token.id, False)
    assert await identity.find(token.token) is None
    await ws.access_tokens.set_active(token.id, True)
    assert identity.known(token.token) is UNKNOWN
    assert await identity.find(token.token) is not None


async def test_nobody_is_known_longer_than_the_session_lasts(
    ws: Workspace, identity: SessionIdentity, clock: Clock
) -> None:
    session = await a_session(ws)
    clock.advance(seconds=ws.settings.session_hours * 3600 - 0.001)
    await identity.find(session.token)
    clock.advance(seconds=1)
    while identity.known(session.token) is not UNKNOWN:
        pass
    assert await identity.find(session.token) is None


async def test_one_users_end_is_not_anothers(ws: Workspace, identity: SessionIdentity) -> None:
    session = await a_session(ws)
    other = await ws.sessions.create(Session(user_id=(await a_user(ws, "grace")).id))
    await identity.find(session.token)
    await identity.find(other.token)
    await ws.sessions.revoke(session.id)
    assert identity.known(other.token) == Caller(other.user_id, other.props["csrf"])
