"""The search for posts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, and_, func, not_, or_, select, true

from mattermost_plugin.models import Post
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.domains.posts.post_rules import SYSTEM, words
from servehttp.workspace.domains.posts.search_terms import Search
from servehttp.workspace.store.tables.channels import channel_members, channels
from servehttp.workspace.store.tables.posts import post_words
from servehttp.workspace.store.tables.posts import posts as table
from servehttp.workspace.store.tables.users import users

if TYPE_CHECKING:
    from servehttp.workspace.domains.posts.post_store import PostStore

FOUND_MAX = 100
"""Posts that a search finds at most: the latest."""


class PostSearch(Domain):
    """The search for posts that are not deleted; the server's own are never found."""

    post_store: PostStore

    async def in_team(self, team_id: str, searches: Sequence[Search]) -> list[Post]:
        """The posts that meet any of these searches, the newest first: in a team, and in channels without one.

        An empty team means all of them.
        """
        return await self._find(searches, _places(team_id))

    async def in_team_for(self, user_id: str, team_id: str, searches: Sequence[Search]) -> list[Post]:
        """The posts that meet any of these searches, the newest first, in the team's channels that a user is in."""
        mine = select(channel_members.c.channel_id).where(channel_members.c.user_id == user_id)
        return await self._find(searches, _places(team_id).where(channels.c.id.in_(mine)))

    async def _find(self, searches: Sequence[Search], places: Select[Any]) -> list[Post]:
        wanted = [and_(*_conditions(search, places)) for search in searches if not search.is_empty]
        if not wanted:
            return []
        newest = (table.c.create_at.desc(), table.c.id.desc())
        return await self.post_store.find(select(table).where(or_(*wanted)).order_by(*newest).limit(FOUND_MAX))


def _places(team_id: str) -> Select[Any]:
    return select(channels.c.id).where(channels.c.team_id.in_(("", team_id)) if team_id else true())


def _conditions(search: Search, places: Select[Any]) -> Iterator[ColumnElement[bool]]:
    yield table.c.delete_at == 0
    yield not_(table.c.type.startswith(SYSTEM, autoescape=True))
    yield table.c.channel_id.in_(places if search.archived_channels else places.where(channels.c.delete_at == 0))
    if search.terms:
        yield (or_ if search.any_term else and_)(*map(_holds, search.terms))
    yield from (not_(_holds(term)) for term in search.excluded)
    yield from _people(search)
    if search.in_channels:
        yield table.c.channel_id.in_(_channels(search.in_channels))
    if search.excluded_channels:
        yield table.c.channel_id.not_in(_channels(search.excluded_channels))
    yield from (_within(period) for period in search.periods)
    yield from (not_(_within(period)) for period in search.excluded_periods)


def _people(search: Search) -> Iterator[ColumnElement[bool]]:
    if search.from_users:
        yield table.c.user_id.in_(_users(search.from_users))
    if search.excluded_users:
        yield table.c.user_id.not_in(_users(search.excluded_users))


def _holds(term: str) -> ColumnElement[bool]:
    """Whether a post holds a word, words that begin like one with a "*", or a phrase in quotes."""
    text = term.strip('"').lower()
    stem = text.rstrip("*")
    each = [_has(word, as_beginning=stem != text and stem.endswith(word)) for word in sorted(words(stem))]
    if term.startswith('"'):
        each.append(func.lower(table.c.message).contains(text, autoescape=True))
    return and_(true(), *each)


def _has(word: str, *, as_beginning: bool) -> ColumnElement[bool]:
    column = post_words.c.word
    match = column.startswith(word, autoescape=True) if as_beginning else column == word
    return table.c.id.in_(select(post_words.c.post_id).where(match))


def _within(period: tuple[int, int]) -> ColumnElement[bool]:
    begin, end = period
    return and_(table.c.create_at >= begin, table.c.create_at < end)


def _channels(names: Iterable[str]) -> Select[Any]:
    wanted = list(names)
    return select(channels.c.id).where(or_(channels.c.id.in_(wanted), channels.c.name.in_(wanted)))


def _users(names: Iterable[str]) -> Select[Any]:
    wanted = list(names)
    return select(users.c.id).where(or_(users.c.id.in_(wanted), users.c.username.in_(wanted)))
