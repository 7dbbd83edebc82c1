"""Reactions to posts."""

from __future__ import annotations

from typing import Any

from mattermost_plugin.models import Reaction
from servehttp.workspace.errors import forbidden
from servehttp.workspace.rest.access import LOGGED_IN, channel, readable_post, reading
from servehttp.workspace.rest.call import OK, RestCall
from servehttp.workspace.rest.json import values_of
from servehttp.workspace.rest.routes import RestRoute


async def save_reaction(call: RestCall) -> Any:
    """React to a post."""
    reaction = Reaction(**values_of(Reaction, await call.object(), ("user_id", "post_id", "emoji_name")))
    if reaction.user_id != call.user_id:
        raise forbidden("api.reaction.save_reaction.user_id.app_error", "Nobody reacts for others.")
    post = await readable_post(call, reaction.post_id)
    await call.require_in_channel(post.channel_id, "add_reaction")
    return await call.workspace.reactions.add(reaction)


async def get_reactions(call: RestCall) -> Any:
    """The reactions to a post."""
    return await call.workspace.reactions.of_post(call.path("post_id"))


async def delete_reaction(call: RestCall) -> Any:
    """Take a reaction back."""
    user_id, post_id, name = (call.path(part) for part in ("user_id", "post_id", "emoji_name"))
    await call.workspace.reactions.remove(Reaction(user_id=user_id, post_id=post_id, emoji_name=name))
    return OK


_TAKE_BACK = reading() & channel("remove_reaction") & channel("remove_others_reactions", others_only=True)


_SAVE_REACTION_BY = LOGGED_IN.besides(
    "`add_reaction` in the channel of the post, which one may read; for oneself alone"
)

ROUTES = [
    RestRoute("POST", "/reactions", save_reaction, _SAVE_REACTION_BY),
    RestRoute("GET", "/posts/{post_id}/reactions", get_reactions, reading()),
    RestRoute("DELETE", "/users/{user_id}/posts/{post_id}/reactions/{emoji_name}", delete_reaction, _TAKE_BACK),
]
