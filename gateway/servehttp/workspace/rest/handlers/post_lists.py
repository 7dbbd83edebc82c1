"""Posts by channel, by thread, by ids and by search."""

from __future__ import annotations

from typing import Any

from mattermost_plugin.models import Post, PostList, PostSearchResults, SearchParameter
from servehttp.workspace.domains.posts.search_terms import typed
from servehttp.workspace.errors import AppFailure
from servehttp.workspace.rest.access import LOGGED_IN, reading, require_reading, team
from servehttp.workspace.rest.call import RestCall
from servehttp.workspace.rest.json import bad_value, to_json, values_of
from servehttp.workspace.rest.routes import RestRoute

IDS_MAX = 1000
SEARCHED = ("terms", "is_or_search", "time_zone_offset", "page", "per_page", "include_deleted_channels")


def list_json(found: PostList) -> dict[str, Any]:
    """A list of posts as Mattermost writes it."""
    written: dict[str, Any] = to_json(found)
    return written | {"first_inaccessible_post_time": 0}


async def of_channel(call: RestCall) -> Any:
    """A page of a channel's posts: the newest, or those before or after one; or all changes since a moment."""
    return list_json(await call.workspace.post_views.of_list(await _of_channel(call, call.path("channel_id"))))


async def _of_channel(call: RestCall, channel_id: str) -> PostList:
    lists, threads, page = call.workspace.post_lists, not call.flag("skipFetchThreads"), (call.page, call.per_page)
    if since := call.number("since"):
        return await lists.since(channel_id, since, threads=threads)
    if before := call.query("before"):
        return await lists.before(channel_id, before, *page, threads=threads)
    if after := call.query("after"):
        return await lists.after(channel_id, after, *page, threads=threads)
    return await lists.page(channel_id, *page, threads=threads)


async def pinned(call: RestCall) -> Any:
    """The posts that are pinned to a channel."""
    found = await call.workspace.post_lists.pinned(call.path("channel_id"))
    return list_json(await call.workspace.post_views.of_list(found))


async def thread(call: RestCall) -> Any:
    """All posts of the thread that a post is in."""
    found = await call.workspace.post_lists.thread(call.path("post_id"))
    return list_json(await call.workspace.post_views.of_list(found))


async def by_ids(call: RestCall) -> Any:
    """Those of these posts that who asks may read."""
    post_ids = await call.typed(list[str], "post_ids")
    if not 0 < len(post_ids) <= IDS_MAX:
        raise bad_value("post_ids")
    return await call.workspace.post_views.of(await _readable(call, await call.workspace.post_lists.by_ids(post_ids)))


async def search_in_team(call: RestCall) -> Any:
    """The posts of a team that meet a search, in the channels that who asks is in."""
    team_id = call.path("team_id")
    return await _search(call, team_id)


async def search_everywhere(call: RestCall) -> Any:
    """The posts that meet a search, in the channels that who asks is in."""
    return await _search(call, "")


async def _search(call: RestCall, team_id: str) -> Any:
    search = SearchParameter(**values_of(SearchParameter, await call.object(), SEARCHED))
    if not search.terms.strip():
        raise bad_value("terms")
    found = await call.workspace.post_search.in_team_for(call.user_id, team_id, [typed(search)])
    shown = await call.workspace.post_views.of(found)
    return PostSearchResults(order=[post.id for post in shown], posts={post.id: post for post in shown})


async def _readable(call: RestCall, posts: list[Post]) -> list[Post]:
    allowed: dict[str, bool] = {}
    for channel_id in {post.channel_id for post in posts}:
        try:
            await require_reading(call, await call.workspace.channels.get(channel_id), "read_channel_content")
            allowed[channel_id] = True
        except AppFailure:
            allowed[channel_id] = False
    return [post for post in posts if allowed[post.channel_id]]


ROUTES = [
    RestRoute("GET", "/channels/{channel_id}/posts", of_channel, reading()),
    RestRoute("GET", "/channels/{channel_id}/pinned", pinned, reading()),
    RestRoute("GET", "/posts/{post_id}/thread", thread, reading()),
    RestRoute("POST", "/posts/ids", by_ids, LOGGED_IN.besides("shows what one may read")),
    RestRoute("POST", "/posts/search", search_everywhere, LOGGED_IN.besides("shows what is in one's channels")),
    RestRoute("POST", "/teams/{team_id}/posts/search", search_in_team, team("view_team")),
]
