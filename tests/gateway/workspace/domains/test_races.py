"""Two gateways on one database: nobody's write is lost, and of those who race for a key one wins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from servehttp.workspace.settings import WorkspaceSettings
from servehttp.workspace.workspace import Workspace, open_workspace
from support.workspaces import Clock, a_channel, a_post, a_user, refusal

pytestmark = pytest.mark.anyio

ME = "com.example.me"


@pytest.fixture
async def other(ws: Workspace, tmp_path: Path, settings: WorkspaceSettings, clock: Clock) -> AsyncIterator[Workspace]:
    """The workspace of `ws`, opened once more, with connections and locks of its own."""
    async with open_workspace(tmp_path, settings, clock) as workspace:
        yield workspace


@pytest.mark.parametrize("before", [None, b"0"], ids=["insert", "replace"])
async def test_of_compare_and_sets_by_two_gateways_one_wins(
    ws: Workspace, other: Workspace, before: bytes | None
) -> None:
    if before:
        await ws.kv.set(ME, "key", before)
    gateways = [ws, other] * 10
    tries = (by.kv.compare_and_set(ME, "key", before, b"by %d" % number) for number, by in enumerate(gateways))
    won = await asyncio.gather(*tries)
    assert won.count(True) == 1
    assert await ws.kv.get(ME, "key") == b"by %d" % won.index(True)


async def test_no_increment_by_two_gateways_is_lost(ws: Workspace, other: Workspace) -> None:
    async def increment(workspace: Workspace) -> None:
        while True:
            before = await workspace.kv.get(ME, "count")
            if await workspace.kv.compare_and_set(ME, "count", before, b"%d" % (int(before or b"0") + 1)):
                return

    await asyncio.gather(*(increment(workspace) for workspace in [ws, other] * 4))
    assert await ws.kv.get(ME, "count") == b"8"


async def test_posts_by_two_gateways_are_all_counted(ws: Workspace, other: Workspace) -> None:
    author = await a_user(ws)
    channel = await a_channel(ws, author)
    before = (await ws.channels.get(channel.id)).total_msg_count
    await asyncio.gather(*(a_post(workspace, channel, author) for workspace in [ws, other] * 5))
    assert (await other.channels.get(channel.id)).total_msg_count == before + 10


async def test_of_users_with_one_name_at_two_gateways_one_is_created(ws: Workspace, other: Workspace) -> None:
    made = await asyncio.gather(a_user(ws, "ada"), a_user(other, "ada"), return_exceptions=True)
    assert [isinstance(user, Exception) for user in made].count(True) == 1
    assert (await refusal(a_user(other, "ada")))[1] == 400
