"""Posts, one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mattermost_plugin.models import Post
from servehttp.workspace.errors import not_found
from servehttp.workspace.rest.access import LOGGED_IN, author, channel, reading, system
from servehttp.workspace.rest.call import OK, RestCall
from servehttp.workspace.rest.json import bad_value, from_json, value_of, values_of
from servehttp.workspace.rest.routes import RestRoute

NEW = ("channel_id", "root_id", "message", "props", "file_ids", "pending_post_id", "metadata")
PATCHABLE = ("message", "is_pinned", "props", "file_ids")
CLAIMS = frozenset({"from_bot", "from_plugin", "from_webhook", "override_icon_url", "override_username"})
"""Props by which a post says that somebody else wrote it; a person's client may not."""


async def shown(call: RestCall, post: Post) -> Post:
    """A post as clients see it.

    Raises:
        AppFailure: 404, a plugin hides it.
    """
    for seen in await call.workspace.post_views.of([post]):
        return replace(seen, pending_post_id=post.pending_post_id)
    raise not_found("app.post.get.app_error", "post")


async def create_post(call: RestCall) -> Any:
    """Write a post. A plugin that refuses it is quoted, and what plugins change comes back changed."""
    post = Post(**values_of(Post, await call.object(), NEW))
    await _require_writing(call, post.channel_id)
    props = {name: value for name, value in post.props.items() if name not in CLAIMS}
    return await shown(call, await call.workspace.posts.create(replace(post, user_id=call.user_id, props=props)))


async def create_ephemeral(call: RestCall) -> Any:
    """Show a post to one user, who does not keep it."""
    body = await call.object()
    post = from_json(Post, body.get("post"), "post")
    user_id = value_of(str, body.get("user_id"), "user_id")
    return call.workspace.ephemeral_posts.send(user_id, replace(post, user_id=call.user_id))


async def get_post(call: RestCall) -> Any:
    """One post."""
    return await shown(call, await call.post())


async def update_post(call: RestCall) -> Any:
    """Change a post's text, props, files or pin."""
    body = await call.object()
    if body.get("id", call.path("post_id")) != call.path("post_id"):
        raise bad_value("id")
    post = await call.post()
    changes = values_of(Post, body, PATCHABLE)
    if "props" in changes:
        changes["props"] = _without_new_claims(changes["props"], post.props)
    return await shown(call, await call.workspace.posts.update(replace(post, **changes)))


async def delete_post(call: RestCall) -> Any:
    """Delete a post, with the replies to it."""
    post = await call.post()
    await call.workspace.posts.delete(post.id, call.user_id)
    return OK


async def pin_post(call: RestCall) -> Any:
    """Pin a post to its channel."""
    return await _set_pinned(call, True)


async def unpin_post(call: RestCall) -> Any:
    """Take a post off its channel."""
    return await _set_pinned(call, False)


async def get_history(call: RestCall) -> Any:
    """The earlier versions of a post, for its author."""
    post = await call.post()
    return await call.workspace.posts.history(post.id)


async def get_files(call: RestCall) -> Any:
    """What is known of a post's files."""
    return await call.workspace.files.of_post((await call.post()).id)


async def _set_pinned(call: RestCall, pinned: bool) -> Any:
    post = await call.post()
    await call.workspace.posts.set_pinned(post.id, pinned)
    return OK


async def _require_writing(call: RestCall, channel_id: str) -> None:
    if not await call.workspace.permissions.has_in_channel(call.user_id, channel_id, "create_post"):
        channel = await call.workspace.channels.get(channel_id)
        if channel.type != "O":
            raise call.workspace.permissions.denied("create_post")
        await call.require_in_team(channel.team_id, "create_post_public")


def _without_new_claims(asked: dict[str, Any], present: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in present.items() if name in CLAIMS}
    return {name: value for name, value in asked.items() if name not in CLAIMS} | kept


_CREATE_POST_BY = LOGGED_IN.besides(
    "`create_post` in the channel of the body, or `create_post_public` in its team where it is public"
)

ROUTES = [
    RestRoute("POST", "/posts", create_post, _CREATE_POST_BY, status=201),
    RestRoute("POST", "/posts/ephemeral", create_ephemeral, system("create_post_ephemeral"), status=201),
    RestRoute("GET", "/posts/{post_id}", get_post, reading()),
    RestRoute("PUT", "/posts/{post_id}", update_post, author("edit_post", "edit_others_posts")),
    RestRoute("DELETE", "/posts/{post_id}", delete_post, author("delete_post", "delete_others_posts")),
    RestRoute("PUT", "/posts/{post_id}/patch", update_post, author("edit_post", "edit_others_posts")),
    RestRoute("POST", "/posts/{post_id}/pin", pin_post, reading() & channel("create_post")),
    RestRoute("POST", "/posts/{post_id}/unpin", unpin_post, reading() & channel("create_post")),
    RestRoute("GET", "/posts/{post_id}/edit_history", get_history, author("edit_post", "edit_others_posts")),
    RestRoute("GET", "/posts/{post_id}/files/info", get_files, reading()),
]
