"""The posts of a channel by pages, by time and around one post, and those of a thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, or_, select, tuple_

from mattermost_plugin.models import Post, PostList
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.errors import invalid
from servehttp.workspace.store.rows import paged, scalar
from servehttp.workspace.store.tables.posts import posts as table

if TYPE_CHECKING:
    from servehttp.workspace.domains.posts.post_store import PostStore
    from servehttp.workspace.domains.posts.posts import Posts

PER_PAGE_MAX = 1000
SINCE_MAX = 1000
"""Posts that `since` gives at most: the latest changes."""

_position = tuple_(table.c.create_at, table.c.id)
_NEWEST = (table.c.create_at.desc(), table.c.id.desc())
_OLDEST = (table.c.create_at, table.c.id)


class PostLists(Domain):
    """Lists of posts, the newest first. With replies come the other posts of their threads, unordered.

    Methods that take pages raise an `AppFailure` with status 400 for a page or a size that is negative, and for more
    than 1000 posts on one.
    """

    post_store: PostStore
    posts: Posts

    async def page(self, channel_id: str, page: int, per_page: int, *, threads: bool = True) -> PostList:
        """A page of a channel's posts; without `threads`, no other posts of threads come along."""
        _check_page(page, per_page, "app.post.get_posts.app_error")
        async with self.db.reading():
            found = await self._page(_in(channel_id).order_by(*_NEWEST), page, per_page)
            return await self._listed(channel_id, found, threads)

    async def before(
        self, channel_id: str, post_id: str, page: int, per_page: int, *, threads: bool = True
    ) -> PostList:
        """A page of the posts before one; none if it is not in the channel."""
        _check_page(page, per_page, "app.post.get_posts_around.get.app_error")
        async with self.db.reading():
            older = _in(channel_id).where(_position < _position_by_id(channel_id, post_id)).order_by(*_NEWEST)
            return await self._listed(channel_id, await self._page(older, page, per_page), threads)

    async def after(self, channel_id: str, post_id: str, page: int, per_page: int, *, threads: bool = True) -> PostList:
        """A page of the posts after one, pages counted from it on; none if it is not in the channel."""
        _check_page(page, per_page, "app.post.get_posts_around.get.app_error")
        async with self.db.reading():
            newer = _in(channel_id).where(_position > _position_by_id(channel_id, post_id)).order_by(*_OLDEST)
            found = await self._page(newer, page, per_page)
            return await self._listed(channel_id, found[::-1], threads)

    async def since(self, channel_id: str, time: int, *, threads: bool = True) -> PostList:
        """The posts that were written, changed or deleted after a time; the deleted ones among them."""
        here = (table.c.channel_id == channel_id) & (table.c.original_id == "")
        latest = select(table).where(here, table.c.update_at > time).order_by(table.c.update_at.desc())
        async with self.db.reading():
            found = await self._page(latest, 0, SINCE_MAX)
            newest_first = sorted(found, key=lambda post: (post.create_at, post.id), reverse=True)
            return PostList(order=_ids(newest_first), posts=await self._with_threads(newest_first, threads))

    async def thread(self, post_id: str) -> PostList:
        """All posts of the thread that a post is in, the first one included.

        Raises:
            AppFailure: 404.
        """
        async with self.db.reading():
            post = await self.posts.get(post_id)
            root_id = post.root_id or post.id
            query = select(table).where(_of_threads([root_id]), table.c.delete_at == 0).order_by(*_NEWEST)
            found = await self.post_store.find(query)
        return PostList(order=_ids(found), posts={each.id: each for each in found})

    async def pinned(self, channel_id: str) -> PostList:
        """The posts that are pinned to a channel."""
        query = _in(channel_id).where(table.c.is_pinned).order_by(*_NEWEST)
        found = await self.post_store.find(query)
        return PostList(order=_ids(found), posts={post.id: post for post in found})

    async def by_ids(self, post_ids: Sequence[str]) -> list[Post]:
        """Those of these posts that exist, the newest first."""
        query = select(table).where(table.c.id.in_(post_ids), table.c.delete_at == 0).order_by(*_NEWEST)
        return await self.post_store.find(query)

    async def _page(self, query: Select[Any], page: int, per_page: int) -> list[Post]:
        return await self.post_store.find(paged(query, page, per_page))

    async def _listed(self, channel_id: str, found: list[Post], threads: bool) -> PostList:
        """A list of posts that are next to one another, with the ids of those next to it."""
        if not found:
            return PostList()
        newer, older = _position > _position_of(found[0]), _position < _position_of(found[-1])
        return PostList(
            order=_ids(found),
            posts=await self._with_threads(found, threads),
            next_post_id=await self._first(_in(channel_id).where(newer).order_by(*_OLDEST)),
            prev_post_id=await self._first(_in(channel_id).where(older).order_by(*_NEWEST)),
        )

    async def _first(self, query: Select[Any]) -> str:
        async with self.db.reading() as tx:
            return await scalar(tx, query.with_only_columns(table.c.id).limit(1)) or ""

    async def _with_threads(self, found: list[Post], threads: bool) -> dict[str, Post]:
        roots = {post.root_id or post.id for post in found}
        query = select(table).where(_of_threads(roots), table.c.delete_at == 0)
        others = await self.post_store.find(query) if threads else []
        return {post.id: post for post in [*others, *found]}


def _in(channel_id: str) -> Select[Any]:
    return select(table).where(table.c.channel_id == channel_id, table.c.delete_at == 0)


def _of_threads(root_ids: Any) -> ColumnElement[bool]:
    return or_(table.c.id.in_(root_ids), table.c.root_id.in_(root_ids))


def _position_by_id(channel_id: str, post_id: str) -> Any:
    place = select(table.c.create_at, table.c.id)
    return place.where(table.c.id == post_id, table.c.channel_id == channel_id).scalar_subquery()


def _position_of(post: Post) -> Any:
    return tuple_(post.create_at, post.id)


def _ids(posts: Sequence[Post]) -> list[str]:
    return [post.id for post in posts]


def _check_page(page: int, per_page: int, id: str) -> None:
    if page < 0 or not 0 <= per_page <= PER_PAGE_MAX:
        raise invalid(id, f"Pages count from 0 and have at most {PER_PAGE_MAX} posts.", where="GetPosts")
