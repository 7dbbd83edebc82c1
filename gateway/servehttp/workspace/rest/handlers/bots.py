"""Bots."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mattermost_plugin.models import Bot, BotGetOptions, BotPatch
from servehttp.workspace.rest.access import LOGGED_IN, system
from servehttp.workspace.rest.call import RestCall
from servehttp.workspace.rest.json import values_of
from servehttp.workspace.rest.routes import RestRoute

READ = "`read_bots` everywhere for one's own, `read_others_bots` for others"
MANAGE = "`manage_bots` everywhere for one's own, `manage_others_bots` for others"
NEW = ("username", "display_name", "description")


async def create_bot(call: RestCall) -> Any:
    """Create a bot of who asks."""
    text = "Bots are made by plugins alone here."
    await call.workspace.config.require("ServiceSettings", "EnableBotAccountCreation", text)
    bot = Bot(**values_of(Bot, await call.object(), NEW))
    return await call.workspace.bots.create(replace(bot, owner_id=call.user_id))


async def get_bots(call: RestCall) -> Any:
    """A page of the bots: of all, or of one's own."""
    wanted = BotGetOptions(
        include_deleted=call.flag("include_deleted"),
        only_orphaned=call.flag("only_orphaned"),
        page=call.page,
        per_page=call.per_page,
    )
    if not await call.may("read_others_bots"):
        await call.require("read_bots")
        wanted = replace(wanted, owner_id=call.user_id)
    return await call.workspace.bots.find(wanted)


async def get_bot(call: RestCall) -> Any:
    """One bot."""
    bot = await call.workspace.bots.get(call.path("bot_id"), include_deleted=call.flag("include_deleted"))
    await call.require("read_bots" if bot.owner_id == call.user_id else "read_others_bots")
    return bot


async def patch_bot(call: RestCall) -> Any:
    """Change what a bot is called."""
    bot = await _managed(call)
    return await call.workspace.bots.patch(bot.user_id, await call.model(BotPatch))


async def enable_bot(call: RestCall) -> Any:
    """Have a bot active again."""
    return await call.workspace.bots.set_active((await _managed(call)).user_id, True)


async def disable_bot(call: RestCall) -> Any:
    """Deactivate a bot."""
    return await call.workspace.bots.set_active((await _managed(call)).user_id, False)


async def _managed(call: RestCall) -> Bot:
    bot = await call.workspace.bots.get(call.path("bot_id"), include_deleted=True)
    await call.require("manage_bots" if bot.owner_id == call.user_id else "manage_others_bots")
    await call.require_no_administrator(bot.user_id)
    return bot


_GET_BOTS_BY = LOGGED_IN.besides("`read_bots` everywhere; those of others `read_others_bots`")

ROUTES = [
    RestRoute("POST", "/bots", create_bot, system("create_bot"), status=201),
    RestRoute("GET", "/bots", get_bots, _GET_BOTS_BY),
    RestRoute("GET", "/bots/{bot_id}", get_bot, LOGGED_IN.besides(READ)),
    RestRoute("PUT", "/bots/{bot_id}", patch_bot, LOGGED_IN.besides(MANAGE)),
    RestRoute("POST", "/bots/{bot_id}/enable", enable_bot, LOGGED_IN.besides(MANAGE)),
    RestRoute("POST", "/bots/{bot_id}/disable", disable_bot, LOGGED_IN.besides(MANAGE)),
]
