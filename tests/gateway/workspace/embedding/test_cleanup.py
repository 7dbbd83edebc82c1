"""What is deleted by and by."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from mattermost_plugin.models import Session
from servehttp.workspace.embedding.cleanup import clean_up, cleaning_up
from servehttp.workspace.store.rows import scalar
from servehttp.workspace.store.tables.kv import plugin_kv
from servehttp.workspace.store.tables.users import sessions
from servehttp.workspace.workspace import Workspace
from support.workspaces import Clock, a_user

pytestmark = pytest.mark.anyio


async def rows(ws: Workspace) -> tuple[int, int]:
    async with ws.database.reading() as tx:
        keys = await scalar(tx, select(func.count()).select_from(plugin_kv))
        return int(keys), int(await scalar(tx, select(func.count()).select_from(sessions)))


async def test_what_has_expired_is_deleted_and_nothing_else(ws: Workspace, clock: Clock) -> None:
    user = await a_user(ws, "ada")
    await ws.kv.set("p", "for ever", b"x")
    await ws.kv.set("p", "for a while", b"x", expire_in_seconds=60)
    await ws.sessions.create(Session(user_id=user.id))
    await clean_up(ws)
    assert await rows(ws) == (2, 1)
    clock.advance(seconds=ws.settings.session_hours * 3600 + 1)
    await ws.sessions.create(Session(user_id=user.id))
    await clean_up(ws)
    assert await rows(ws) == (1, 1)


async def test_cleaning_up_begins_at_once(ws: Workspace, clock: Clock) -> None:
    await ws.sessions.create(Session(user_id=(await a_user(ws, "ada")).id))
    clock.advance(seconds=ws.settings.session_hours * 3600 + 1)
    async with cleaning_up(ws, interval=3600):
        while await rows(ws) != (0, 0):
            pass
    await ws.sessions.create(Session(user_id=(await ws.users.get_by_username("ada")).id))
    clock.advance(seconds=ws.settings.session_hours * 3600 + 1)
    assert await rows(ws) == (0, 1)
