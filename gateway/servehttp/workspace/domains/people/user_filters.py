"""Which users a list or a search is to have."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, case, func, literal, or_, select, true

from mattermost_plugin.models import ViewUsersRestrictions
from servehttp.workspace.errors import invalid
from servehttp.workspace.store.tables.channels import channel_members, channels
from servehttp.workspace.store.tables.groups import group_members
from servehttp.workspace.store.tables.teams import team_members, teams
from servehttp.workspace.store.tables.users import statuses, users
from servehttp.workspace.validation import SEARCH_WORDS_MAX, check_count, check_search

STATUS_ORDER: Mapping[str, int] = {"online": 0, "away": 1, "dnd": 2}
"""Who is there comes first; any other status comes last."""

SEARCHED = ("username", "nickname", "first_name", "last_name", "email")
"""Fields that a search looks at."""


@dataclass(frozen=True)
class UserFilter:
    """Conditions, all of which must hold; what is empty is none. The fields are those of GetUsers and SearchUsers."""

    in_team_id: str = ""
    not_in_team_id: str = ""
    in_channel_id: str = ""
    not_in_channel_id: str = ""
    in_group_id: str = ""
    not_in_group_id: str = ""
    group_constrained: bool = False
    without_team: bool = False
    inactive: bool = False
    active: bool = False
    role: str = ""
    roles: list[str] = field(default_factory=list)
    channel_roles: list[str] = field(default_factory=list)
    team_roles: list[str] = field(default_factory=list)
    updated_after: int = 0
    view_restrictions: ViewUsersRestrictions | None = None

    def check(self) -> None:
        """Accept the conditions.

        Raises:
            AppFailure: 400, no user can meet them, because they contradict one another.
        """
        if self.inactive and self.active:
            raise invalid(
                "api.user.get_users.active_inactive.app_error",
                "A user is either active or inactive.",
                where="GetUsers",
            )

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """What a query of users is restricted by.

        Raises:
            AppFailure: 400, it asks for too many roles, or too long ones.
        """
        self._check_roles()
        yield from self._accounts()
        yield from self._teams()
        yield from self._channels()
        if self.in_group_id:
            yield users.c.id.in_(_in_group(self.in_group_id))
        if self.not_in_group_id:
            yield users.c.id.not_in(_in_group(self.not_in_group_id))
        if self.view_restrictions is not None:
            yield _visible(self.view_restrictions)

    def _check_roles(self) -> None:
        roles = [self.role, *self.roles, *self.channel_roles, *self.team_roles]
        check_count(roles, SEARCH_WORDS_MAX, "roles")
        check_search(" ".join(roles))

    def _accounts(self) -> Iterator[ColumnElement[bool]]:
        if self.inactive:
            yield users.c.delete_at != 0
        if self.active:
            yield users.c.delete_at == 0
        if self.role:
            yield has_word(users.c.roles, self.role)
        if self.roles:
            yield or_(*(has_word(users.c.roles, role) for role in self.roles))
        if self.updated_after:
            yield users.c.update_at > self.updated_after

    def _teams(self) -> Iterator[ColumnElement[bool]]:
        if self.in_team_id:
            yield users.c.id.in_(_in_team(self.in_team_id, self.team_roles))
        if self.not_in_team_id:
            yield users.c.id.not_in(_in_team(self.not_in_team_id))
        if self.without_team:
            yield users.c.id.not_in(select(team_members.c.user_id).where(team_members.c.delete_at == 0))
        if self.group_constrained and (self.in_team_id or self.not_in_team_id):
            team_id = self.in_team_id or self.not_in_team_id
            yield select(teams.c.id).where(teams.c.id == team_id, teams.c.group_constrained).exists()

    def _channels(self) -> Iterator[ColumnElement[bool]]:
        if self.in_channel_id:
            yield users.c.id.in_(_in_channel(self.in_channel_id, self.channel_roles))
        if self.not_in_channel_id:
            yield users.c.id.not_in(_in_channel(self.not_in_channel_id))
        if self.group_constrained and (self.in_channel_id or self.not_in_channel_id):
            channel_id = self.in_channel_id or self.not_in_channel_id
            yield select(channels.c.id).where(channels.c.id == channel_id, channels.c.group_constrained).exists()


def matching(term: str, hidden: Collection[str] = ()) -> ColumnElement[bool]:
    """Users of whose names each word of a term begins one; an "@" before it is left out, and so are hidden fields.

    Raises:
        AppFailure: 400, the term is too long.
    """
    check_search(term)
    names = [users.c[name] for name in SEARCHED if name not in hidden]
    words = term.strip().lstrip("@").lower().split()
    begun = (or_(*(func.lower(name).startswith(word, autoescape=True) for name in names)) for word in words)
    return and_(true(), *begun)


def ordered(query: Select[Any], sort: str) -> Select[Any]:
    """The query in one of Mattermost's orders.

    Raises:
        AppFailure: 400, there is no such order.
    """
    if sort not in ORDERS:
        raise invalid("api.user.get_users.sort.app_error", f"{sort!r} is no order of users.", where="GetUsers")
    joined = query.outerjoin(statuses, statuses.c.user_id == users.c.id)
    return joined.order_by(*ORDERS[sort], users.c.id)


def has_word(column: ColumnElement[Any], word: str) -> ColumnElement[bool]:
    """Whether a text of words with spaces between them has this word, as roles are kept."""
    return (literal(" ") + column + " ").contains(f" {word} ", autoescape=True)


ORDERS: Mapping[str, tuple[ColumnElement[Any], ...]] = {
    "": (users.c.username,),
    "username": (users.c.username,),
    "display_name": (func.lower(func.coalesce(func.nullif(users.c.nickname, ""), users.c.username)),),
    "create_at": (users.c.create_at.desc(),),
    "update_at": (users.c.update_at.desc(),),
    "last_activity_at": (func.coalesce(statuses.c.last_activity_at, 0).desc(),),
    "status": (
        case(STATUS_ORDER, value=func.coalesce(statuses.c.status, "offline"), else_=len(STATUS_ORDER)),
        users.c.username,
    ),
    "admin": (case((has_word(users.c.roles, "system_admin"), 0), else_=1), users.c.username),
}


def _members(table: Table, *conditions: ColumnElement[bool], roles: Sequence[str] = ()) -> Select[Any]:
    having = [or_(*(_has_role(table, role) for role in roles))] if roles else []
    return select(table.c.user_id).where(*conditions, *having)


def _has_role(table: Table, role: str) -> ColumnElement[bool]:
    """Whether a member has a role, be it named or one of the three that every team or channel has."""
    scheme = role.rpartition("_")[2]
    named = has_word(table.c.roles, role)
    return or_(named, table.c[f"scheme_{scheme}"]) if scheme in ("user", "admin", "guest") else named


def _in_team(team_id: str, roles: Sequence[str] = ()) -> Select[Any]:
    return _members(team_members, team_members.c.team_id == team_id, team_members.c.delete_at == 0, roles=roles)


def _in_channel(channel_id: str, roles: Sequence[str] = ()) -> Select[Any]:
    return _members(channel_members, channel_members.c.channel_id == channel_id, roles=roles)


def _in_group(group_id: str) -> Select[Any]:
    return _members(group_members, group_members.c.group_id == group_id, group_members.c.delete_at == 0)


def _visible(restrictions: ViewUsersRestrictions) -> ColumnElement[bool]:
    in_teams = _members(team_members, team_members.c.team_id.in_(restrictions.teams), team_members.c.delete_at == 0)
    in_channels = _members(channel_members, channel_members.c.channel_id.in_(restrictions.channels))
    return or_(users.c.id.in_(in_teams), users.c.id.in_(in_channels))
