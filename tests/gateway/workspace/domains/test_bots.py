"""Bots: their users, their owners, and the one that a plugin ensures."""

from __future__ import annotations

import pytest

from mattermost_plugin.models import Bot, BotGetOptions, BotPatch, User
from servehttp.workspace.workspace import Workspace
from support.workspaces import a_user, refusal

pytestmark = pytest.mark.anyio

PLUGIN = "com.example.poll"


async def test_a_bot_has_a_user_of_its_name_without_a_password(ws: Workspace) -> None:
    bot = await ws.bots.create(Bot(username="Poll", display_name="Polls", owner_id=PLUGIN))
    user = await ws.users.get(bot.user_id)
    assert (user.username, user.first_name, user.is_bot) == ("poll", "Polls", True)
    assert await ws.bots.get(bot.user_id) == bot
    assert await refusal(ws.logins.login("poll", "")) == (
        "api.user.login.invalid_credentials_email_username",
        401,
    )


async def test_a_bot_of_a_taken_name_or_without_an_owner_is_refused_and_leaves_nothing(ws: Workspace) -> None:
    await a_user(ws, "ada")
    assert (await refusal(ws.bots.create(Bot(username="ada", owner_id=PLUGIN))))[1] == 400
    malformed = [Bot(username="b"), Bot(owner_id="o"), Bot(username="b", owner_id="o", description="x" * 1025)]
    for bot in malformed:
        assert (await refusal(ws.bots.create(bot)))[1] == 400
    assert await ws.bots.find(BotGetOptions()) == []


async def test_only_what_a_patch_has_is_changed_and_the_user_follows(ws: Workspace) -> None:
    bot = await ws.bots.create(Bot(username="poll", description="asks", owner_id=PLUGIN))
    changed = await ws.bots.patch(bot.user_id, BotPatch(username="vote", display_name="Votes"))
    assert (changed.username, changed.display_name, changed.description) == ("vote", "Votes", "asks")
    assert (await ws.users.get_by_username("vote")).first_name == "Votes"
    assert await ws.bots.get(bot.user_id) == changed


async def test_a_deactivated_bot_is_only_there_for_those_who_ask_for_it(ws: Workspace) -> None:
    bot = await ws.bots.create(Bot(username="poll", owner_id=PLUGIN))
    await ws.bots.set_active(bot.user_id, False)
    assert await refusal(ws.bots.get(bot.user_id)) == ("store.sql_bot.get.missing.app_error", 404)
    assert (await ws.bots.get(bot.user_id, include_deleted=True)).delete_at > 0
    assert await ws.bots.find(BotGetOptions()) == []
    assert (await ws.bots.set_active(bot.user_id, True)).delete_at == 0
    assert [found.user_id for found in await ws.bots.find(BotGetOptions())] == [bot.user_id]


async def test_bots_are_found_by_owner_and_by_owners_who_are_gone(ws: Workspace) -> None:
    ada = await a_user(ws)
    mine = await ws.bots.create(Bot(username="mine", owner_id=ada.id))
    theirs = await ws.bots.create(Bot(username="theirs", owner_id=PLUGIN))
    assert [bot.user_id for bot in await ws.bots.find(BotGetOptions(owner_id=PLUGIN))] == [theirs.user_id]
    assert await ws.bots.find(BotGetOptions(only_orphaned=True)) == []
    await ws.users.set_active(ada.id, False)
    assert [bot.user_id for bot in await ws.bots.find(BotGetOptions(only_orphaned=True))] == [mine.user_id]
    assert len(await ws.bots.find(BotGetOptions(page=1, per_page=1))) == 1


async def test_an_erased_bot_frees_its_name(ws: Workspace) -> None:
    bot = await ws.bots.create(Bot(username="poll", owner_id=PLUGIN))
    await ws.bots.erase(bot.user_id)
    assert (await refusal(ws.users.get(bot.user_id)))[1] == 404
    assert (await ws.bots.create(Bot(username="poll", owner_id=PLUGIN))).user_id != bot.user_id


async def test_ensuring_again_gives_the_same_bot_under_its_new_name(ws: Workspace) -> None:
    first = await ws.bots.ensure(PLUGIN, Bot(username="poll", display_name="Polls"))
    assert await ws.bots.ensure(PLUGIN, Bot(username="vote", display_name="Votes")) == first
    assert (await ws.bots.get(first)).username == "vote"
    assert (await ws.bots.get(first)).owner_id == PLUGIN
    await ws.kv.delete_all(PLUGIN)
    assert await ws.bots.ensure(PLUGIN, Bot(username="vote")) == first
    assert await ws.bots.ensure("com.example.other", Bot(username="other")) != first


async def test_a_bot_that_was_erased_is_made_again(ws: Workspace) -> None:
    first = await ws.bots.ensure(PLUGIN, Bot(username="poll"))
    await ws.bots.erase(first)
    second = await ws.bots.ensure(PLUGIN, Bot(username="poll"))
    assert second != first
    assert (await ws.users.get(second)).username == "poll"


async def test_a_bot_that_has_the_name_already_becomes_the_plugins(ws: Workspace) -> None:
    there = await ws.users.create(User(username="poll", email="poll@localhost", is_bot=True))
    assert await ws.bots.ensure(PLUGIN, Bot(username="poll")) == there.id
