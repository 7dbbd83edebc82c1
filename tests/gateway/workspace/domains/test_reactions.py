"""Reactions: who is told, what is counted once, and where they end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mattermost_plugin.grpc import hooks_message_pb2 as pb
from mattermost_plugin.models import Channel, Post, Reaction, User
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.ids import new_id
from servehttp.workspace.workspace import Workspace
from support.workspaces import Clock, FakePlugin, a_channel, a_post, a_user

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ada(ws: Workspace) -> User:
    return await a_user(ws)


@pytest.fixture
async def news(ws: Workspace, ada: User) -> Channel:
    return await a_channel(ws, ada)


@pytest.fixture
async def post(ws: Workspace, news: Channel, ada: User) -> Post:
    return await a_post(ws, news, ada)


async def test_a_reaction_is_told_once_and_moves_the_post(ws: Workspace, clock: Clock, post: Post, ada: User) -> None:
    plugin = FakePlugin({
        "ReactionHasBeenAdded": pb.ReactionHasBeenAddedResponse(),
        "ReactionHasBeenRemoved": pb.ReactionHasBeenRemovedResponse(),
    })  # fmt: skip
    ws.hooks.register("a", plugin)
    events = ws.events.subscribe()
    clock.advance(seconds=1)
    wanted = Reaction(user_id=ada.id, post_id=post.id, emoji_name="tada")
    added = await ws.reactions.add(wanted)
    assert (added.channel_id, added.create_at) == (post.channel_id, clock())
    assert await ws.reactions.add(wanted) == added
    changed = await ws.posts.get(post.id)
    assert (changed.has_reactions, changed.update_at, changed.edit_at) == (True, clock(), 0)
    await ws.reactions.remove(wanted)
    await ws.reactions.remove(wanted)
    await ws.hooks.settled()
    assert [name for name, _ in plugin.asked] == ["ReactionHasBeenAdded", "ReactionHasBeenRemoved"]
    told = [await anext(events) for _ in range(2)]
    assert [(event.name, event.broadcast.channel_id) for event in told] == [
        ("reaction_added", post.channel_id), ("reaction_removed", post.channel_id)
    ]  # fmt: skip
    assert events.waiting == 0
    assert not (await ws.posts.get(post.id)).has_reactions


async def test_a_reaction_names_a_user_a_post_and_an_emoji(ws: Workspace, post: Post, ada: User) -> None:
    good = Reaction(user_id=ada.id, post_id=post.id, emoji_name="+1")
    faults = {
        "user_id": replace(good, user_id="x"),
        "post_id": replace(good, post_id="x"),
        "emoji_name": replace(good, emoji_name=":x:"),
    }
    for field, reaction in faults.items():
        with pytest.raises(AppFailure) as refused:
            await ws.reactions.add(reaction)
        assert refused.value.id == f"model.reaction.is_valid.{field}.app_error"
    for missing in (replace(good, post_id=new_id()), replace(good, user_id=new_id())):
        with pytest.raises(AppFailure) as unknown:
            await ws.reactions.add(missing)
        assert unknown.value.status == 404


async def test_a_post_has_fifty_different_emoji_at_most(ws: Workspace, post: Post, ada: User) -> None:
    for number in range(50):
        await ws.reactions.add(Reaction(user_id=ada.id, post_id=post.id, emoji_name=f"e{number}"))
    bob = await a_user(ws, "bob")
    await ws.reactions.add(Reaction(user_id=bob.id, post_id=post.id, emoji_name="e0"))
    with pytest.raises(AppFailure) as refused:
        await ws.reactions.add(Reaction(user_id=bob.id, post_id=post.id, emoji_name="e50"))
    assert refused.value.id == "app.reaction.save.save.too_many_reactions"


async def test_reactions_in_an_archived_channel_stay_as_they_are(
    ws: Workspace, news: Channel, post: Post, ada: User
) -> None:
    reaction = await ws.reactions.add(Reaction(user_id=ada.id, post_id=post.id, emoji_name="+1"))
    await ws.channels.delete(news.id)
    for doing, attempt in {"save": ws.reactions.add(reaction), "delete": ws.reactions.remove(reaction)}.items():
        with pytest.raises(AppFailure) as refused:
            await attempt
        assert (refused.value.status, refused.value.id) == (403, f"api.reaction.{doing}.archived_channel.app_error")
    assert await ws.reactions.of_post(post.id) == [reaction]
