"""Custom emoji: what they may be called and look like, and when a name is free."""

from __future__ import annotations

import pytest

from mattermost_plugin.models import Reaction
from servehttp.workspace.domains.base.images import plain_image
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.ids import new_id
from servehttp.workspace.workspace import Workspace
from support.workspaces import Clock, a_channel, a_post, a_user

pytestmark = pytest.mark.anyio

IMAGE = plain_image("x")


async def test_an_emoji_is_told_to_everybody(ws: Workspace, clock: Clock) -> None:
    ada = await a_user(ws)
    events = ws.events.subscribe()
    made = await ws.emoji.create("zebra", IMAGE, ada.id)
    event = await anext(events)
    assert (event.name, event.data, made.create_at) == ("emoji_added", {"emoji": made}, clock())
    image = await ws.emoji.image(made.id)
    assert (image.data, image.mime_type) == (IMAGE, "image/png")


async def test_what_is_no_emoji_is_refused(ws: Workspace) -> None:
    ada = await a_user(ws)
    await ws.emoji.create("zebra", IMAGE, ada.id)
    refusals = {
        ("Zebra", IMAGE): (400, "model.emoji.name.app_error"),
        ("z" * 65, IMAGE): (400, "model.emoji.name.app_error"),
        ("zebra", IMAGE): (400, "api.emoji.create.duplicate.app_error"),
        ("ape", b"text"): (400, "api.emoji.upload.image.app_error"),
        ("ape", IMAGE + bytes(512 * 1024)): (413, "api.emoji.create.too_large.app_error"),
    }
    for (name, image), expected in refusals.items():
        with pytest.raises(AppFailure) as refused:
            await ws.emoji.create(name, image, ada.id)
        assert (refused.value.status, refused.value.id) == expected
    with pytest.raises(AppFailure) as unknown:
        await ws.emoji.create("ape", IMAGE, new_id())
    assert unknown.value.status == 404


async def test_emoji_are_found_by_a_part_of_their_names(ws: Workspace) -> None:
    ada = await a_user(ws)
    for name in ("zebra", "bra_vo", "ape"):
        await ws.emoji.create(name, IMAGE, ada.id)
    assert [emoji.name for emoji in await ws.emoji.search("bra")] == ["bra_vo", "zebra"]
    assert [emoji.name for emoji in await ws.emoji.search("bra", prefix_only=True)] == ["bra_vo"]
    assert await ws.emoji.search("a_e") == []


async def test_the_name_of_a_deleted_emoji_is_free(ws: Workspace) -> None:
    ada = await a_user(ws)
    first = await ws.emoji.create("zebra", IMAGE, ada.id)
    await ws.emoji.delete(first.id)
    for missing in (ws.emoji.get(first.id), ws.emoji.image(first.id), ws.emoji.delete(first.id)):
        with pytest.raises(AppFailure) as unknown:
            await missing
        assert (unknown.value.status, unknown.value.id) == (404, "app.emoji.get.no_result")
    assert (await ws.emoji.create("zebra", IMAGE, ada.id)).id == (await ws.emoji.by_name("zebra")).id


async def test_reactions_end_with_their_emoji(ws: Workspace) -> None:
    ada = await a_user(ws)
    post = await a_post(ws, await a_channel(ws, ada), ada)
    zebra = await ws.emoji.create("zebra", IMAGE, ada.id)
    for name in ("zebra", "+1"):
        await ws.reactions.add(Reaction(user_id=ada.id, post_id=post.id, emoji_name=name))
    await ws.emoji.delete(zebra.id)
    assert [reaction.emoji_name for reaction in await ws.reactions.of_post(post.id)] == ["+1"]
