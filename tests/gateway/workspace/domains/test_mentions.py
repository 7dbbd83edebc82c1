"""Whom a post mentions: by name, by word, all at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mattermost_plugin.models import Post
from servehttp.workspace.workspace import Workspace
from support.workspaces import a_channel, a_user

pytestmark = pytest.mark.anyio


async def test_members_are_mentioned_by_name_by_word_and_all_at_once(ws: Workspace) -> None:
    ada, bob, eve = [await a_user(ws, name) for name in ("ada", "bob", "eve.x")]
    stranger = await a_user(ws, "stranger")
    props = {"mention_keys": "lunch, C++", "first_name": "true", "channel": "false"}
    await ws.users.update(replace(eve, first_name="Eve", notify_props=eve.notify_props | props))
    news = await a_channel(ws, ada, bob, eve)
    cases = {
        "hello @bob, @eve.x.": ["bob", "eve.x"],
        "@BOB and @stranger": ["bob"],
        "@ada to herself, a@bob and @bobby": [],
        "Lunch?": ["eve.x"],
        "lunches in c++!": ["eve.x"],
        "lunches, evening": [],
        "oh eve": ["eve.x"],
        "@here": ["bob"],
        "`@bob` and\n```\n@all\n```": [],
    }
    names = {user.id: user.username for user in (ada, bob, eve, stranger)}
    found = {}
    for text in cases:
        mentioned = await ws.mentions.of(Post(channel_id=news.id, user_id=ada.id, message=text))
        found[text] = sorted(names[id] for id in mentioned)
    assert found == cases


async def test_the_servers_posts_mention_nobody(ws: Workspace) -> None:
    ada, bob = await a_user(ws), await a_user(ws, "bob")
    news = await a_channel(ws, ada, bob)
    told = Post(channel_id=news.id, user_id=ada.id, message="@bob", type="system_generic")
    assert await ws.mentions.of(told) == []
