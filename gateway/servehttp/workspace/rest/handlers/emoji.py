"""Custom emoji."""

from __future__ import annotations

from typing import Any

from mattermost_plugin.models import Emoji
from servehttp.workspace.rest.access import LOGGED_IN, system
from servehttp.workspace.rest.call import OK, RestCall
from servehttp.workspace.rest.forms import no_file, parts
from servehttp.workspace.rest.images import image_response
from servehttp.workspace.rest.json import from_json, parse_json, value_of
from servehttp.workspace.rest.routes import RestRoute

NAMES_MAX = 200
"""Emoji that are looked up by name at a time; more are left out."""


async def create_emoji(call: RestCall) -> Any:
    """Add an emoji: a form with its description as JSON, `emoji`, and its file, `image`."""
    await call.workspace.config.require("ServiceSettings", "EnableCustomEmoji", "Custom emoji are switched off.")
    found: dict[str, bytes] = {}
    async for part in parts(call.request):
        if part.name in ("emoji", "image"):
            found[part.name] = await part.read(call.settings.body_size)
    if missing := {"emoji", "image"} - found.keys():
        raise no_file(min(missing))
    name = from_json(Emoji, parse_json(found["emoji"]), "emoji").name
    return await call.workspace.emoji.create(name, found["image"], call.user_id)


async def get_list(call: RestCall) -> Any:
    """A page of the emoji, in an order."""
    return await call.workspace.emoji.page(call.query("sort"), call.page, call.per_page)


async def get_emoji(call: RestCall) -> Any:
    """One emoji."""
    return await call.workspace.emoji.get(call.path("emoji_id"))


async def get_by_name(call: RestCall) -> Any:
    """The emoji of a name."""
    return await call.workspace.emoji.by_name(call.path("emoji_name"))


async def get_by_names(call: RestCall) -> Any:
    """Those of these emoji that exist."""
    names = await call.typed(list[str], "names")
    return await call.workspace.emoji.by_names(names[:NAMES_MAX])


async def get_image(call: RestCall) -> Any:
    """An emoji's image."""
    return image_response((await call.workspace.emoji.image(call.path("emoji_id"))).data)


async def search(call: RestCall) -> Any:
    """The emoji whose names hold a term, or begin with it."""
    body = await call.object()
    term = value_of(str, body.get("term") or "", "term")
    return await call.workspace.emoji.search(term, prefix_only=body.get("prefix_only") is True)


async def autocomplete(call: RestCall) -> Any:
    """Emoji to choose from while a name is typed."""
    return await call.workspace.emoji.search(call.query("name"), prefix_only=True)


async def delete_emoji(call: RestCall) -> Any:
    """Delete an emoji."""
    emoji = await call.workspace.emoji.get(call.path("emoji_id"))
    await call.require("delete_emojis" if emoji.creator_id == call.user_id else "delete_others_emojis")
    await call.workspace.emoji.delete(emoji.id)
    return OK


_DELETE_EMOJI_BY = LOGGED_IN.besides("`delete_emojis` everywhere for one's own, `delete_others_emojis` for others")

ROUTES = [
    RestRoute("POST", "/emoji", create_emoji, system("create_emojis"), status=201),
    RestRoute("GET", "/emoji", get_list, LOGGED_IN),
    RestRoute("POST", "/emoji/names", get_by_names, LOGGED_IN),
    RestRoute("POST", "/emoji/search", search, LOGGED_IN),
    RestRoute("GET", "/emoji/autocomplete", autocomplete, LOGGED_IN),
    RestRoute("GET", "/emoji/name/{emoji_name}", get_by_name, LOGGED_IN),
    RestRoute("GET", "/emoji/{emoji_id}", get_emoji, LOGGED_IN),
    RestRoute("DELETE", "/emoji/{emoji_id}", delete_emoji, _DELETE_EMOJI_BY),
    RestRoute("GET", "/emoji/{emoji_id}/image", get_image, LOGGED_IN),
]
