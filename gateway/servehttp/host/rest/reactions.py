"""Reactions to posts."""

from __future__ import annotations

from typing import Any

from mattermost_plugin.models import Reaction
from servehttp.host.errors import forbidden
from servehttp.host.rest.call import OK, Call
from servehttp.host.rest.json import values_of
from servehttp.host.rest.posts import readable
from servehttp.host.rest.routes import Route


async def save_reaction(call: Call) -> Any:
    """React to a post."""
    reaction = Reaction(**values_of(Reaction, await call.object(), ("user_id", "post_id", "emoji_name")))
    if reaction.user_id != call.user_id:
        raise forbidden("api.reaction.save_reaction.user_id.app_error", "Nobody reacts for others.")
    post = await readable(call, reaction.post_id)
    await call.require_in_channel(post.channel_id, "add_reaction")
    return await call.ws.reactions.add(reaction)


async def get_reactions(call: Call) -> Any:
    """The reactions to a post."""
    return await call.ws.reactions.of_post((await readable(call, call.path("post_id"))).id)


async def delete_reaction(call: Call) -> Any:
    """Take a reaction back."""
    user_id, post = call.path("user_id"), await readable(call, call.path("post_id"))
    own = user_id == call.user_id
    await call.require_in_channel(post.channel_id, "remove_reaction" if own else "remove_others_reactions")
    await call.ws.reactions.remove(Reaction(user_id=user_id, post_id=post.id, emoji_name=call.path("emoji_name")))
    return OK


ROUTES = [
    Route("POST", "/reactions", save_reaction),
    Route("GET", "/posts/{post_id}/reactions", get_reactions),
    Route("DELETE", "/users/{user_id}/posts/{post_id}/reactions/{emoji_name}", delete_reaction),
]
