"""Custom emoji."""

from __future__ import annotations

from typing import Any

from mattermost_plugin.models import Emoji
from servehttp.workspace.rest.access import LOGGED_IN, system
from servehttp.workspace.rest.call import OK, Call
from servehttp.workspace.rest.forms import no_file, parts
from servehttp.workspace.rest.json import from_json, parse_json, value_of
from servehttp.workspace.rest.routes import Route
from servehttp.workspace.rest.users import image

NAMES_MAX = 200
"""Emoji that are looked up by name at a time; more are left out."""


async def create_emoji(call: Call) -> Any:
    """Add an emoji: a form with its description as JSON, `emoji`, and its file, `image`."""
    await call.ws.config.require("ServiceSettings", "EnableCustomEmoji", "Custom emoji are switched off.")
    found: dict[str, bytes] = {}
    async for part in parts(call.request):
        if part.name in ("emoji", "image"):
            found[part.name] = await part.read(call.settings.body_size)
    if missing := {"emoji", "image"} - found.keys():
        raise no_file(min(missing))
    name = from_json(Emoji, parse_json(found["emoji"]), "emoji").name
    return await call.ws.emoji.create(name, found["image"], call.user_id)


async def get_list(call: Call) -> Any:
    """A page of the emoji, in an order."""
    return await call.ws.emoji.page(call.query("sort"), call.page, call.per_page)


async def get_emoji(call: Call) -> Any:
    """One emoji."""
    return await call.ws.emoji.get(call.path("emoji_id"))


async def get_by_name(call: Call) -> Any:
    """The emoji of a name."""
    return await call.ws.emoji.by_name(call.path("emoji_name"))


async def get_by_names(call: Call) -> Any:
    """Those of these emoji that exist."""
    names = await call.typed(list[str], "names")
    return await call.ws.emoji.by_names(names[:NAMES_MAX])


async def get_image(call: Call) -> Any:
    """An emoji's image."""
    return image((await call.ws.emoji.image(call.path("emoji_id"))).data)


async def search(call: Call) -> Any:
    """The emoji whose names hold a term, or begin with it."""
    body = await call.object()
    term = value_of(str, body.get("term") or "", "term")
    return await call.ws.emoji.search(term, prefix_only=body.get("prefix_only") is True)


async def autocomplete(call: Call) -> Any:
    """Emoji to choose from while a name is typed."""
    return await call.ws.emoji.search(call.query("name"), prefix_only=True)


async def delete_emoji(call: Call) -> Any:
    """Delete an emoji."""
    emoji = await call.ws.emoji.get(call.path("emoji_id"))
    await call.require("delete_emojis" if emoji.creator_id == call.user_id else "delete_others_emojis")
    await call.ws.emoji.delete(emoji.id)
    return OK


_DELETE_EMOJI_BY = LOGGED_IN.besides("`delete_emojis` everywhere for one's own, `delete_others_emojis` for others")

ROUTES = [
    Route("POST", "/emoji", create_emoji, system("create_emojis"), status=201),
    Route("GET", "/emoji", get_list, LOGGED_IN),
    Route("POST", "/emoji/names", get_by_names, LOGGED_IN),
    Route("POST", "/emoji/search", search, LOGGED_IN),
    Route("GET", "/emoji/autocomplete", autocomplete, LOGGED_IN),
    Route("GET", "/emoji/name/{emoji_name}", get_by_name, LOGGED_IN),
    Route("GET", "/emoji/{emoji_id}", get_emoji, LOGGED_IN),
    Route("DELETE", "/emoji/{emoji_id}", delete_emoji, _DELETE_EMOJI_BY),
    Route("GET", "/emoji/{emoji_id}/image", get_image, LOGGED_IN),
]
